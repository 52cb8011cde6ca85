//! Middle: the map drawn closer, at the tile on the chip. S and P in numbers, the rows that made them at the left, their
//! keys above, what comes of them at the right.

mod blocks;
mod layout;
mod sheet;

use std::ops::Range;

use eframe::egui::{self, Align2, Key, Modifiers, Rect, Sense, Ui, vec2};
use ndarray::Array2;

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::view::ViewMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::lead::lead;
use crate::app::panels::parts::{budget, moved};
use crate::app::run::said::NOTHING_ON_CHIP;
use crate::app::run::selection::Selection;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, tr};
use crate::attention::TileClass;
use crate::number::short;
use crate::playback::lesson::{ClickOn, Distance};
use crate::schedule::{Part, Tensor};
use crate::sentence::Sentence;
use blocks::Chip;
use layout::TileLayout;
use sheet::{Matrix, Sheets};

pub static PANEL: Panel = Panel {
    id: "tile",
    title: "Middle: tile",
    home: Home::Main,
    group: "Look",
    command: "Middle: the tile",
    keys: &[(Modifiers::NONE, Key::Num2)],
    opens: Message::Distance(Distance::Middle),
    also: "scores, weights, matrix",
    help: "The map drawn closer: the tile on chip, in numbers.",
    show: |ui, drawn| {
        let Some(look) = drawn.look else { return };
        drawn.view.focus[1] = show(ui, look, drawn.textures, drawn.messages);
    },
};

/// What is drawn, from the left.
const TILES: [Part; 2] = [Part::Scores, Part::Weights];

/// What stands above the figure, and below it.
const TITLE: f32 = 30.0;
const BUDGETS: f32 = 20.0;

/// Gives the place of the row that is looked at.
pub fn show(ui: &mut Ui, look: &Look<'_>, textures: &mut Textures, messages: &mut Vec<Message>) -> Option<Rect> {
    let view = &look.snapshot.view;
    if view.rows.is_empty() {
        draw::title(ui, "Tile");
        ui.add_space(4.0 * SPACE);
        ui.label(tr(ui.ctx(), NOTHING_ON_CHIP));
        return None;
    }
    let palette = Palette::of(ui);
    let card = ui.available_rect_before_wrap();
    let response = ui.interact(card, ui.scope_id().with("memory"), Sense::hover());
    lead(ui, &response, Distance::Middle, messages);
    let [moved, on_chip, full] = &moved::summary(ui, look);
    draw::describe(&response, "memory", &fill(ui.ctx(), "{0}; {1}; {2}", &[moved, on_chip, full]));
    budget::paint_card(ui, card, look, palette);
    let inner = card.shrink2(vec2(10.0, 6.0));
    let figure = Rect::from_min_max(inner.min + vec2(0.0, TITLE), inner.max - vec2(0.0, BUDGETS));
    // Before the first tile of a block its frame already stands where the cells will be.
    let cols = if view.cols.is_empty() { look.scene.plan().bc } else { view.cols.len() };
    let (blocks, matrices) = (blocks::blocks(look), [matrix_s(look), matrix_p(look)]);
    let lines = matrices.iter().map(|matrix| matrix.formulas.len()).max().unwrap_or(1);
    let layout =
        TileLayout::new((view.rows.len(), cols), blocks::around(&blocks, lines, sheet::row_words(ui, look)), figure);
    title(ui, Rect::from_min_size(inner.min, vec2(inner.width(), TITLE)), look, sheet::is_lined(&layout));
    let response = ui.interact(figure, ui.scope_id().with("tile"), Sense::click());
    draw::describe(&response, "tile", &summary(ui, look));
    let sheets = Sheets { layout: &layout, look, palette };
    for (n, matrix) in matrices.iter().enumerate() {
        sheets.paint(ui, n, matrix, textures);
    }
    sheets.paint_row_labels(ui);
    let chip = Chip { look, layout: &layout, card, palette };
    blocks::paint(ui, &chip, &blocks, textures, messages);
    interact(ui, &response, &layout, look, messages);
    if look.question.asks == Some(ClickOn::Tensor) {
        let named = TILES.map(|part| Tensor::known(look.snapshot.called(part)));
        for (sheet, tensor) in layout.sheets.into_iter().zip(named) {
            tensor.into_iter().for_each(|tensor| moved::answer(ui, sheet, tensor, messages));
        }
    }
    let line = Rect::from_min_max(inner.left_bottom() - vec2(0.0, BUDGETS - 4.0), inner.max);
    budget::paint_budget(ui, line, look, palette);
    ui.advance_cursor_after_rect(card);
    let row = look.row()?.checked_sub(view.rows.start)?;
    Some(layout.cell(layout.sheets[1], row, 0).union(layout.cell(layout.sheets[1], row, layout.cols - 1)))
}

