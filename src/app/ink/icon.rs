//! Buttons with a drawn sign: the bundled fonts have none for stepping.

use eframe::egui::{
    self, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

/// The sign of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    ToStart,
    TileBack,
    Back,
    Play,
    Pause,
    Forward,
    TileForward,
    ToEnd,
    Loop,
    NoLoop,
}

/// A button with a sign, a name for those who cannot see it, and a tooltip.
pub fn button(ui: &mut Ui, icon: Icon, name: &str, tooltip: &str) -> Response {
    let width = if matches!(icon, Icon::Play | Icon::Pause) { 56.0 } else { 32.0 };
    let (rect, response) = ui.allocate_exact_size(vec2(width, 28.0), Sense::click());
    let visuals = ui.style().interact(&response);
    let painter = ui.painter();
    painter.rect(rect, visuals.corner_radius, visuals.weak_bg_fill, visuals.bg_stroke, StrokeKind::Inside);
    paint(painter, rect.center(), icon, visuals.fg_stroke.color);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response.on_hover_text(tooltip)
}

fn paint(painter: &Painter, at: Pos2, icon: Icon, color: egui::Color32) {
    let bar = |x: f32| {
        let rect = Rect::from_center_size(at + vec2(x, 0.0), vec2(2.5, 11.0));
        painter.rect_filled(rect, 0.0, color);
    };
    match icon {
        Icon::Play => triangle(painter, at, 12.0, color),
        Icon::Pause => {
            for x in [-3.0, 3.0] {
                let rect = Rect::from_center_size(at + vec2(x, 0.0), vec2(3.5, 12.0));
                painter.rect_filled(rect, 0.0, color);
            }
        }
        // One step: a triangle against a bar.
        Icon::Forward => {
            triangle(painter, at - vec2(2.0, 0.0), 8.0, color);
            bar(4.5);
        }
        Icon::Back => {
            triangle(painter, at + vec2(2.0, 0.0), -8.0, color);
            bar(-4.5);
        }
        // A tile: two triangles.
        Icon::TileForward => [-4.0, 4.0].into_iter().for_each(|x| triangle(painter, at + vec2(x, 0.0), 8.0, color)),
        Icon::TileBack => [-4.0, 4.0].into_iter().for_each(|x| triangle(painter, at + vec2(x, 0.0), -8.0, color)),
        // All the way: two triangles against a bar.
        Icon::ToEnd => {
            [-6.0, 1.0].into_iter().for_each(|x| triangle(painter, at + vec2(x, 0.0), 7.0, color));
            bar(7.5);
        }
        Icon::ToStart => {
            [6.0, -1.0].into_iter().for_each(|x| triangle(painter, at + vec2(x, 0.0), -7.0, color));
            bar(-7.5);
        }
        Icon::Loop => round(painter, at, color),
        Icon::NoLoop => {
            round(painter, at, color);
            painter.line_segment([at + vec2(-7.0, 7.0), at + vec2(7.0, -7.0)], Stroke::new(2.0, color));
        }
    }
}

/// A way that comes back to where it began.
fn round(painter: &Painter, at: Pos2, color: egui::Color32) {
    let way = Rect::from_center_size(at, vec2(16.0, 9.0));
    painter.rect_stroke(way, 4.0, Stroke::new(1.5, color), StrokeKind::Middle);
    triangle(painter, way.center_top() + vec2(1.0, 0.0), 5.0, color);
}

/// Pointing right, or left where `width` is negative.
fn triangle(painter: &Painter, at: Pos2, width: f32, color: egui::Color32) {
    let height = width.abs() * 0.65;
    let (back, front) = (at.x - width / 2.0, at.x + width / 2.0);
    let points = vec![pos2(back, at.y - height), pos2(front, at.y), pos2(back, at.y + height)];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}
