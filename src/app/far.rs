//! Far: the whole schedule grid, large, with zoom. Of many tiles it is one texture; near enough, cells with their steps.

use eframe::egui::{self, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::playback::Command;
use crate::schedule::TileCounts;

use super::action::Action;
use super::draw;
use super::grid::{GridAt, HIDDEN, cell_text, color_of, legend, paint_cell, summary};
use super::look::Look;
use super::map::Grid;
use super::number::{bytes, grouped};
use super::stage::{Wish, column};
use super::texture::Textures;
use super::theme::{self, Palette, SPACE};
use super::words::{fill, tr};

/// What part of the grid is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    /// 1 shows the whole grid.
    pub zoom: f32,
    /// The part of the grid in the middle, from 0 to 1 along both axes.
    pub center: egui::Vec2,
}

impl Default for Lens {
    fn default() -> Self {
        Self { zoom: 1.0, center: vec2(0.5, 0.5) }
    }
}

/// A cell of the largest zoom is about this wide.
const LARGEST_CELL: f32 = 96.0;
/// Cells from this width on are drawn one by one; only those on screen.
const DRAWN_CELL: f32 = 8.0;

impl Lens {
    /// The part of the grid that is seen, within 0 to 1.
    fn seen(self) -> Rect {
        let half = vec2(0.5, 0.5) / self.zoom.max(1.0);
        let center = self.center.clamp(half, vec2(1.0, 1.0) - half);
        Rect::from_center_size(center.to_pos2(), half * 2.0)
    }

    /// Zoomed by `factor`, with the point of the grid under `at` (a part of the view) held.
    fn zoomed(self, factor: f32, at: egui::Vec2, most: f32) -> Self {
        let seen = self.seen();
        let held = seen.min + seen.size() * at;
        let zoom = (self.zoom * factor).clamp(1.0, most.max(1.0));
        let size = vec2(1.0, 1.0) / zoom;
        Self { zoom, center: (held - size * at).to_vec2() + size * 0.5 }
    }
}

pub fn show(ui: &mut Ui, look: &Look<'_>, lens: Lens, textures: &mut Textures, actions: &mut Vec<Action>) {
    let area = ui.available_rect_before_wrap();
    let side = (area.width() * 0.66).min(area.height()).max(40.0);
    let (left, right) = area.split_left_right_at_x(area.left() + side.max(area.width() * 0.5).min(area.width()));
    column(ui, left, &mut |ui| view(ui, look, lens, textures, actions));
    let right = Rect::from_min_max(right.min + vec2(6.0 * SPACE, 0.0), right.max);
    column(ui, right, &mut |ui| facts(ui, look, lens, actions));
}

fn view(ui: &mut Ui, look: &Look<'_>, lens: Lens, textures: &mut Textures, actions: &mut Vec<Action>) {
    let grid = &look.scene.map.grid;
    let room = ui.available_size();
    let unit = (room.x / grid.cols.max(1) as f32).min(room.y / grid.rows.max(1) as f32);
    // Square tiles; a grid of one row or column is still wide enough to be seen.
    let size = vec2(
        (unit * grid.cols as f32).max(room.x.min(room.y) * 0.15),
        (unit * grid.rows as f32).max(room.x.min(room.y) * 0.15),
    );
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    if rect.width() < 8.0 || rect.height() < 8.0 {
        return;
    }
    let seen = lens.seen();
    paint(ui, rect, seen, look, textures);
    draw::describe(&response, "schedule grid", &summary(ui, look));
    let most = LARGEST_CELL * grid.rows.max(grid.cols) as f32 / rect.width().max(rect.height());
    steer(ui, &response, rect, lens, most, actions);
    let hovered = response.hover_pos().filter(|at| rect.contains(*at)).map(|at| {
        let part = seen.min + seen.size() * ((at - rect.min) / rect.size());
        let within = |part: f32, count: usize| ((part * count as f32) as usize).min(count.saturating_sub(1));
        (within(part.y, grid.rows), within(part.x, grid.cols))
    });
    if let Some((row, col)) = hovered
        && let Some(cell) = grid.cell(row, col)
    {
        let text = cell_text(ui, look, row * grid.row_stride, col * grid.col_stride, cell);
        if response.on_hover_text_at_pointer(text).clicked() && cell.end > 0 {
            actions.push(Action::Player(Command::SeekTo(cell.end)));
        }
    }
}

/// The wheel zooms at the pointer, dragging moves, a double click shows everything.
fn steer(ui: &Ui, response: &egui::Response, rect: Rect, lens: Lens, most: f32, actions: &mut Vec<Action>) {
    let mut wanted = lens;
    if let Some(at) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = (scroll / 200.0).exp() * pinch;
        if factor != 1.0 {
            wanted = wanted.zoomed(factor, (at - rect.min) / rect.size(), most);
        }
    }
    if response.dragged() {
        wanted.center -= response.drag_delta() / rect.size() / wanted.zoom;
        wanted.center = wanted.seen().center().to_vec2();
    }
    if response.double_clicked() {
        wanted = Lens::default();
    }
    if wanted != lens {
        actions.push(Action::Stage(Wish::Lens(wanted)));
    }
}