/// Beside the title there is room for the mark of what made the numbers.
const WITH_MARK: f32 = 160.0;

/// Which tile it is, and what the step moves.
fn title(ui: &Ui, mut line: Rect, look: &Look<'_>, is_hatched: bool) {
    let (view, palette) = (&look.snapshot.view, Palette::of(ui));
    if let Some(text) = moved::told(ui.ctx(), look) {
        let font = theme::text(theme::BODY);
        line.max.x -= fit_text(ui.painter(), line, Align2::RIGHT_CENTER, &text, font, palette.ink) + 8.0;
    }
    let text = match look.snapshot.tile() {
        Some((i, j)) => fill(ui.ctx(), "Tile (i {0}, j {1})", &[&i, &j]),
        None => fill(ui.ctx(), "Query block i {0}", &[&look.scene.plan().query_block(view.rows.start)]),
    };
    let font = theme::text(theme::HEADING);
    let width = fit_text(ui.painter(), line, Align2::LEFT_CENTER, &text, font, palette.ink);
    line.min.x += width + SPACE;
    if line.width() > WITH_MARK {
        made_by::at(ui, line.left_center() + vec2(made_by::WIDTH / 2.0, 0.0), "tile", MadeBy::Computed);
        line.min.x += made_by::WIDTH;
    }
    line.min.x += 2.0 * SPACE;
    let masked = match has_masked(look) {
        false => "",
        true if is_hatched => "; hatched: masked",
        true => "; grey: masked",
    };
    let (range, masked) = (range_text(ui, &view.rows, &view.cols), tr(ui.ctx(), masked));
    let font = theme::text(theme::LABEL);
    // Where room is short what both sides of the sheet say as well goes first.
    let shorter = masked.trim_start_matches([';', '；', ' ']).to_owned();
    let texts = [format!("{}{masked}", fill(ui.ctx(), "on chip: {0}", &[&range])), format!("{range}{masked}"), shorter];
    let fits = |text: &&String| {
        let font = theme::readable_font(text, font.clone());
        ui.painter().layout_no_wrap((*text).clone(), font, palette.ink).size().x <= line.width()
    };
    let text = texts.iter().find(fits).unwrap_or(&texts[2]);
    fit_text(ui.painter(), line, Align2::LEFT_CENTER, text, font, palette.faint_ink);
}

/// The mask hides a pair of the tile.
fn has_masked(look: &Look<'_>) -> bool {
    let view = &look.snapshot.view;
    let is_hidden = |query: usize| view.cols.clone().any(|key| !look.sees(query, key));
    let is_masked = look.scene.plan().band.class(view.rows.clone(), view.cols.clone()) != TileClass::Full;
    let has_bias = look.scene.input.problem.bias.is_some();
    // A mask that is wrong on purpose may hide others, or none.
    let has_own = look.scene.schedule().algorithm.base().is_some();
    let may_hide = is_masked || has_bias || has_own;
    !view.cols.is_empty() && may_hide && view.rows.clone().any(is_hidden)
}

fn range_text(ui: &Ui, rows: &Range<usize>, cols: &Range<usize>) -> String {
    let range = |[none, one, many]: [&str; 3], range: &Range<usize>| match range.len() {
        0 => tr(ui.ctx(), none).to_owned(),
        1 => fill(ui.ctx(), one, &[&range.start]),
        _ => fill(ui.ctx(), many, &[&range.start, &(range.end - 1)]),
    };
    let rows = range(["no queries", "queries {0}", "queries {0} to {1}"], rows);
    let cols = range(["no keys", "keys {0}", "keys {0} to {1}"], cols);
    fill(ui.ctx(), "{0}, {1}", &[&rows, &cols])
}

fn matrix_s<'a>(look: &Look<'a>) -> Matrix<'a> {
    let values = look.snapshot.scores();
    let finite = |x: &&f64| x.is_finite();
    let limit = values.map_or(1.0, |s| s.iter().filter(finite).fold(0.0, |most, x| f64::max(most, x.abs())));
    Matrix { part: Part::Scores, formulas: formulas(look, Part::Scores), values, limit }
}

fn matrix_p<'a>(look: &Look<'a>) -> Matrix<'a> {
    let formulas = formulas(look, Part::Weights);
    let values = look.snapshot.weights();
    // Above 1 only where no maximum was subtracted, or one that is left behind.
    let finite = values.into_iter().flatten().filter(|p| p.is_finite());
    let limit = finite.fold(1.0, |most: f64, p| most.max(*p));
    Matrix { part: Part::Weights, formulas, values, limit }
}

