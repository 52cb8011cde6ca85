//! The blocks on chip around the tile, where the map has their tensors: rows at the left, keys above, what comes of them
//! at the right and below, and the numbers of each row.

use std::borrow::Cow;

use eframe::egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use ndarray::Array2;

use crate::app::ink::draw::{self, fit_text, put_text, shrink_text};
use crate::app::ink::texture::{Textures, UV};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::panels::far::layout::{Flank, side};
use crate::app::panels::parts::held::{Held, held, label, told};
use crate::app::panels::parts::moved;
use crate::app::panels::tile::layout::{Around, GAP, NAMES, TileLayout};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, tr};
use crate::number::short;
use crate::playback::lesson::ClickOn;
use crate::schedule::language::Axis;
use crate::schedule::{Buffer, Part, Space, Tensor};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Left,
    Right,
    /// Over or under the sheet of this number.
    Above(usize),
    Below(usize),
    /// One number a row.
    Value,
}

/// A block on chip beside the tile.
pub struct BlockOnChip<'a> {
    pub beside: Beside,
    buffer: Cow<'a, Buffer>,
    held: Option<Held>,
}

impl BlockOnChip<'_> {
    fn label(&self) -> String {
        label(&self.buffer, self.held.as_ref())
    }
}

/// Names of pictures of what no tensor of HBM is called like.
const OF_CHIP: [&str; 4] = ["chip 0", "chip 1", "chip 2", "chip 3"];

/// Every buffer that has blocks along one axis of the tile, and what the weights are taken off by, such as L of a backward
/// pass, which takes no room of its own.
pub fn blocks<'a>(look: &Look<'a>) -> Vec<BlockOnChip<'a>> {
    let buffers = look.snapshot.buffers.iter().map(Cow::Borrowed).chain(shift(look).map(Cow::Owned));
    let block = |buffer: Cow<'a, Buffer>| {
        Some(BlockOnChip { beside: beside(look, &buffer)?, held: held(look, &buffer), buffer })
    };
    buffers.filter_map(block).collect()
}

fn shift(look: &Look<'_>) -> Option<Buffer> {
    let (snapshot, plan, rows) = (look.snapshot, look.scene.plan(), look.snapshot.view.rows.len());
    let algorithm = &look.scene.schedule().algorithm;
    let name = algorithm.shift(snapshot.view.program?.0)?;
    if snapshot.has_buffer(name) || !snapshot.holds(name) {
        return None;
    }
    let element_bytes = algorithm.tensors(plan).find(|of| of.tensor.name() == name)?.element_bytes;
    Some(Buffer {
        names: vec![name.to_owned()],
        rows,
        cols: 1,
        element_bytes,
        space: Space::Registers,
        axis: Some(Axis::I),
        is_whole_rows: false,
        copies: 1,
    })
}

/// As on the map; over the sheet in whose formula it stands.
fn beside(look: &Look<'_>, buffer: &Buffer) -> Option<Beside> {
    let tensor = buffer.names.iter().find_map(|name| Tensor::known(name));
    let flank = tensor.and_then(|tensor| side(look.scene.schedule().algorithm.of_tensor(tensor)?));
    let is_of_scores = || {
        let formula = look.snapshot.formulas(Part::Scores, &look.scene.schedule().setting).join("; ");
        let mut words = formula.split(|c: char| !c.is_alphanumeric() && c != '_');
        // A gradient stands where its tensor does.
        words.any(|word| buffer.names.iter().any(|name| name == word || name.strip_prefix('d') == Some(word)))
    };
    match (buffer.axis?, flank) {
        (Axis::I, _) if buffer.cols == 1 => Some(Beside::Value),
        (Axis::I, Some(Flank::Left)) => Some(Beside::Left),
        (Axis::I, _) => Some(Beside::Right),
        (Axis::J, Some(Flank::Below)) => Some(Beside::Below(usize::from(!is_of_scores()))),
        (Axis::J, _) => Some(Beside::Above(usize::from(!is_of_scores()))),
        (Axis::S | Axis::H, _) => None,
    }
}

/// `formulas` are the lines of the longer one of the sheets, `words` the points of the longest word of a query.
pub fn around(blocks: &[BlockOnChip<'_>], formulas: usize, words: f32) -> Around {
    let count = |beside| blocks.iter().filter(|block| block.beside == beside).count();
    Around {
        left: count(Beside::Left),
        right: count(Beside::Right),
        above: [0, 1].map(|sheet| count(Beside::Above(sheet))),
        below: [0, 1].map(|sheet| count(Beside::Below(sheet))),
        values: count(Beside::Value),
        formulas,
        words,
        letters: [0, 1].map(|sheet| {
            let is_of = |beside| beside == Beside::Above(sheet) || beside == Beside::Below(sheet);
            let names = blocks.iter().filter(|block| is_of(block.beside)).map(|block| block.label().len());
            names.max().unwrap_or(0)
        }),
    }
}

/// What they are drawn in.
pub struct Chip<'a> {
    pub look: &'a Look<'a>,
    pub layout: &'a TileLayout,
    /// The edge of the chip: beyond it is HBM.
    pub card: Rect,
    pub palette: &'static Palette,
}

