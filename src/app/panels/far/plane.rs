//! The plane of all pairs of query and key: what of it exists in HBM, what was computed and never stored, what the mask
//! skips; the loops at its edges; the tile at hand.

use eframe::egui::{Color32, ColorImage, Rect, Shape, Stroke, StrokeKind, vec2};

use crate::app::run::ghosts::{self, Ghosts};
use crate::app::run::stored::{StoredBlocks, TileProgress};
use crate::attention::TileClass;
use crate::schedule::language::{Action, Axis};
use crate::schedule::{Place, Tensor};

use super::figure::{self, Map, RunsAtOnce, loops};
use super::layout::BEHIND;
use crate::app::ink::draw::hatch;
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette};
use crate::app::panels::grid::GridAt;
use crate::app::state::seen::Look;

/// Cells from this width on are drawn one by one; only those on screen.
const DRAWN_CELL: f32 = 6.0;
/// Pairs of query and key up to this are hatched one by one where the mask hides them.
const MOST_PAIRS: usize = 1 << 10;
/// A band that is thinner has no outline.
const LEAST_OUTLINE: f32 = 2.0;

/// `names` are those of the textures of tiles and of ghosts.
pub fn paint(map: &Map<'_>, names: [&'static str; 2], textures: &mut Textures) {
    let (ui, layout, palette) = (map.ui, map.layout, map.palette);
    for (n, _) in layout.sheets.iter().enumerate().skip(1).rev() {
        sheet_behind(map, n);
    }
    let painter = ui.painter();
    painter.rect_filled(layout.plane, 0.0, palette.background);
    let at = GridAt::of(map.look);
    let front = front_sheet(map);
    let sheet = front.map(|tensor| FrontSheet(at.scene.map.stored.of(tensor)));
    let grid = &at.scene.map.grid;
    let cell = vec2(layout.plane.width() / grid.cols as f32, layout.plane.height() / grid.rows as f32)
        / map.window.seen().size();
    if cell.min_elem() < DRAWN_CELL {
        let key = (at.key(ui), front.map(Tensor::name));
        let texture = textures.picture(ui.ctx(), names[0], key, || tiles(map, &at, sheet));
        painter.image(texture, layout.plane, map.window.seen(), theme::NO_TINT);
    } else {
        let ghosts = shown_ghosts(map);
        if let Some(ghosts) = ghosts {
            let key = (at.key(ui), at.cursor);
            let texture = textures.picture(ui.ctx(), names[1], key, || pattern(map, &at, ghosts));
            painter.image(texture, layout.plane, map.window.seen(), theme::NO_TINT);
        }
        cells(map, &at, sheet, ghosts.is_some());
    }
    edge(map);
    row(map);
    at_once(map);
    brackets(map);
    tile(map, &at);
}

/// A sheet of HBM has an edge; where no tensor of tiles is stored the plane is none, and has a broken line.
fn edge(map: &Map<'_>) {
    let (painter, plane) = (map.ui.painter(), map.layout.plane);
    let stroke = Stroke::new(1.0, map.palette.faint_ink);
    if !map.layout.sheets.is_empty() {
        painter.rect_stroke(plane, 0.0, stroke, StrokeKind::Outside);
        return;
    }
    let around = plane.expand(0.5);
    let corners =
        [around.left_top(), around.right_top(), around.right_bottom(), around.left_bottom(), around.left_top()];
    painter.extend(Shape::dashed_line(&corners, stroke, 3.0, 3.0));
}

