//! The schedule grid: every tile, what the mask leaves of it, and how far the work has come.

use eframe::egui::{self, Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text, hatch};
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::lesson::Answer;
use crate::app::run::overview::{Cell, Grid};
use crate::app::run::scene::FinishedRun;
use crate::app::run::stored::TileProgress;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::attention::TileClass;
use crate::playback::Command;
use crate::playback::lesson::ClickOn;
use crate::schedule::TileCounts;

/// Grids of more rows or columns are one texture.
const MOST_DRAWN: usize = 64;

pub fn show(ui: &mut Ui, look: &Look<'_>, textures: &mut Textures, messages: &mut Vec<Message>) {
    let palette = Palette::of(ui);
    let plan = look.scene.plan();
    draw::title(ui, "Schedule");
    draw::caption(ui, &fill(ui.ctx(), "{0} query x {1} key blocks", &[&plan.t_r(), &plan.t_c()]));
    let grid = &look.scene.map.grid;
    let legend_height = 5.0 * 20.0;
    let side = ui.available_width().min((ui.available_height() - legend_height).max(40.0));
    // Square tiles where both axes allow it; the longer axis fills the side.
    let unit = side / grid.rows.max(grid.cols).max(1) as f32;
    let size = vec2((unit * grid.cols as f32).max(side * 0.2), (unit * grid.rows as f32).max(side * 0.2));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if ui.is_rect_visible(rect) && size.x > 0.0 {
        paint(ui, rect, &GridAt::of(look), "grid", textures);
    }
    draw::describe(&response, "schedule grid", &summary(ui, look));
    let hovered = response.hover_pos().and_then(|at| cell_at(grid, rect, at));
    if let Some((row, col)) = hovered
        && let Some(cell) = grid.cell(row, col)
    {
        let text = cell_text(ui, look, row * grid.row_stride, col * grid.col_stride, cell);
        if response.clone().on_hover_text_at_pointer(text).clicked() {
            messages.extend(clicked(look, (row * grid.row_stride, col * grid.col_stride), cell));
        }
    }
    if look.question.hides.classes {
        draw::caption(ui, tr(ui.ctx(), HIDDEN));
    } else {
        legend(ui, palette, &TileCounts::of_plan(plan), grid.is_thinned());
    }
}

/// A click on a tile answers where a lesson asks for one; else it goes to the tile's last step.
pub fn clicked(look: &Look<'_>, (i, j): (usize, usize), cell: &Cell) -> Option<Message> {
    match look.question.asks {
        Some(ClickOn::Tile) => Some(Message::Answer(Answer::Tile(i, j))),
        _ => (cell.end > 0).then_some(Message::Player(Command::SeekTo(cell.end))),
    }
}

/// In place of what a lesson asks for.
pub const HIDDEN: &str = "The classes of the tiles are yours to find.";

/// A grid as far as a run has come.
pub struct GridAt<'a> {
    pub scene: &'a FinishedRun,
    pub cursor: u64,
    pub tile: Option<(usize, usize)>,
    /// Tiles begun so far.
    pub tiles: TileCounts,
    /// What the scene is known by.
    pub id: u64,
    /// All tiles look alike: a lesson asks for their classes.
    pub hides_classes: bool,
}

impl<'a> GridAt<'a> {
    pub fn of(look: &Look<'a>) -> Self {
        let snapshot = look.snapshot;
        Self {
            scene: look.scene,
            cursor: snapshot.cursor,
            tile: snapshot.tile().filter(|_| snapshot.view.step.is_some_and(|step| look.scene.run.is_shown(&step))),
            tiles: snapshot.totals.tiles,
            id: look.generation,
            hides_classes: look.question.hides.classes,
        }
    }

    /// The tile at a row and column of the grid, as it may be shown.
    pub fn cell(&self, row: usize, col: usize) -> Option<Cell> {
        let cell = *self.scene.map.grid.cell(row, col)?;
        let plain = Cell { class: TileClass::Full, first: u64::MAX, end: u64::MAX };
        Some(if self.hides_classes { plain } else { cell })
    }

    /// What its colours depend on: less than the cursor, so that most steps repaint nothing.
    pub fn key(&self, ui: &Ui) -> impl std::hash::Hash {
        let grid = &self.scene.map.grid;
        let progress = self.tile.map(|(i, j)| {
            let (row, col) = grid.position(i, j);
            grid.cell(row, col).map(|cell| cell.progress(self.cursor) as u8)
        });
        let begun = self.tiles.full + self.tiles.partial + self.tiles.skipped;
        let section = self.scene.schedule().section_of(self.cursor.saturating_sub(1));
        (self.id, ui.visuals().dark_mode, section, begun, self.tile, progress, self.hides_classes)
    }
}

/// Paints it, large or small; of many tiles it is the texture `name`.
pub fn paint(ui: &Ui, rect: Rect, at: &GridAt<'_>, name: &'static str, textures: &mut Textures) {
    let (grid, cursor, palette) = (&at.scene.map.grid, at.cursor, Palette::of(ui));
    let painter = ui.painter_at(rect.expand(2.0));
    painter.rect_filled(rect, 0.0, palette.background);
    if grid.rows.max(grid.cols) > MOST_DRAWN {
        let color = |row, col| at.cell(row, col).map_or(palette.background, |cell| color_of(palette, &cell, cursor));
        let texture = textures.get(ui.ctx(), name, at.key(ui), (grid.rows, grid.cols), color);
        painter.image(texture, rect, UV, theme::NO_TINT);
        painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
    } else {
        for (row, col) in (0..grid.rows).flat_map(|row| (0..grid.cols).map(move |col| (row, col))) {
            if let Some(cell) = at.cell(row, col) {
                paint_cell(&painter, cell_rect(grid, rect, row, col), &cell, cursor, palette);
            }
        }
    }
    if let Some((i, j)) = at.tile {
        let (row, col) = grid.position(i, j);
        let cell = cell_rect(grid, rect, row, col);
        // A tile of a pixel or two still has a mark that can be found.
        let mark = Rect::from_center_size(cell.center(), cell.size().max(vec2(6.0, 6.0)));
        painter.rect_stroke(mark, 1.0, Stroke::new(4.0, palette.background), StrokeKind::Middle);
        painter.rect_stroke(mark, 1.0, palette.outline(), StrokeKind::Middle);
    }
}

