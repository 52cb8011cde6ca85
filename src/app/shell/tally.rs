//! The vote of a class beside the picture: each choice whole, its hands as a bar below it.

use eframe::egui::{self, Align2, Key, Modifiers, Rect, Response, Sense, Ui, vec2};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, prose};
use crate::app::message::Message;
use crate::app::message::talk::TalkMessage;
use crate::app::panels::lesson::task;
use crate::app::state::talk::Vote;
use crate::app::tongue::words::{fill, tr};
use crate::playback::lesson::Choice;

const NUMBERS: [Key; 6] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];

/// Points of height of the bars of a choice, whatever the number of rounds.
const BARS: f32 = 16.0;

/// The choices, with their hands once a round is closed; once the answer is there, each with the thought that led to it. A
/// number key counts one hand up, with Shift one down.
pub fn show(ui: &mut Ui, vote: &mut Vote, choices: &[Choice], is_revealed: bool, messages: &mut Vec<Message>) {
    // What was answered is not voted on any more.
    if is_revealed {
        vote.close_round();
    }
    for (index, key) in NUMBERS.iter().enumerate().take(choices.len()) {
        if ui.input_mut(|input| input.consume_key(Modifiers::SHIFT, *key)) {
            vote.add(index, -1);
        }
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, *key)) {
            vote.add(index, 1);
        }
    }
    let most = vote.told().iter().flatten().copied().max().unwrap_or(0).max(1);
    for (index, choice) in choices.iter().enumerate() {
        let counts: Vec<u32> = vote.told().iter().filter_map(|round| round.get(index).copied()).collect();
        if is_revealed {
            told(ui, index + 1, choice);
            bars(ui, choice, &counts, most, Sense::hover());
        } else if option(ui, index + 1, choice, &counts, most) {
            vote.add(index, 1);
        }
    }
    if !is_revealed {
        rounds(ui, vote, messages);
    }
}

/// What is done with the round, and how many hands were counted in it.
fn rounds(ui: &mut Ui, vote: &mut Vote, messages: &mut Vec<Message>) {
    ui.horizontal_wrapped(|ui| {
        if vote.is_open() && ui.button(tr(ui.ctx(), "Close the round")).clicked() {
            vote.close_round();
        } else if !vote.is_open() && ui.button(tr(ui.ctx(), "Vote again")).clicked() {
            vote.again();
        }
        if ui.button(tr(ui.ctx(), "Close")).clicked() {
            messages.push(Message::Talk(TalkMessage::Vote));
        }
        if vote.is_open() {
            let hands = vote.hands().to_string();
            let label = ui.label(egui::RichText::new(&hands).monospace().strong());
            draw::describe(&label, "hands of the round", &hands);
        }
    });
}

/// A choice once the answer is there: whether it is right, or the thought that led to it.
fn told(ui: &mut Ui, number: usize, choice: &Choice) {
    let mark = if choice.is_right { "\u{221a} " } else { "" };
    let text = match &choice.misconception {
        Some(thought) => {
            // What is a sentence ends at the colon, and not before it.
            let choice = choice.text.trim_end_matches(['.', '。']);
            fill(ui.ctx(), "{0}: {1}", &[&format!("**{choice}**"), thought])
        }
        None => choice.text.clone(),
    };
    prose::line(ui, &format!("{number}  {mark}{text}"), task::size(ui).min(theme::BODY));
}

/// A choice over the whole width, its bars below. Gives whether it was clicked.
fn option(ui: &mut Ui, number: usize, choice: &Choice, counts: &[u32], most: u32) -> bool {
    let palette = Palette::of(ui);
    let mut job = prose::job(ui, &format!("{number}  {}", choice.text), task::size(ui).min(theme::BODY));
    job.wrap.max_width = ui.available_width();
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), galley.size().y), Sense::click());
    ui.painter().galley(rect.min, galley, palette.ink);
    bars(ui, choice, counts, most, Sense::click()).clicked() || response.clicked()
}

/// A bar for each round, as long as its share of the `most` hands, with the counts at the right.
fn bars(ui: &mut Ui, choice: &Choice, counts: &[u32], most: u32, sense: Sense) -> Response {
    let palette = Palette::of(ui);
    let (bars, response) = ui.allocate_exact_size(vec2(ui.available_width(), BARS), sense);
    let shown = counts.iter().map(u32::to_string).collect::<Vec<_>>().join(" > ");
    let (font, right) = (theme::figures(theme::LABEL), bars.right_center());
    let number = ui.painter().text(right, Align2::RIGHT_CENTER, &shown, font, palette.ink);
    let (room, height) = (number.left() - 2.0 * SPACE - bars.left(), BARS / counts.len().max(1) as f32);
    for (round, count) in counts.iter().enumerate() {
        let size = vec2((room * *count as f32 / most as f32).max(0.0), (height - 2.0).max(1.0));
        let bar = Rect::from_min_size(bars.min + vec2(0.0, height * round as f32), size);
        let is_last = round + 1 == counts.len();
        ui.painter().rect_filled(bar, 2.0, if is_last { palette.accent } else { palette.done });
    }
    draw::describe(&response, &fill(ui.ctx(), "votes for {0}", &[&choice.text]), &shown);
    response
}
