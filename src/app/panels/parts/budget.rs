//! The budgets of a thread block, and how much of each is in use.

use eframe::egui::{Align2, Color32, FontId, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::fit_text;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::bytes;
use crate::schedule::{Buffer, Space};

/// Of a text whose products need no block on chip.
const IDEAL: &str = "ideal products: not held against a budget";

/// The least that a line is shrunk to before it is shortened.
const LEAST_PART: f32 = 0.8;

/// One budget of a thread block, and how much of it is in use.
pub struct Budget {
    pub name: &'static str,
    pub used: u64,
    pub of: u64,
}

impl Budget {
    pub fn is_over(&self) -> bool {
        self.used > self.of
    }
}

pub fn budgets(look: &Look<'_>) -> Vec<Budget> {
    let hardware = look.scene.settings.hardware();
    let of = |space: Space| look.snapshot.buffers.iter().filter(|b| b.space == space).map(Buffer::bytes).sum::<u64>();
    let (shared, registers) = (of(Space::Shared), of(Space::Registers));
    if hardware.is_unified {
        return vec![Budget { name: "on chip", used: shared + registers, of: hardware.shared_bytes_per_block }];
    }
    vec![
        Budget { name: "shared memory", used: shared, of: hardware.shared_bytes_per_block },
        Budget { name: "registers", used: registers, of: hardware.register_bytes_per_block },
    ]
}

/// The chip under all that it holds.
pub fn paint_card(ui: &Ui, card: Rect, look: &Look<'_>, palette: &Palette) {
    ui.painter().rect_filled(card, 4.0, palette.sram);
    let stroke = if is_over(look) { Stroke::new(2.0, palette.trouble) } else { Stroke::new(1.5, palette.faint_ink) };
    ui.painter().rect_stroke(card, 4.0, stroke, StrokeKind::Inside);
}

/// More is in use than there is, of a text that is held against a budget.
fn is_over(look: &Look<'_>) -> bool {
    look.scene.schedule().algorithm.is_budgeted() && budgets(look).iter().any(Budget::is_over)
}

pub fn paint_budget(ui: &Ui, rect: Rect, look: &Look<'_>, palette: &Palette) {
    if !look.scene.schedule().algorithm.is_budgeted() {
        let text = tr(ui.ctx(), IDEAL);
        fit_text(ui.painter(), rect, Align2::LEFT_CENTER, text, theme::text(theme::LABEL), palette.faint_ink);
        return;
    }
    let budgets = budgets(look);
    let width = rect.width() / budgets.len().max(1) as f32;
    for (n, budget) in budgets.iter().enumerate() {
        let left = rect.left() + n as f32 * width;
        let place = Rect::from_min_size(pos2(left, rect.top()), vec2(width - 2.0 * SPACE, rect.height()));
        paint_one_budget(ui, place, budget, palette, part_of(ui, place, budget));
    }
}

/// The budgets of a thread block, one below the other.
pub fn paint_budgets(ui: &Ui, rect: Rect, look: &Look<'_>, palette: &Palette) {
    if !look.scene.schedule().algorithm.is_budgeted() {
        let (text, font) = (tr(ui.ctx(), IDEAL), theme::text(theme::LABEL));
        let font = theme::readable_font(text, font);
        let galley = ui.painter().layout(text.to_owned(), font, palette.faint_ink, rect.width() - 2.0 * SPACE);
        let at = Align2::LEFT_BOTTOM.align_size_within_rect(galley.size(), rect.translate(vec2(0.0, -2.0))).min;
        ui.painter().galley(at, galley, palette.faint_ink);
        return;
    }
    let budgets = budgets(look);
    let height = (rect.height() / budgets.len().max(1) as f32).min(16.0);
    let places = (0..budgets.len()).map(|n| {
        let top = rect.bottom() - (budgets.len() - n) as f32 * height - 2.0;
        Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right() - 2.0 * SPACE, top + height))
    });
    // Lines that stand together have one size, that of the longest.
    let part = places.clone().zip(&budgets).map(|(place, budget)| part_of(ui, place, budget)).fold(1.0, f32::min);
    for (place, budget) in places.zip(&budgets) {
        paint_one_budget(ui, place, budget, palette, part);
    }
}

/// The bar of a line.
fn bar_of(place: Rect) -> Rect {
    Rect::from_min_size(pos2(place.left(), place.center().y - 3.0), vec2(64.0_f32.min(place.width() / 5.0), 6.0))
}

/// Where its text stands.
fn line_of(place: Rect) -> Rect {
    Rect::from_min_max(pos2(bar_of(place).right() + 2.0 * SPACE, place.top()), place.max)
}

fn width_of(ui: &Ui, text: &str) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), font_of(text), Color32::PLACEHOLDER).size().x
}

fn font_of(text: &str) -> FontId {
    theme::readable_font(text, theme::text(theme::LABEL))
}

/// The part of its size that a line's text has room for.
fn part_of(ui: &Ui, place: Rect, budget: &Budget) -> f32 {
    let line = line_of(place);
    ((line.width() - 1.0) / width_of(ui, &line_text(ui, line, budget)).max(1.0)).clamp(0.1, 1.0)
}

/// Where room is short the mark says that it is over, and the bar's place which it is.
fn line_text(ui: &Ui, line: Rect, budget: &Budget) -> String {
    let [whole, shorter, least] =
        [budget_text(ui, budget), short_text(ui, budget, "{0} of {1} {2}"), short_text(ui, budget, "{0} of {1}")];
    [whole, shorter].into_iter().find(|text| LEAST_PART * width_of(ui, text) <= line.width()).unwrap_or(least)
}

/// `part` is the size of the text, of that of a label.
fn paint_one_budget(ui: &Ui, place: Rect, budget: &Budget, palette: &Palette, part: f32) {
    let (bar, line) = (bar_of(place), line_of(place));
    let is_over = budget.is_over();
    let in_use = (budget.used as f32 / budget.of.max(1) as f32).min(1.0);
    let painter = ui.painter();
    painter.rect_filled(bar, 3.0, palette.empty);
    let used = Rect::from_min_size(bar.min, vec2((bar.width() * in_use).max(2.0), bar.height()));
    painter.rect_filled(used, 3.0, if is_over { palette.trouble } else { palette.ink });
    if is_over {
        let behind = Rect::from_min_max(pos2(bar.right() + SPACE, place.top() - 1.0), place.max);
        painter.rect_filled(behind, 4.0, palette.trouble_soft);
    }
    let text = line_text(ui, line, budget);
    let font = font_of(&text);
    let font = FontId::new(part * font.size, font.family);
    painter.text(line.left_center(), Align2::LEFT_CENTER, text, font, palette.ink);
}

fn short_text(ui: &Ui, budget: &Budget, pattern: &str) -> String {
    let text = fill(ui.ctx(), pattern, &[&bytes(budget.used), &bytes(budget.of), &tr(ui.ctx(), budget.name)]);
    if budget.is_over() { format!("! {text}") } else { text }
}

pub fn budget_text(ui: &Ui, budget: &Budget) -> String {
    let text = if budget.is_over() { "! over budget: {0} of {1} {2}" } else { "{0} of {1} {2}" };
    fill(ui.ctx(), text, &[&bytes(budget.used), &bytes(budget.of), &tr(ui.ctx(), budget.name)])
}