/// Of the tensors that lie whole in HBM, the one that the kernel at hand writes, else one that it reads.
pub fn front_sheet(map: &Map<'_>) -> Option<Tensor> {
    let schedule = map.look.scene.schedule();
    let (kernel, text) = (figure::kernel(map.look), schedule.algorithm.text());
    let of = |is_stored: bool| {
        let lines = text.lines.iter().filter(|line| line.kernel == kernel);
        let actions = lines.flat_map(|line| &line.statements).map(|statement| &statement.action);
        let tensors = actions.filter(|action| matches!(action, Action::Store { .. }) == is_stored);
        let tensors = tensors.filter_map(|action| Some(schedule.algorithm.tensor(action.tensor()?)));
        let mut found: Vec<Tensor> = tensors.filter(|tensor| map.layout.sheets.contains(tensor)).collect();
        found.pop()
    };
    of(true).or_else(|| of(false)).or(map.layout.sheets.first().copied())
}

/// Names of tiles on chip of the kernel at hand, where no tile goes to HBM.
pub fn on_chip_only(look: &Look<'_>) -> Vec<String> {
    let buffers = figure::buffers(look);
    let tiles = buffers.iter().filter(|buffer| buffer.axis.is_none() && !buffer.is_whole_rows && buffer.cols > 1);
    let plan = look.scene.plan();
    let tiles = tiles.filter(|buffer| (buffer.rows, buffer.cols) == (plan.br, plan.bc));
    let stored = |name: &&String| {
        Tensor::known(name).and_then(|tensor| look.scene.schedule().algorithm.of_tensor(tensor)).is_none()
    };
    tiles.flat_map(|buffer| &buffer.names).filter(stored).cloned().collect()
}

/// What a tile that is over looks like: there is less of it where nothing was stored.
pub fn done(palette: &Palette, is_stored: bool) -> Color32 {
    if is_stored { palette.done } else { palette.empty }
}

/// What a tile that no step works on looks like: the ground, since nothing of it is ever anywhere.
pub fn skipped(palette: &Palette) -> Color32 {
    palette.hbm
}

/// The tensor of tiles that lies in front: the blocks that lines write of it; none of one that is given.
#[derive(Clone, Copy)]
struct FrontSheet<'a>(Option<&'a StoredBlocks>);

impl FrontSheet<'_> {
    /// What is given lies there whole.
    fn progress(self, (row, col): (usize, usize), cursor: u64) -> TileProgress {
        self.0.map_or(TileProgress::Done, |blocks| blocks.cell_progress(row, col, cursor))
    }
}

/// What a tile looks like: by how far the work on it has come, and by how far its block of the sheet in front is written.
struct Tones {
    worked: [Color32; 4],
    written: [Color32; 4],
}

impl Tones {
    fn of(map: &Map<'_>) -> Self {
        use TileProgress::{Ahead, Begun, Done, Never};
        let palette = map.palette;
        let is_again = map.look.scene.schedule().algorithm.is_backward();
        let worked = |progress| match progress {
            Never => skipped(palette),
            // A backward pass begins on what the forward pass computed and did not store.
            Ahead if is_again => palette.empty,
            Ahead => palette.background,
            Begun => palette.accent_soft,
            Done => done(palette, is_again),
        };
        let written = |progress| match progress {
            Never | Ahead => palette.background,
            Begun => palette.accent_soft,
            Done => palette.done,
        };
        let all = [Never, Ahead, Begun, Done];
        Self { worked: all.map(worked), written: all.map(written) }
    }

    /// `written` is of the sheet in front, where there is one.
    fn color(&self, worked: TileProgress, written: Option<TileProgress>) -> Color32 {
        match written.filter(|_| worked != TileProgress::Never) {
            Some(written) => self.written[written as usize],
            None => self.worked[worked as usize],
        }
    }
}

/// A pixel for each tile. It is painted with every tile that is begun: of each cell, no more is asked than what it needs.
fn tiles(map: &Map<'_>, at: &GridAt<'_>, sheet: Option<FrontSheet<'_>>) -> ColorImage {
    let (grid, tones, cursor) = (&at.scene.map.grid, Tones::of(map), at.cursor);
    let worked = grid.cells().iter().map(|cell| at.progress(cell));
    let pixels: Vec<Color32> = match sheet {
        None => worked.map(|worked| tones.worked[worked as usize]).collect(),
        Some(sheet) => {
            let places = (0..grid.rows).flat_map(|row| (0..grid.cols).map(move |col| (row, col)));
            places.zip(worked).map(|(place, worked)| tones.color(worked, Some(sheet.progress(place, cursor)))).collect()
        }
    };
    ColorImage::new([grid.cols, grid.rows], pixels)
}