pub fn paint(
    ui: &mut Ui,
    chip: &Chip<'_>,
    blocks: &[BlockOnChip<'_>],
    textures: &mut Textures,
    messages: &mut Vec<Message>,
) {
    let layout = chip.layout;
    let mut places = [
        (Beside::Left, layout.left.iter()),
        (Beside::Right, layout.right.iter()),
        (Beside::Value, layout.values.iter()),
        (Beside::Above(0), layout.above[0].iter()),
        (Beside::Above(1), layout.above[1].iter()),
        (Beside::Below(0), layout.below[0].iter()),
        (Beside::Below(1), layout.below[1].iter()),
    ];
    for (n, block) in blocks.iter().enumerate() {
        let of = places.iter_mut().find(|(beside, _)| *beside == block.beside);
        let Some(rect) = of.and_then(|(_, rects)| rects.next()) else { continue };
        paint_block(ui, chip, block, *rect, OF_CHIP[n % OF_CHIP.len()], textures);
        tell(ui, chip, block, *rect, messages);
    }
}

fn paint_block(
    ui: &Ui,
    chip: &Chip<'_>,
    block: &BlockOnChip<'_>,
    rect: Rect,
    spare: &'static str,
    textures: &mut Textures,
) {
    let (palette, painter) = (chip.palette, ui.painter());
    let is_held = block.held.is_some();
    let ink = if is_held { palette.ink } else { palette.faint_ink };
    let (at, align) = match block.beside {
        Beside::Left | Beside::Right | Beside::Value => (rect.center_top() - vec2(0.0, 2.0), Align2::CENTER_BOTTOM),
        Beside::Above(_) | Beside::Below(_) => (rect.left_center() - vec2(5.0, 0.0), Align2::RIGHT_CENTER),
    };
    let name = block.held.as_ref().map(|held| held.name.as_str());
    // Beside each other bars have room for a letter.
    let is_bar = block.beside == Beside::Value && !chip.layout.has_values();
    let text = match (is_bar, name.or(block.buffer.names.first().map(String::as_str))) {
        (true, Some(name)) => name.chars().take(2).collect(),
        _ => block.label(),
    };
    let font = theme::text(theme::LABEL);
    match block.beside {
        // Two names side by side have the width of their blocks each.
        Beside::Left | Beside::Right => {
            let size = vec2(rect.width() + GAP - 1.0, NAMES - 2.0);
            let place = Rect::from_min_size(pos2(at.x - size.x / 2.0, at.y - size.y), size);
            shrink_text(painter, place, align, &text, font, ink);
        }
        _ => _ = put_text(painter, at, align, &text, font, ink),
    }
    let values = name.and_then(|name| chip.look.snapshot.view.get(name));
    let hue = palette.named(name.unwrap_or_else(|| block.buffer.names.first().map_or("", String::as_str)));
    painter.rect_filled(rect, 0.0, palette.background);
    match (block.beside, values) {
        (Beside::Value, Some(values)) => numbers(ui, chip, rect, hue, values),
        (_, Some(values)) => {
            let is_line = matches!(block.beside, Beside::Above(_) | Beside::Below(_));
            let texture = name.and_then(Tensor::known).map_or(spare, Tensor::name);
            picture(ui, chip, rect, values, (is_line, texture), textures);
        }
        (_, None) => empty(ui, chip, block, rect),
    }
    // The hue of the tensor runs along the edge that looks away from the sheet.
    if is_held && block.beside != Beside::Value {
        edge(ui, rect, block.beside, hue);
    }
    painter.rect_stroke(
        rect,
        0.0,
        if is_held { Stroke::new(1.0, palette.ink) } else { palette.hairline() },
        StrokeKind::Outside,
    );
    moving(ui, chip, block, rect, hue);
}

/// The values as colours: a line of the block is a token.
fn picture(
    ui: &Ui,
    chip: &Chip<'_>,
    rect: Rect,
    values: &Array2<f64>,
    (is_line, name): (bool, &'static str),
    textures: &mut Textures,
) {
    let palette = chip.palette;
    let limit = values.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()));
    let (rows, cols) = values.dim();
    let dim = if is_line { (cols, rows) } else { (rows, cols) };
    let color = |row: usize, col: usize| {
        let at = if is_line { (col, row) } else { (row, col) };
        values.get(at).map_or(palette.background, |&x| palette.diverging(x, limit))
    };
    let texture = textures.get(ui.ctx(), name, chip.look.key(ui.visuals().dark_mode), dim, color);
    ui.painter().image(texture, rect, UV, theme::NO_TINT);
}

