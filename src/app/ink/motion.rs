//! How far the pictures of a step have come, and whether motion is reduced.

use eframe::egui::Context;

use crate::playback::{Player, STEPS_PER_S};

/// Steps a second from which on a moving tile is a trail: nothing can be followed at that speed.
const BLUR_STEPS_PER_S: f64 = 12.0;

/// What a view needs to draw between two steps. Moves pictures, never numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// From the state before the last step (0) to the state after it (1), eased.
    pub phase: f32,
    /// Too fast to follow: a trail instead of a thing that moves.
    pub is_fast: bool,
    /// Nothing moves: what would is lit instead.
    pub is_reduced: bool,
}

impl Motion {
    /// Nothing is on its way.
    pub fn still() -> Self {
        Self { phase: 1.0, is_fast: false, is_reduced: true }
    }

    /// `is_shown`: the picture on screen is that of the player's cursor and not one before it.
    pub fn of(ctx: &Context, player: &Player, is_shown: bool) -> Self {
        let is_reduced = is_reduced(ctx);
        let is_fast = player.is_playing() && player.speed() * STEPS_PER_S > BLUR_STEPS_PER_S;
        let phase = if is_reduced || !is_shown { 1.0 } else { eased(player.phase()) };
        Self { phase, is_fast, is_reduced }
    }
}

/// Whether the user wants no motion: the toolkit's own animations are off too.
pub fn is_reduced(ctx: &Context) -> bool {
    ctx.global_style().animation_time <= 0.0
}

/// Slow at both ends.
pub fn eased(t: f64) -> f32 {
    let t = t.clamp(0.0, 1.0);
    (t * t * (3.0 - 2.0 * t)) as f32
}

/// `t` of the way from `a` to `b`.
pub fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}