fn paint(ui: &Ui, rect: Rect, seen: Rect, look: &Look<'_>, textures: &mut Textures) {
    let (palette, grid, cursor) = (Palette::of(ui), &look.scene.map.grid, look.snapshot.cursor);
    let at = GridAt::of(look);
    let painter = ui.painter_at(rect.expand(2.0));
    painter.rect_filled(rect, 0.0, palette.background);
    let place = |row: usize, col: usize| cell_place(grid, rect, seen, row, col);
    if place(0, 0).width() < DRAWN_CELL {
        let color = |row, col| at.cell(row, col).map_or(palette.background, |cell| color_of(palette, &cell, cursor));
        let texture = textures.get(ui.ctx(), "grid", at.key(ui), (grid.rows, grid.cols), color);
        painter.image(texture, rect, seen, theme::NO_TINT);
    } else {
        let range = |from: f32, to: f32, count: usize| {
            (from * count as f32).floor() as usize..((to * count as f32).ceil() as usize).min(count)
        };
        for row in range(seen.top(), seen.bottom(), grid.rows) {
            for col in range(seen.left(), seen.right(), grid.cols) {
                if let Some(cell) = at.cell(row, col) {
                    paint_cell(&painter.with_clip_rect(rect), place(row, col), &cell, cursor, palette);
                }
            }
        }
    }
    painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
    if let Some((i, j)) = look.snapshot.tile() {
        let (row, col) = grid.position(i, j);
        let cell = place(row, col);
        let mark = Rect::from_center_size(cell.center(), cell.size().max(vec2(10.0, 10.0)));
        if rect.intersects(mark) {
            painter.rect_stroke(mark, 2.0, Stroke::new(5.0, palette.background), StrokeKind::Middle);
            painter.rect_stroke(mark, 2.0, Stroke::new(3.0, palette.ink), StrokeKind::Middle);
        }
    }
}

fn cell_place(grid: &Grid, rect: Rect, seen: Rect, row: usize, col: usize) -> Rect {
    let corner = |row: usize, col: usize| {
        let part = pos2(col as f32 / grid.cols.max(1) as f32, row as f32 / grid.rows.max(1) as f32);
        rect.min + (part - seen.min) / seen.size() * rect.size()
    };
    Rect::from_min_max(corner(row, col), corner(row + 1, col + 1))
}

/// What the grid adds up to.
fn facts(ui: &mut Ui, look: &Look<'_>, lens: Lens, actions: &mut Vec<Action>) {
    let plan = look.scene.plan();
    draw::title(ui, "Schedule");
    let sizes =
        fill(ui.ctx(), "{0} query x {1} key blocks of {2} x {3}", &[&plan.t_r(), &plan.t_c(), &plan.br, &plan.bc]);
    draw::caption(ui, &sizes);
    ui.add_space(2.0 * SPACE);
    if look.question.hides_classes {
        draw::caption(ui, HIDDEN);
        return;
    }
    let counts = TileCounts::of_plan(plan);
    let visited = look.snapshot.totals.tiles;
    let done = visited.full + visited.partial + visited.skipped;
    let all = grouped(counts.full + counts.partial + counts.skipped);
    let begun = fill(ui.ctx(), "{0} of {1}", &[&grouped(done), &all]);
    draw::value_row(ui, "tiles begun", &begun, "tiles begun");
    for (name, accessible, count) in [
        ("full", "full tiles", counts.full),
        ("partial", "partial tiles", counts.partial),
        ("skipped", "skipped tiles", counts.skipped),
    ] {
        draw::value_row(ui, name, &grouped(count), accessible);
    }
    let moved = look.snapshot.totals.traffic.hbm_bytes();
    draw::value_row(ui, "moved so far", &bytes(moved), "bytes moved so far");
    legend(ui, Palette::of(ui), &counts, look.scene.map.grid.is_thinned());
    draw::caption(ui, "wheel: zoom, drag: move");
    if lens.zoom > 1.0 && ui.button(tr(ui.ctx(), "Show all")).clicked() {
        actions.push(Action::Stage(Wish::Lens(Lens::default())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoom_holds_the_point_under_the_pointer() {
        let at = vec2(0.25, 0.75);
        let lens = Lens::default().zoomed(4.0, at, 100.0);
        let held = lens.seen().min + lens.seen().size() * at;
        assert!((held - pos2(0.25, 0.75)).length() < 1e-6, "{held:?}");
        assert_eq!(lens.zoomed(1e-9, at, 100.0).seen(), Lens::default().seen());
        assert_eq!(Lens::default().zoomed(1e9, at, 8.0).zoom, 8.0);
    }
}
