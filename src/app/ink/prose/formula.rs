//! Formulas: the glyphs and lines that the engine sets, in the ink and the fonts of the window.

use std::sync::Arc;

use eframe::egui::cache::{ComputerMut, FrameCache};
use eframe::egui::epaint::{Mesh, Vertex, WHITE_UV};
use eframe::egui::{self, Color32, Context, Painter, Pos2, Rect, Sense, Ui, pos2, vec2};

use crate::app::ink::fonts;
use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::{fill, say, tr};
use crate::playback::lesson::markdown::formula::{self, DisplayItem, DisplayList, PathCommand};
use crate::sentence::Sentence;

/// The letters of formulas are smaller than those of the text in type of the same size.
const SCALE: f32 = 1.1;

/// A formula that is set.
pub(super) struct Set {
    pub list: Arc<DisplayList>,
    pub tex: String,
}

impl Set {
    pub fn width(&self, size: f32) -> f32 {
        self.list.width as f32 * SCALE * size
    }

    /// Above the baseline.
    pub fn height(&self, size: f32) -> f32 {
        self.list.height as f32 * SCALE * size
    }

    /// Below it.
    pub fn depth(&self, size: f32) -> f32 {
        self.list.depth as f32 * SCALE * size
    }
}

type SetOutcome = Result<Arc<DisplayList>, Sentence>;

/// Sets a formula once for as long as it is shown.
#[derive(Default)]
struct Setter;

impl ComputerMut<(&str, bool), SetOutcome> for Setter {
    fn compute(&mut self, (tex, is_display): (&str, bool)) -> SetOutcome {
        formula::set(tex, is_display).map(Arc::new).map_err(|fault| fault.what)
    }
}

pub(super) fn set(ctx: &Context, tex: &str, is_display: bool) -> SetOutcome {
    ctx.memory_mut(|memory| memory.caches.cache::<FrameCache<SetOutcome, Setter>>().get((tex, is_display)).clone())
}

/// A formula on a line of its own, in the middle; scrolled where it is wider than the text, or what is wrong with it.
pub(super) fn show(ui: &mut Ui, tex: &str, size: f32) {
    let set = match set(ui.ctx(), tex, true) {
        Ok(list) => Set { list, tex: tex.to_owned() },
        Err(what) => {
            let what = say(ui.ctx(), &what);
            let text = fill(ui.ctx(), "{0}: this formula cannot be set: {1}", &[&tex, &what]);
            ui.label(egui::RichText::new(text).size(size).color(Palette::of(ui).trouble));
            return;
        }
    };
    let room = vec2(set.width(size), set.height(size) + set.depth(size));
    egui::ScrollArea::horizontal().id_salt(("formula", tex)).show(ui, |ui| {
        let wide = vec2(room.x.max(ui.available_width()), room.y + 0.5 * size);
        let (rect, response) = ui.allocate_exact_size(wide, Sense::hover());
        place(ui, response.id.with("formula"), &set, rect.center() - room / 2.0, size);
    });
}

/// The largest type, of 40 points at most, in which a formula needs no more than `room`.
pub(super) fn size_for(ui: &Ui, tex: &str, room: egui::Vec2) -> f32 {
    let Ok(list) = set(ui.ctx(), tex, true) else { return theme::TITLE };
    let set = Set { list, tex: tex.to_owned() };
    let (width, height) = (set.width(1.0), set.height(1.0) + set.depth(1.0));
    (room.x / width.max(0.01)).min(room.y / (height + 0.5).max(0.01)).min(40.0)
}

/// The points that a formula on a line of its own takes.
pub(super) fn height(ui: &Ui, tex: &str, size: f32) -> f32 {
    let Ok(list) = set(ui.ctx(), tex, true) else { return size };
    let set = Set { list, tex: tex.to_owned() };
    set.height(size) + set.depth(size) + 0.5 * size
}