/// The weights of tiles that no tensor in HBM has, where the lesson does not ask for them.
pub fn shown_ghosts<'a>(map: &Map<'a>) -> Option<&'a Ghosts> {
    map.ghosts.filter(|_| map.layout.sheets.is_empty() && !map.look.question.hides.classes)
}

/// What covers a tile in the picture of ghosts.
#[derive(Clone, Copy)]
enum Cover<'r> {
    /// Its weights, by their levels.
    Weights(&'r Ramp),
    Plain(Color32),
}

/// The colour of each level of a weight.
type Ramp = [Color32; 256];

/// `limit` is the level that is darkest.
fn ramp(palette: &Palette, limit: f64) -> Ramp {
    std::array::from_fn(|level| match level == usize::from(ghosts::NO_NUMBER) {
        true => palette.ghost(f64::NAN, limit),
        false => palette.ghost(level as f64, limit),
    })
}

/// The weights as they were computed, on their way to nowhere; tile by tile, since it is painted with every step.
fn pattern(map: &Map<'_>, at: &GridAt<'_>, ghosts: &Ghosts) -> ColorImage {
    let (plan, whole) = (map.look.scene.plan(), f64::from(ghosts::WHOLE));
    // A backward pass begins on what the forward pass computed and did not store.
    let [made, before] = [whole, 3.0 * whole].map(|limit| ramp(map.palette, limit));
    let tones = Tones::of(map);
    let cover = |tile| cover(map, at, (ghosts, &tones), tile, [&made, &before]);
    let blocks: Vec<usize> = (0..ghosts.cols).map(|col| plan.key_block(col * plan.n_k / ghosts.cols)).collect();
    let mut pixels = Vec::with_capacity(ghosts.rows * ghosts.cols);
    let (mut of_block, mut covers) = (None, Vec::with_capacity(ghosts.cols));
    for row in 0..ghosts.rows {
        let i = plan.query_block(row * plan.n_q / ghosts.rows);
        if of_block != Some(i) {
            of_block = Some(i);
            covers.clear();
            for (col, &j) in blocks.iter().enumerate() {
                let known = col.checked_sub(1).filter(|&before| blocks[before] == j).map(|before| covers[before]);
                covers.push(known.unwrap_or_else(|| cover((i, j))));
            }
        }
        pixels.extend(ghosts.levels(row).iter().zip(&covers).map(|(&level, cover)| match cover {
            Cover::Weights(ramp) => ramp[usize::from(level)],
            Cover::Plain(color) => *color,
        }));
    }
    ColorImage::new([ghosts.cols, ghosts.rows], pixels)
}

fn cover<'r>(
    map: &Map<'_>,
    at: &GridAt<'_>,
    (ghosts, tones): (&Ghosts, &Tones),
    (i, j): (usize, usize),
    [made, before]: [&'r Ramp; 2],
) -> Cover<'r> {
    if ghosts.is_made((i, j), at.cursor) {
        return Cover::Weights(made);
    }
    let (cell_row, cell_col) = map.look.scene.map.grid.position(i, j);
    let cell = at.cell(cell_row, cell_col);
    let is_worked_on = cell.is_some_and(|cell| cell.progress(at.cursor) != TileProgress::Never);
    if is_worked_on && map.look.scene.schedule().algorithm.is_backward() {
        return Cover::Weights(before);
    }
    Cover::Plain(cell.map_or(map.palette.background, |cell| tones.color(cell.progress(at.cursor), None)))
}