/// The whole of a texture.
pub const UV: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };

pub fn paint_cell(painter: &egui::Painter, rect: Rect, cell: &Cell, cursor: u64, palette: &Palette) {
    let inner = rect.shrink(if rect.width() > 6.0 { 1.0 } else { 0.0 });
    painter.rect_filled(inner, 1.0, color_of(palette, cell, cursor));
    if cell.class == TileClass::Partial && rect.width() >= 6.0 {
        hatch(painter, inner, palette.hatch, (rect.width() / 5.0).clamp(4.0, 8.0));
    }
    if rect.width() >= 6.0 {
        painter.rect_stroke(inner, 1.0, palette.hairline(), StrokeKind::Inside);
    }
}

pub fn color_of(palette: &Palette, cell: &Cell, cursor: u64) -> Color32 {
    match cell.progress(cursor) {
        TileProgress::Never => palette.background,
        TileProgress::Ahead => palette.empty,
        TileProgress::Begun => palette.accent_soft,
        TileProgress::Done => palette.done,
    }
}

fn cell_rect(grid: &Grid, rect: Rect, row: usize, col: usize) -> Rect {
    let size = vec2(rect.width() / grid.cols as f32, rect.height() / grid.rows as f32);
    Rect::from_min_size(rect.min + vec2(col as f32 * size.x, row as f32 * size.y), size)
}

fn cell_at(grid: &Grid, rect: Rect, at: egui::Pos2) -> Option<(usize, usize)> {
    let part = (at - rect.min) / rect.size();
    let within = |part: f32, count: usize| (part * count as f32).floor().clamp(0.0, count.saturating_sub(1) as f32);
    rect.contains(at).then(|| (within(part.y, grid.rows) as usize, within(part.x, grid.cols) as usize))
}

/// The whole grid in a line: for those who cannot see it.
pub fn summary(ui: &Ui, look: &Look<'_>) -> String {
    let current = tile_text(ui.ctx(), look.snapshot.tile());
    if look.question.hides.classes {
        return current;
    }
    let TileCounts { full, partial, skipped } = TileCounts::of_plan(look.scene.plan());
    fill(ui.ctx(), "{0} full, {1} partial, {2} skipped; {3}", &[&full, &partial, &skipped, &current])
}

pub fn tile_text(ctx: &egui::Context, tile: Option<(usize, usize)>) -> String {
    match tile {
        Some((i, j)) => fill(ctx, "at tile (i {0}, j {1})", &[&i, &j]),
        None => tr(ctx, "no tile yet").to_owned(),
    }
}

pub fn cell_text(ui: &Ui, look: &Look<'_>, i: usize, j: usize, cell: &Cell) -> String {
    let ctx = ui.ctx();
    let plan = look.scene.plan();
    let (rows, cols) = (plan.rows(i), plan.cols(j));
    let state = match cell.progress(look.snapshot.cursor) {
        TileProgress::Never => "no step works on it",
        TileProgress::Ahead => "still to come",
        TileProgress::Begun => "begun",
        TileProgress::Done => "done",
    };
    let (class, state) = (tr(ctx, cell.class.name()), tr(ctx, state));
    let is_hidden = look.question.hides.classes;
    let mut text = if is_hidden {
        fill(ctx, "tile (i {0}, j {1})", &[&i, &j])
    } else {
        fill(ctx, "tile (i {0}, j {1}): {2}, {3}", &[&i, &j, &class, &state])
    };
    let (last_row, last_col) = (rows.end - 1, cols.end - 1);
    text.push('\n');
    text += &fill(ctx, "queries {0} to {1}, keys {2} to {3}", &[&rows.start, &last_row, &cols.start, &last_col]);
    if cell.end > 0 && !is_hidden {
        text.push('\n');
        text += &fill(ctx, "steps {0} to {1}", &[&(cell.first + 1), &cell.end]);
    }
    text
}

pub fn legend(ui: &mut Ui, palette: &Palette, counts: &TileCounts, is_thinned: bool) {
    ui.add_space(SPACE);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 60.0), Sense::hover());
    let painter = ui.painter_at(rect);
    let column = rect.width() / 2.0;
    let at = |n: usize| rect.min + vec2((n % 2) as f32 * column, (n / 2) as f32 * 20.0 + 2.0);
    draw::legend_item(&painter, at(0), palette.done, "done", palette);
    draw::legend_item(&painter, at(1), palette.empty, "to come", palette);
    draw::legend_item(&painter, at(2), palette.empty, &fill(ui.ctx(), "partial {0}", &[&counts.partial]), palette);
    hatch(&painter, Rect::from_min_size(at(2), vec2(12.0, 12.0)), palette.faint_ink, 4.0);
    draw::legend_item(&painter, at(3), palette.background, &fill(ui.ctx(), "skipped {0}", &[&counts.skipped]), palette);
    let note = if is_thinned { "every n-th tile is shown" } else { "click a tile to go there" };
    let line = Rect::from_min_size(at(4), vec2(rect.width(), 16.0));
    fit_text(&painter, line, Align2::LEFT_CENTER, tr(ui.ctx(), note), theme::text(theme::LABEL), palette.faint_ink);
}