/// Paints a formula with its top left corner at `at`; its TeX can be read aloud and copied.
pub(super) fn place(ui: &mut Ui, id: egui::Id, set: &Set, at: Pos2, size: f32) {
    let rect = Rect::from_min_size(at, vec2(set.width(size), set.height(size) + set.depth(size)));
    let response = ui.interact(rect, id, Sense::CLICK).on_hover_text(&set.tex);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &set.tex));
    response.context_menu(|ui| {
        if ui.button(tr(ui.ctx(), "Copy as TeX")).clicked() {
            ui.ctx().copy_text(set.tex.clone());
        }
    });
    if ui.is_rect_visible(rect) {
        paint(ui.painter(), &set.list, at, size, Palette::of(ui).ink);
    }
}

fn paint(painter: &Painter, list: &DisplayList, at: Pos2, size: f32, ink: Color32) {
    let size = SCALE * size;
    let point = |x: f64, y: f64| at + vec2(x as f32, y as f32) * size;
    for item in &list.items {
        match item {
            DisplayItem::GlyphPath { x, y, scale, font, char_code, .. } => {
                let Some(glyph) = char::from_u32(*char_code) else { continue };
                let font = fonts::formula(font, size * *scale as f32);
                let galley = painter.layout_no_wrap(glyph.to_string(), font, ink);
                let baseline = galley.rows.first().and_then(|row| Some(row.pos.y + row.glyphs.first()?.pos.y));
                painter.galley(point(*x, *y) - vec2(0.0, baseline.unwrap_or_default()), galley, ink);
            }
            DisplayItem::Line { x, y, width, thickness, dashed, .. } => {
                let thickness = (*thickness as f32 * size).max(1.0);
                let parts = if *dashed { (*width * 4.0).ceil().max(1.0) as usize } else { 1 };
                let step = *width as f32 * size / parts as f32;
                for part in 0..parts {
                    let left = point(*x, *y) + vec2(step * part as f32, -thickness / 2.0);
                    let length = if *dashed { step * 0.6 } else { step };
                    painter.rect_filled(Rect::from_min_size(left, vec2(length, thickness)), 0.0, ink);
                }
            }
            DisplayItem::Rect { x, y, width, height, .. } => {
                painter.rect_filled(Rect::from_two_pos(point(*x, *y), point(*x + *width, *y + *height)), 0.0, ink);
            }
            DisplayItem::Path { x, y, commands, fill, .. } => {
                let outlines = outlines(commands, |dx, dy| point(*x + dx, *y + dy));
                if *fill {
                    painter.add(filled(&outlines, painter.pixels_per_point(), ink));
                } else {
                    let stroke = egui::Stroke::new((size * 0.04).max(1.0), ink);
                    painter.extend(outlines.into_iter().map(|outline| egui::Shape::line(outline, stroke)));
                }
            }
        }
    }
}

/// Straight pieces in place of a curve.
const PIECES: usize = 12;

/// The outlines of a path, each as points that straight lines join.
fn outlines(commands: &[PathCommand], point: impl Fn(f64, f64) -> Pos2) -> Vec<Vec<Pos2>> {
    let mut outlines: Vec<Vec<Pos2>> = Vec::new();
    for command in commands {
        let last = outlines.last().and_then(|outline| outline.last()).copied();
        let curve: Vec<Pos2> = match (*command, last) {
            (PathCommand::MoveTo { x, y }, _) => {
                outlines.push(vec![point(x, y)]);
                continue;
            }
            (PathCommand::LineTo { x, y }, _) => vec![point(x, y)],
            (PathCommand::QuadTo { x1, y1, x, y }, Some(from)) => {
                let (a, to) = (point(x1, y1), point(x, y));
                pieces(|t| from.lerp(a, t).lerp(a.lerp(to, t), t))
            }
            (PathCommand::CubicTo { x1, y1, x2, y2, x, y }, Some(from)) => {
                let (a, b, to) = (point(x1, y1), point(x2, y2), point(x, y));
                pieces(|t| {
                    let (first, second, third) = (from.lerp(a, t), a.lerp(b, t), b.lerp(to, t));
                    first.lerp(second, t).lerp(second.lerp(third, t), t)
                })
            }
            (PathCommand::Close, _) => {
                outlines.last().and_then(|outline| outline.first()).copied().into_iter().collect()
            }
            _ => Vec::new(),
        };
        if let Some(outline) = outlines.last_mut() {
            outline.extend(curve);
        }
    }
    outlines
}

