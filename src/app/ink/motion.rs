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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::playback::{Command, Unit};
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_way_is_eased_from_end_to_end(a in -1f64..2.0, b in -1f64..2.0) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(eased(low) <= eased(high) && (0.0..=1.0).contains(&eased(a)));
            // As slow at its end as at its start.
            prop_assert!((eased(a) + eased(1.0 - a) - 1.0).abs() < 1e-6);
        }

        #[test]
        fn a_part_of_the_way_lies_between_its_ends(a in -9f32..9.0, b in -9f32..9.0, t in 0f32..1.0) {
            prop_assert_eq!((lerp(a, b, 0.0), lerp(a, a, t)), (a, a));
            prop_assert!((lerp(a, b, 1.0) - b).abs() < 1e-5);
            prop_assert!((a.min(b) - 1e-5..=a.max(b) + 1e-5).contains(&lerp(a, b, t)));
        }
    }

    #[test]
    fn motion_follows_the_player_only_where_its_picture_is_shown() {
        let ctx = Context::default();
        let flash2 = algorithm::by_name("flash2").expect("a text");
        let plan = Plan::new(8, 8, 4, Tiling { br: 4, bc: 4 }, Precision::F32);
        let schedule = Schedule::new(flash2, plan);
        let mut player = Player::default();
        player.apply(&schedule, Command::StepForward(Unit::Operation));
        player.apply(&schedule, Command::Tick(0.01));
        let seen = Motion::of(&ctx, &player, true);
        assert!(seen.phase > 0.0 && seen.phase < 1.0 && !seen.is_fast && !seen.is_reduced, "{seen:?}");
        assert_eq!(Motion::of(&ctx, &player, false).phase, 1.0, "a picture before it stands still");
        player.apply(&schedule, Command::Toggle);
        for (steps_per_s, is_fast) in [(0.9 * BLUR_STEPS_PER_S, false), (1.1 * BLUR_STEPS_PER_S, true)] {
            player.apply(&schedule, Command::SetSpeed(steps_per_s / STEPS_PER_S));
            assert_eq!(Motion::of(&ctx, &player, true).is_fast, is_fast, "{steps_per_s}");
        }
        ctx.all_styles_mut(|style| style.animation_time = 0.0);
        let reduced = Motion::of(&ctx, &player, true);
        assert!(reduced.is_reduced && reduced.phase == 1.0, "{reduced:?}");
        player.apply(&schedule, Command::Toggle);
        assert!(!Motion::of(&ctx, &player, true).is_fast, "what stands is not fast");
    }
}
