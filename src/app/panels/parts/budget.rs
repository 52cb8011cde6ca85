//! The budgets of a thread block, and how much of each is in use.

use eframe::egui::{Align2, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::{fit_text, shrink_text};
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
    ui.painter().rect_filled(card, 4.0, palette.panel);
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
        paint_one_budget(ui, place, budget, palette);
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
    for (n, budget) in budgets.iter().enumerate() {
        let top = rect.bottom() - (budgets.len() - n) as f32 * height - 2.0;
        let place = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right() - 2.0 * SPACE, top + height));
        paint_one_budget(ui, place, budget, palette);
    }
}

fn paint_one_budget(ui: &Ui, place: Rect, budget: &Budget, palette: &Palette) {
    let bar =
        Rect::from_min_size(pos2(place.left(), place.center().y - 3.0), vec2(64.0_f32.min(place.width() / 5.0), 6.0));
    let is_over = budget.is_over();
    let part = (budget.used as f32 / budget.of.max(1) as f32).min(1.0);
    let painter = ui.painter();
    painter.rect_filled(bar, 3.0, palette.empty);
    let used = Rect::from_min_size(bar.min, vec2((bar.width() * part).max(2.0), bar.height()));
    painter.rect_filled(used, 3.0, if is_over { palette.trouble } else { palette.ink });
    if is_over {
        let behind = Rect::from_min_max(pos2(bar.right() + SPACE, place.top() - 1.0), place.max);
        painter.rect_filled(behind, 4.0, palette.trouble_soft);
    }
    let line = Rect::from_min_max(pos2(bar.right() + 2.0 * SPACE, place.top()), place.max);
    let font = theme::text(theme::LABEL);
    let fits = |text: &String| {
        let font = theme::readable_font(text, font.clone());
        LEAST_PART * painter.layout_no_wrap(text.clone(), font, palette.ink).size().x <= line.width()
    };
    // Where room is short the mark says that it is over, and the bar's place which it is.
    let [whole, shorter, least] =
        [budget_text(ui, budget), short_text(ui, budget, "{0} of {1} {2}"), short_text(ui, budget, "{0} of {1}")];
    let text = [whole, shorter].into_iter().find(fits).unwrap_or(least);
    shrink_text(painter, line, Align2::LEFT_CENTER, &text, font, palette.ink);
}

fn short_text(ui: &Ui, budget: &Budget, pattern: &str) -> String {
    let text = fill(ui.ctx(), pattern, &[&bytes(budget.used), &bytes(budget.of), &tr(ui.ctx(), budget.name)]);
    if budget.is_over() { format!("! {text}") } else { text }
}

pub fn budget_text(ui: &Ui, budget: &Budget) -> String {
    let text = if budget.is_over() { "! over budget: {0} of {1} {2}" } else { "{0} of {1} {2}" };
    fill(ui.ctx(), text, &[&bytes(budget.used), &bytes(budget.of), &tr(ui.ctx(), budget.name)])
}