fn pieces(curve: impl Fn(f32) -> Pos2) -> Vec<Pos2> {
    (1..=PIECES).map(|piece| curve(piece as f32 / PIECES as f32)).collect()
}

/// What lies within the outlines, a line of pixels after the other: they need not be convex. Edges fade over a pixel.
fn filled(outlines: &[Vec<Pos2>], pixels_per_point: f32, ink: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    let bounds = Rect::from_points(&outlines.concat());
    if !bounds.is_finite() {
        return mesh;
    }
    let pixel = 1.0 / pixels_per_point;
    let (first, last) = ((bounds.top() / pixel).floor() as i32, (bounds.bottom() / pixel).ceil() as i32);
    for row in first..last {
        let (top, bottom) = (row as f32 * pixel, (row + 1) as f32 * pixel);
        for (left, right) in spans(outlines, (top + bottom) / 2.0) {
            let half = (pixel / 2.0).min((right - left) / 2.0);
            let edges = [
                (left - half, Color32::TRANSPARENT),
                (left + half, ink),
                (right - half, ink),
                (right + half, Color32::TRANSPARENT),
            ];
            let start = mesh.vertices.len() as u32;
            for (x, color) in edges {
                mesh.vertices.extend([top, bottom].map(|y| Vertex { pos: pos2(x, y), uv: WHITE_UV, color }));
            }
            for quad in 0..3 {
                let corner = start + 2 * quad;
                mesh.add_triangle(corner, corner + 1, corner + 2);
                mesh.add_triangle(corner + 1, corner + 2, corner + 3);
            }
        }
    }
    mesh
}

/// From where to where the line at height `y` is within the outlines: where they wind around it.
fn spans(outlines: &[Vec<Pos2>], y: f32) -> Vec<(f32, f32)> {
    let mut crossings: Vec<(f32, i32)> = Vec::new();
    for outline in outlines {
        let ends = outline.iter().zip(outline.iter().cycle().skip(1));
        for (a, b) in ends.take(outline.len()) {
            if (a.y <= y) != (b.y <= y) {
                let x = a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y);
                crossings.push((x, if a.y < b.y { 1 } else { -1 }));
            }
        }
    }
    crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut spans, mut winding, mut left) = (Vec::new(), 0, 0.0);
    for (x, turn) in crossings {
        if winding == 0 {
            left = x;
        }
        winding += turn;
        if winding == 0 {
            spans.push((left, x));
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square with a square hole in it, wound the other way.
    #[test]
    fn what_lies_within_an_outline_is_filled() {
        let square = |from: f32, to: f32| vec![pos2(from, from), pos2(to, from), pos2(to, to), pos2(from, to)];
        let hole: Vec<Pos2> = square(2.0, 3.0).into_iter().rev().collect();
        let outlines = [square(0.0, 6.0), hole];
        assert_eq!(spans(&outlines, 1.0), [(0.0, 6.0)]);
        assert_eq!(spans(&outlines, 2.5), [(0.0, 2.0), (3.0, 6.0)]);
        assert_eq!(spans(&outlines, 7.0), []);
        let mesh = filled(&outlines, 2.0, theme::PAPER);
        assert!(mesh.is_valid() && mesh.vertices.len() == 8 * (12 + 2));
    }

    #[test]
    fn curves_end_where_they_lead() {
        let commands = [
            PathCommand::MoveTo { x: 0.0, y: 0.0 },
            PathCommand::QuadTo { x1: 1.0, y1: 0.0, x: 1.0, y: 1.0 },
            PathCommand::CubicTo { x1: 1.0, y1: 2.0, x2: 0.0, y2: 2.0, x: 0.0, y: 1.0 },
            PathCommand::Close,
        ];
        let outline = outlines(&commands, |x, y| pos2(x as f32, y as f32)).concat();
        assert_eq!(outline.len(), 1 + 2 * PIECES + 1);
        assert_eq!(
            (outline[PIECES], outline[2 * PIECES], outline[2 * PIECES + 1]),
            (pos2(1.0, 1.0), pos2(0.0, 1.0), Pos2::ZERO)
        );
    }
}