/// Each tile with its fill, unless a picture has that, the sign of the mask and its edge.
fn cells(map: &Map<'_>, at: &GridAt<'_>, sheet: Option<FrontSheet<'_>>, is_filled: bool) {
    let (plan, grid, tones) = (map.look.scene.plan(), &at.scene.map.grid, Tones::of(map));
    let painter = map.ui.painter().with_clip_rect(map.layout.plane.intersect(map.ui.clip_rect()));
    let range = |axis: usize, stride: usize, count: usize| {
        let blocks = map.window.blocks(axis);
        blocks.start / stride..blocks.end.div_ceil(stride).min(count)
    };
    for row in range(1, grid.row_stride, grid.rows) {
        for col in range(0, grid.col_stride, grid.cols) {
            let Some(cell) = at.cell(row, col) else { continue };
            let (i, j) = (row * grid.row_stride, col * grid.col_stride);
            let rows = plan.rows(i).start..plan.rows(i + grid.row_stride - 1).end;
            let cols = plan.cols(j).start..plan.cols(j + grid.col_stride - 1).end;
            let rect = map.window.tile(&rows, &cols);
            if !is_filled {
                let written = sheet.map(|sheet| sheet.progress((row, col), at.cursor));
                painter.rect_filled(rect, 0.0, tones.color(cell.progress(at.cursor), written));
            }
            let is_worked_on = cell.progress(at.cursor) != TileProgress::Never;
            // Also where all is hidden, unless that is left out.
            if cell.class == TileClass::Partial || (cell.class == TileClass::Skipped && is_worked_on) {
                hidden(map, &painter, rect, &rows, &cols);
            }
            if is_worked_on {
                painter.rect_stroke(rect, 0.0, map.palette.hairline(), StrokeKind::Middle);
            }
        }
    }
}

/// The pairs that the mask hides; of many, the whole tile has the sign.
fn hidden(
    map: &Map<'_>,
    painter: &eframe::egui::Painter,
    rect: Rect,
    rows: &std::ops::Range<usize>,
    cols: &std::ops::Range<usize>,
) {
    let plan = map.look.scene.plan();
    let spacing = (rect.width() / 5.0).clamp(4.0, 8.0);
    if plan.n_q.saturating_mul(plan.n_k) > MOST_PAIRS {
        return hatch(painter, rect, map.palette.hatch, spacing);
    }
    for query in rows.clone() {
        let seen = plan.band.keys_of(query);
        let row = query..query + 1;
        for keys in seen.gaps(cols.clone()) {
            hatch(painter, map.window.tile(&row, &keys), map.palette.hatch, 5.0);
        }
    }
}

/// A tensor of tiles behind the first: its edges, filled as far as it is written.
fn sheet_behind(map: &Map<'_>, n: usize) {
    let (look, palette) = (map.look, map.palette);
    let front = front_sheet(map);
    let Some(tensor) = map.layout.sheets.iter().filter(|tensor| Some(**tensor) != front).nth(n - 1).copied() else {
        return;
    };
    let behind = vec2(BEHIND, BEHIND) * n as f32;
    let rect = map.layout.plane.translate(behind);
    let painter = map.ui.painter();
    painter.rect_filled(rect, 0.0, palette.background);
    let plan = look.scene.plan();
    let blocks = map.window.blocks(1);
    let stride = blocks.len().div_ceil(256).max(1);
    for i in blocks.step_by(stride) {
        let place = Place::new(Some(i), plan.t_c().checked_sub(1));
        let progress = look.scene.map.stored.progress(tensor, place, look.snapshot.cursor);
        if matches!(progress, Some(TileProgress::Done) | None) {
            let rows = plan.rows(i).start..plan.rows(i + stride - 1).end;
            let band = map.window.tile(&rows, &(0..plan.n_k)).translate(behind);
            painter.rect_filled(band.intersect(rect), 0.0, palette.done);
        }
    }
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, palette.faint_ink), StrokeKind::Inside);
}

