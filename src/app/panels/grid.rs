//! The tiles of a schedule in words: what the mask leaves of each, and how far the work has come.

use eframe::egui::{self, Ui};

use crate::app::message::Message;
use crate::app::message::lesson::Answer;
use crate::app::run::overview::Cell;
use crate::app::run::scene::FinishedRun;
use crate::app::run::stored::TileProgress;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::attention::TileClass;
use crate::playback::Command;
use crate::playback::lesson::ClickOn;
use crate::schedule::TileCounts;

/// A click on a tile answers where a lesson asks for one; else it goes to the tile's last step.
pub fn clicked(look: &Look<'_>, (i, j): (usize, usize), cell: &Cell) -> Option<Message> {
    match look.question.asks {
        Some(ClickOn::Tile) => Some(Message::Answer(Answer::Tile(i, j))),
        _ => (cell.end > 0).then_some(Message::Player(Command::SeekTo(cell.end))),
    }
}

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

    /// How far the work on a tile has come, as it may be shown.
    pub fn progress(&self, cell: &Cell) -> TileProgress {
        if self.hides_classes { TileProgress::Ahead } else { cell.progress(self.cursor) }
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

/// The whole grid in a line: for those who cannot see it.
pub fn summary(ui: &Ui, look: &Look<'_>) -> String {
    let current = tile_text(ui.ctx(), look.snapshot.tile());
    if look.question.hides.classes {
        return current;
    }
    let TileCounts { full, partial, skipped } = look.scene.map.tiles;
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
