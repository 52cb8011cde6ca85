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

    #[test]
    fn a_zoom_holds_the_point_under_the_pointer() {
        let at = vec2(0.25, 0.75);
        let lens = PlaneLens::default().zoomed(4.0, at, 100.0);
        let held = lens.seen().min + lens.seen().size() * at;
        assert!((held - pos2(0.25, 0.75)).length() < 1e-6, "{held:?}");
        assert_eq!(lens.zoomed(1e-9, at, 100.0).seen(), PlaneLens::default().seen());
        assert_eq!(PlaneLens::default().zoomed(1e9, at, 8.0).zoom, 8.0);
    }
}