/// The row that is looked at, across the plane; none where nobody looks at one.
fn row(map: &Map<'_>) {
    let Some(query) = map.look.marked_row() else { return };
    let n_k = map.look.scene.plan().n_k;
    let band = map.window.tile(&(query..query + 1), &(0..n_k)).intersect(map.layout.plane);
    if band.height() >= 6.0 {
        map.ui.painter().rect_stroke(band, 0.0, Stroke::new(1.0, map.palette.faint_ink), StrokeKind::Inside);
    }
}

/// The programs that a chip runs at once with that of the cursor: the queries or the keys that each works on.
fn at_once(map: &Map<'_>) {
    let Some(RunsAtOnce::Programs(places, _)) = map.beside else { return };
    let plan = map.look.scene.plan();
    let stroke = Stroke::new(1.5, map.palette.faint_ink);
    let mut drawn = Vec::new();
    for place in places {
        let rows = place.i().map_or(0..plan.n_q, |i| plan.rows(i));
        let cols = place.j().map_or(0..plan.n_k, |j| plan.cols(j));
        let rect = map.window.tile(&rows, &cols).intersect(map.layout.plane).shrink(1.5);
        // Programs of several splits are one band.
        if rect.width() < LEAST_OUTLINE || rect.height() < LEAST_OUTLINE || drawn.last() == Some(&rect) {
            continue;
        }
        drawn.push(rect);
        let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
        map.ui.painter().extend(Shape::dashed_line(&corners, stroke, 5.0, 3.0));
    }
}

/// The loops at the edges that they run along; the outer one is stronger.
fn brackets(map: &Map<'_>) {
    let plane = map.layout.plane;
    for told in loops(map.look) {
        let stroke = Stroke::new(if told.depth == 0 { 3.0 } else { 1.5 }, map.palette.ink);
        let painter = map.ui.painter();
        match told.over.axis {
            Axis::I => {
                let x = plane.left() - 3.0;
                painter.vline(x, plane.y_range(), stroke);
                painter.hline(x..=x + 4.0, plane.top(), stroke);
                painter.hline(x..=x + 4.0, plane.bottom(), stroke);
            }
            Axis::J => {
                let y = plane.top() - 3.0;
                painter.hline(plane.x_range(), y, stroke);
                painter.vline(plane.left(), y..=y + 4.0, stroke);
                painter.vline(plane.right(), y..=y + 4.0, stroke);
            }
            Axis::S | Axis::H => {}
        }
    }
}

/// Where the tile at hand is, as far as it is seen.
pub fn tile_at_hand(map: &Map<'_>) -> Option<Rect> {
    let (i, j) = GridAt::of(map.look).tile?;
    let plan = map.look.scene.plan();
    let tile = map.window.tile(&plan.rows(i), &plan.cols(j)).intersect(map.layout.plane);
    tile.is_positive().then_some(tile)
}

/// The tile at hand, with its outline.
fn tile(map: &Map<'_>, at: &GridAt<'_>) {
    let Some((i, j)) = at.tile else { return };
    let plan = map.look.scene.plan();
    let cell = map.window.tile(&plan.rows(i), &plan.cols(j));
    // A tile of a pixel or two still has a mark that can be found.
    let mark = Rect::from_center_size(cell.center(), cell.size().max(vec2(8.0, 8.0)));
    if map.layout.plane.expand(4.0).intersects(mark) {
        let mark = mark.intersect(map.layout.plane.expand(4.0));
        let painter = map.ui.painter();
        painter.rect_stroke(mark, 1.0, Stroke::new(5.0, map.palette.background), StrokeKind::Middle);
        painter.rect_stroke(mark, 1.0, Stroke::new(3.0, map.palette.ink), StrokeKind::Middle);
    }
}