/// The value of each row beside it, or a bar where the rows are too many.
fn numbers(ui: &Ui, chip: &Chip<'_>, rect: Rect, hue: Color32, values: &Array2<f64>) {
    let (layout, palette) = (chip.layout, chip.palette);
    let painter = ui.painter();
    if !layout.has_values() || layout.cell.y < 14.0 {
        painter.rect_filled(rect, 0.0, hue);
        return;
    }
    let bar = Rect::from_min_max(rect.min, pos2(rect.left() + 4.0, rect.bottom()));
    painter.rect_filled(bar, 0.0, hue);
    let rows = &chip.look.snapshot.view.rows;
    let (font, half) = (theme::figures(theme::LABEL * layout.value_zoom()), 8.0 * layout.value_zoom());
    for (row, &x) in values.column(0).iter().enumerate().take(layout.rows) {
        let middle = layout.cell(layout.sheets[0], row, 0).center().y;
        let place = Rect::from_x_y_ranges(rect.left() + 6.0..=rect.right() - 3.0, middle - half..=middle + half);
        let is_selected = chip.look.row() == Some(rows.start + row);
        let ink = if is_selected { palette.ink } else { palette.faint_ink };
        fit_text(painter, place, Align2::RIGHT_CENTER, &short(x), font.clone(), ink);
    }
}

/// An outline, until it is filled.
fn empty(ui: &Ui, chip: &Chip<'_>, block: &BlockOnChip<'_>, rect: Rect) {
    let has_numbers = chip.look.scene.run.has_numbers();
    if has_numbers && matches!(block.beside, Beside::Above(_) | Beside::Below(_)) {
        let (text, font) = (tr(ui.ctx(), "not loaded yet"), theme::text(theme::LABEL));
        fit_text(ui.painter(), rect.shrink(4.0), Align2::CENTER_CENTER, text, font, chip.palette.faint_ink);
    }
}

fn edge(ui: &Ui, rect: Rect, beside: Beside, hue: Color32) {
    let thick = 4.0;
    let (min, max) = (rect.min, rect.max);
    let edge = match beside {
        Beside::Left => Rect::from_min_max(pos2(min.x, min.y), pos2(min.x + thick, max.y)),
        Beside::Right | Beside::Value => Rect::from_min_max(pos2(max.x - thick, min.y), pos2(max.x, max.y)),
        Beside::Above(_) => Rect::from_min_max(pos2(min.x, min.y), pos2(max.x, min.y + thick)),
        Beside::Below(_) => Rect::from_min_max(pos2(min.x, max.y - thick), pos2(max.x, max.y)),
    };
    ui.painter().rect_filled(edge, 0.0, hue);
}

/// From beyond the edge of the chip, or to there.
fn moving(ui: &Ui, chip: &Chip<'_>, block: &BlockOnChip<'_>, rect: Rect, hue: Color32) {
    let look = chip.look;
    let Some(step) = look.snapshot.view.step else { return };
    let Some(tensor) = look.scene.schedule().facts(&step).tensor else { return };
    let (read, write) = (look.snapshot.moved.read.bytes(), look.snapshot.moved.write.bytes());
    if read + write == 0 || !block.buffer.names.iter().any(|name| name == tensor.name()) {
        return;
    }
    let card = chip.card;
    let beyond = match block.beside {
        Beside::Left => rect.translate(vec2(card.left() - rect.right(), 0.0)),
        Beside::Right | Beside::Value => rect.translate(vec2(card.right() - rect.left(), 0.0)),
        Beside::Above(_) => rect.translate(vec2(0.0, card.top() - rect.bottom())),
        Beside::Below(_) => rect.translate(vec2(0.0, card.bottom() - rect.top())),
    };
    let is_over = look.motion.is_reduced || look.motion.phase >= 1.0 && !look.motion.is_fast;
    let (from, to) = match (read > 0, is_over) {
        (true, _) => (beyond, rect),
        (false, false) => (rect, beyond),
        // What is stored is still seen where it came from.
        (false, true) => (rect, rect),
    };
    moved::glide(ui, from, to, hue, look.motion, chip.palette);
}

/// The numbers of the first rows: of many rows not all are read out.
fn listed(look: &Look<'_>, name: &str) -> String {
    let values = look.snapshot.view.get(name).into_iter().flatten().take(16);
    values.map(|x| short(*x)).collect::<Vec<_>>().join(", ")
}

/// What it is, for those who point at it; an answer, where the lesson asks for one.
fn tell(ui: &Ui, chip: &Chip<'_>, block: &BlockOnChip<'_>, rect: Rect, messages: &mut Vec<Message>) {
    let buffer = block.buffer.as_ref();
    let names = block.held.as_ref().map_or_else(|| list(ui.ctx(), &buffer.names), |held| held.name.clone());
    let size = told(ui.ctx(), buffer, block.held.is_some());
    let text = match &block.held {
        Some(held) if block.beside == Beside::Value => format!("{size}: {}", listed(chip.look, &held.name)),
        _ => size,
    };
    let response = ui.interact(rect, ui.scope_id().with(("block", &names)), Sense::hover());
    let name = block.label();
    draw::describe(&response, &fill(ui.ctx(), "{0} on chip", &[&names]), &format!("{name}: {text}"));
    response.on_hover_text(text);
    if chip.look.question.asks == Some(ClickOn::Tensor) {
        buffer.names.iter().filter_map(|name| Tensor::known(name)).take(1).for_each(|tensor| {
            moved::answer(ui, rect.expand(2.0), tensor, messages);
        });
    }
}
