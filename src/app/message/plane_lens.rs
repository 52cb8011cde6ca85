//! What part of the plane of tiles is seen.

use eframe::egui::{Rect, Vec2, vec2};

/// What part of the plane is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneLens {
    /// 1 shows all of it.
    pub zoom: f32,
    /// The part in the middle, from 0 to 1 along both axes.
    pub center: Vec2,
}

impl Default for PlaneLens {
    fn default() -> Self {
        Self { zoom: 1.0, center: vec2(0.5, 0.5) }
    }
}

impl PlaneLens {
    /// The part that is seen, within 0 to 1.
    pub fn seen(self) -> Rect {
        let half = vec2(0.5, 0.5) / self.zoom.max(1.0);
        let center = self.center.clamp(half, vec2(1.0, 1.0) - half);
        Rect::from_center_size(center.to_pos2(), half * 2.0)
    }

    /// Zoomed by `factor`, with the point under `at` (a part of the view) held.
    pub fn zoomed(self, factor: f32, at: Vec2, most: f32) -> Self {
        let seen = self.seen();
        let held = seen.min + seen.size() * at;
        let zoom = (self.zoom * factor).clamp(1.0, most.max(1.0));
        let size = vec2(1.0, 1.0) / zoom;
        Self { zoom, center: (held - size * at).to_vec2() + size * 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::pos2;
    use proptest::prelude::*;

    #[test]
    fn a_zoom_holds_the_point_under_the_pointer() {
        let at = vec2(0.25, 0.75);
        let lens = PlaneLens::default().zoomed(4.0, at, 100.0);
        let held = lens.seen().min + lens.seen().size() * at;
        assert!((held - pos2(0.25, 0.75)).length() < 1e-6, "{held:?}");
        assert_eq!(lens.zoomed(1e-9, at, 100.0).seen(), PlaneLens::default().seen());
        assert_eq!(PlaneLens::default().zoomed(1e9, at, 8.0).zoom, 8.0);
    }

    proptest! {
        /// Whatever the wheel does, what is seen is a part of the plane, and the point under the pointer stays where it can.
        #[test]
        fn what_is_seen_is_a_part_of_the_plane(turns in prop::collection::vec((0.2f32..5.0, 0f32..1.0, 0f32..1.0), 1..20)) {
            let mut lens = PlaneLens::default();
            for (factor, x, y) in turns {
                let (at, before) = (vec2(x, y), lens.seen());
                lens = lens.zoomed(factor, at, 64.0);
                let seen = lens.seen();
                prop_assert!((1.0..=64.0).contains(&lens.zoom), "{lens:?}");
                let whole = Rect::from_min_max(pos2(-1e-4, -1e-4), pos2(1.0001, 1.0001));
                prop_assert!(whole.contains_rect(seen), "{seen:?}");
                prop_assert!((seen.width() * lens.zoom - 1.0).abs() < 1e-3 && (seen.height() * lens.zoom - 1.0).abs() < 1e-3);
                // Closer, the point is among what was seen before and need not be moved into the plane.
                if factor >= 1.0 {
                    let (was, is) = (before.min + before.size() * at, seen.min + seen.size() * at);
                    prop_assert!((was - is).length() < 1e-3, "{was:?} came to {is:?}");
                }
            }
        }
    }
}
