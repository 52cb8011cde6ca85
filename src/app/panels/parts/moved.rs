//! What the step moves between HBM and the chip: the block on its way, its bytes, and what is on chip then, in words.

use eframe::egui::{Align2, Color32, Context, Pos2, Rect, Sense, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::motion::{Motion, lerp};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::lesson::Answer;
use crate::app::panels::parts::budget::{budget_text, budgets};
use crate::app::panels::parts::withheld;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, tr};
use crate::number::bytes;
use crate::schedule::{Buffer, Tensor};

/// Pictures of a tile that is too fast to be followed.
const TRAIL: usize = 5;

/// What stands at the head of the chip: that it is one, and what the step moves.
pub fn title(ui: &Ui, line: Rect, look: &Look<'_>) {
    let palette = Palette::of(ui);
    let text = told(ui.ctx(), look);
    // What moves comes first, where there is no room for both.
    let needed = text.as_deref().map_or(0.0, |text| {
        let font = theme::readable_font(text, theme::text(theme::BODY));
        ui.painter().layout_no_wrap(text.to_owned(), font, palette.ink).size().x
    });
    let has_mark = needed + made_by::WIDTH <= line.width();
    if has_mark {
        made_by::at(ui, line.right_center() - vec2(made_by::WIDTH / 2.0, 0.0), "on chip", MadeBy::Counted);
    }
    let line = if has_mark { line.with_max_x(line.right() - made_by::WIDTH) } else { line };
    let mut left = line;
    if let Some(text) = text {
        let width = fit_text(ui.painter(), line, Align2::RIGHT_CENTER, &text, theme::text(theme::BODY), palette.ink);
        left.max.x -= width + 8.0;
    }
    let text = tr(ui.ctx(), "on chip");
    let font = theme::readable_font(text, theme::text(theme::LABEL));
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, palette.faint_ink);
    if galley.size().x <= left.width() {
        let at = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), left).min;
        ui.painter().galley(at, galley, palette.faint_ink);
    }
}

/// `load K: 1,024 B`; `None` where the step moves nothing.
pub fn told(ctx: &Context, look: &Look<'_>) -> Option<String> {
    let moved = &look.snapshot.moved;
    let (read, write) = (moved.read.bytes(), moved.write.bytes());
    let tensor = look.scene.schedule().facts(&look.snapshot.view.step?).tensor.filter(|_| read + write > 0)?;
    let pattern = match (read > 0, look.question.hides.bytes) {
        (true, false) => "load {0}: {1}",
        (false, false) => "store {0}: {1}",
        (true, true) => "load {0}",
        (false, true) => "store {0}",
    };
    let told = fill(ctx, pattern, &[&tensor.name(), &bytes(read + write)]);
    Some(match pages(ctx, look) {
        Some(pages) => format!("{told}; {pages}"),
        None => told,
    })
}

/// Pages that are named one by one; of more, the first.
const MOST_PAGES: usize = 6;

/// `pages 3, 0, 6`: where the block of K or V that the step reads lies, if in pages.
fn pages(ctx: &Context, look: &Look<'_>) -> Option<String> {
    let pages = look.scene.schedule().pages(&look.snapshot.view.step?)?;
    let number = |page: &Option<usize>| page.map_or("-".to_owned(), |page| page.to_string());
    let more = if pages.len() > MOST_PAGES { ", …" } else { "" };
    let numbers: Vec<String> = pages.iter().take(MOST_PAGES).map(number).collect();
    Some(fill(ctx, "{0|page|pages} {1}", &[&pages.len(), &(numbers.join(", ") + more)]))
}

/// What moves, on its way from one place to the other.
pub fn glide(ui: &Ui, from: Rect, to: Rect, hue: Color32, motion: Motion, palette: &Palette) {
    if motion.is_reduced {
        ui.painter().rect_stroke(to, 2.0, palette.outline(), StrokeKind::Middle);
    } else if motion.is_fast {
        for n in 0..TRAIL {
            let place = between(from, to, (n + 1) as f32 / TRAIL as f32);
            ui.painter().rect_filled(place, 2.0, hue.gamma_multiply(0.15 + 0.1 * n as f32));
        }
    } else if motion.phase < 1.0 {
        let place = between(from, to, motion.phase);
        ui.painter().rect_filled(place, 2.0, hue);
        ui.painter().rect_stroke(place, 2.0, palette.outline(), StrokeKind::Middle);
    } else {
        ui.painter().rect_stroke(to, 2.0, palette.outline(), StrokeKind::Middle);
    }
}

fn between(from: Rect, to: Rect, t: f32) -> Rect {
    let at = |a: Pos2, b: Pos2| pos2(lerp(a.x, b.x, t), lerp(a.y, b.y, t));
    Rect::from_min_max(at(from.min, to.min), at(from.max, to.max))
}

/// While a lesson asks for a tensor, a click where it is drawn answers.
pub fn answer(ui: &Ui, place: Rect, tensor: Tensor, messages: &mut Vec<Message>) {
    let name = tensor.name();
    let response = ui.interact(place, ui.scope_id().with(("answer", name)), Sense::click());
    draw::describe(&response, &fill(ui.ctx(), "{0}, to be clicked", &[&name]), name);
    if response.on_hover_text(fill(ui.ctx(), "Click to answer with {0}", &[&name])).clicked() {
        messages.push(Message::Answer(Answer::Tensor(tensor)));
    }
}

/// What moves, what is on chip, and how full that is.
pub fn summary(ui: &Ui, look: &Look<'_>) -> [String; 3] {
    let ctx = ui.ctx();
    let (read, write) = (look.snapshot.moved.read.bytes(), look.snapshot.moved.write.bytes());
    let moved = match (read, write) {
        (0, 0) => tr(ctx, "this step moves nothing").to_owned(),
        _ if look.question.hides.bytes => tr(ctx, withheld::BYTES).to_owned(),
        (read, 0) => {
            let told = fill(ctx, "this step reads {0} from HBM", &[&bytes(read)]);
            pages(ctx, look).map_or(told.clone(), |pages| format!("{told}; {pages}"))
        }
        (_, write) => fill(ctx, "this step writes {0} to HBM", &[&bytes(write)]),
    };
    let buffers: Vec<String> = look
        .snapshot
        .buffers
        .iter()
        .map(|buffer| format!("{} {}", label(ctx, buffer), bytes(buffer.bytes())))
        .collect();
    let budgets: Vec<String> = budgets(look).iter().map(|budget| budget_text(ui, budget)).collect();
    [moved, fill(ctx, "on chip: {0}", &[&list(ctx, &buffers)]), list(ctx, &budgets)]
}

/// What a buffer is called.
fn label(ctx: &Context, buffer: &Buffer) -> String {
    if buffer.is_whole_rows { fill(ctx, "rows of {0}", &[&buffer.label()]) } else { buffer.label() }
}
