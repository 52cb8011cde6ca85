//! Where the parts of the strip of steps lie.

use eframe::egui::{Rect, pos2};

/// Lanes of the strip from its top: the loop, the colours with their notches, how much of the schedule is seen.
pub const LOOP_LANE: f32 = 9.0;
pub const OVERHANG: f32 = 3.0;
const SEEN_LANE: f32 = 5.0;

/// The parts of the strip on screen.
#[derive(Clone, Copy)]
pub struct Lanes {
    pub whole: Rect,
    pub looped: Rect,
    pub band: Rect,
    pub seen: Rect,
}

impl Lanes {
    pub fn of(whole: Rect) -> Self {
        let band_top = whole.top() + LOOP_LANE;
        let seen_top = whole.bottom() - SEEN_LANE;
        Self {
            whole,
            looped: Rect::from_min_max(whole.min, pos2(whole.right(), band_top)),
            band: Rect::from_min_max(
                pos2(whole.left(), band_top + OVERHANG),
                pos2(whole.right(), seen_top - 2.0 * OVERHANG),
            ),
            seen: Rect::from_min_max(pos2(whole.left(), seen_top), whole.max),
        }
    }
}