fn formulas(look: &Look<'_>, part: Part) -> Vec<String> {
    look.snapshot.formulas(part, &look.scene.schedule().setting)
}

/// Clicks select; the tooltip has the formula with its numbers.
fn interact(ui: &Ui, response: &egui::Response, layout: &TileLayout, look: &Look<'_>, messages: &mut Vec<Message>) {
    let Some(at) = response.hover_pos() else { return };
    let view = &look.snapshot.view;
    let found = layout.sheets.into_iter().enumerate().find(|(_, rect)| rect.contains(at));
    let Some((n, rect)) = found else { return };
    let part = (at - rect.min) / layout.cell;
    let (row, col) = ((part.y as usize).min(layout.rows - 1), (part.x as usize).min(layout.cols - 1));
    if row >= view.rows.len() || col >= view.cols.len() {
        return;
    }
    let (query, key) = (view.rows.start + row, view.cols.start + col);
    let text = pair_text(ui, look, query, key);
    let hint = tr(ui.ctx(), "Click: select; click again: where did it come from?");
    let text = format!("{text}\n{hint}");
    if response.clone().on_hover_text_at_pointer(text).clicked() {
        if look.selection == (Selection { query, key: Some(key) }) {
            let part = TILES[n];
            let what = Sentence::new("{0} of query {1} and key {2}").with(look.snapshot.called(part));
            messages.push(Message::View(ViewMessage::asks_pair(what.with(query).with(key), part, query, key)));
        }
        messages.push(Message::Select(Selection { query, key: Some(key) }));
    }
}

/// What is known of one pair (query, key), with the formulas filled in.
fn pair_text(ui: &Ui, look: &Look<'_>, query: usize, key: usize) -> String {
    let snapshot = look.snapshot;
    let view = &snapshot.view;
    let name = |kind: &str, n: usize, token: Option<&str>| {
        let token = token.map_or(String::new(), |token| format!(" \"{}\"", draw::token(ui, token)));
        fill(ui.ctx(), kind, &[&n, &token])
    };
    let mut lines = vec![
        name("query {0}{1}", query, look.scene.query_token(query)),
        name("key {0}{1}", key, look.scene.key_token(key)),
    ];
    let at = |values: Option<&Array2<f64>>| values?.get((query - view.rows.start, key - view.cols.start)).copied();
    let [scores, weights] = TILES.map(|part| snapshot.called(part));
    if !look.sees(query, key) {
        lines.push(fill(ui.ctx(), "masked: {0} = -inf, {1} = 0", &[&scores, &weights]));
        return lines.join("\n");
    }
    let Some(s) = at(snapshot.scores()) else { return lines.join("\n") };
    let problem = &look.scene.input.problem;
    let is_product = problem.softcap.is_none() && problem.alibi_slopes.is_none() && problem.bias.is_none();
    lines.push(if is_product {
        let scale = problem.scale;
        format!("{scores} = scale q k = {} x {} = {}", short(scale), short(s / scale), short(s))
    } else {
        format!("{scores} = {}", short(s))
    });
    if let Some(p) = at(snapshot.weights()) {
        let row = query - view.rows.start;
        let by_formula = snapshot.shift(row).filter(|(_, x)| is_close((s - x).exp(), p));
        lines.push(by_formula.map_or_else(
            || format!("{weights} = {}", short(p)),
            |(x, shift)| {
                let (s, shift, p) = (short(s), short(shift), short(p));
                format!("{weights} = exp({scores} - {x}) = exp({s} - {shift}) = {p}")
            },
        ));
    }
    lines.join("\n")
}

/// The same to the eye: a weight that was dropped or divided since is no exponential any more.
fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-2 * b.abs()
}

/// The selected row's numbers, for those who cannot see them.
fn summary(ui: &Ui, look: &Look<'_>) -> String {
    let view = &look.snapshot.view;
    let mut text = range_text(ui, &view.rows, &view.cols);
    let Some(row) = look.row().map(|query| query - view.rows.start) else { return text };
    for (part, values) in TILES.into_iter().zip([look.snapshot.scores(), look.snapshot.weights()]) {
        let name = look.snapshot.called(part);
        if let Some(values) = values.filter(|values| row < values.nrows()) {
            // A row of a large tile is not read out.
            let numbers: Vec<String> = values.row(row).iter().take(16).map(|x| short(*x)).collect();
            let query = view.rows.start + row;
            text += &fill(ui.ctx(), "; row {0}: {1} = {2}", &[&query, &name, &list(ui.ctx(), &numbers)]);
        }
    }
    text
}
