//! The vote of a class beside the picture: each choice whole, its hands as a bar below it.

use eframe::egui::{Align2, Key, Modifiers, Rect, Sense, Ui, pos2, vec2};

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

/// The choices with their counts; once the answer is there, each with the thought that led to it. A number key counts one
/// hand up, with Shift one down.
pub fn show(ui: &mut Ui, vote: &mut Vote, choices: &[Choice], is_revealed: bool, messages: &mut Vec<Message>) {
    for (index, key) in NUMBERS.iter().enumerate().take(choices.len()) {
        if ui.input_mut(|input| input.consume_key(Modifiers::SHIFT, *key)) {
            vote.add(index, -1);
        }
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, *key)) {
            vote.add(index, 1);
        }
    }
    let most = vote.rounds.iter().flatten().copied().max().unwrap_or(0).max(1);
    for (index, choice) in choices.iter().enumerate() {
        let counts: Vec<u32> = vote.rounds.iter().filter_map(|round| round.get(index).copied()).collect();
        let mark = if is_revealed && choice.is_right { "\u{221a} " } else { "" };
        if option(ui, &format!("{}  {mark}{}", index + 1, choice.text), choice, &counts, most) {
            vote.add(index, 1);
        }
        if let Some(thought) = choice.misconception.as_ref().filter(|_| is_revealed) {
            prose::line(ui, thought, task::size(ui).min(theme::BODY));
        }
    }
    // What was answered is not voted on again.
    if is_revealed {
        return;
    }
    ui.horizontal(|ui| {
        if ui.button(tr(ui.ctx(), "Vote again")).clicked() {
            vote.rounds.push(vec![0; choices.len()]);
        }
        if ui.button(tr(ui.ctx(), "Close")).clicked() {
            messages.push(Message::Talk(TalkMessage::Vote));
        }
    });
}

/// One choice over the whole width, a bar for each round below it, as long as its share of the `most` hands. Gives whether
/// it was clicked.
fn option(ui: &mut Ui, text: &str, choice: &Choice, counts: &[u32], most: u32) -> bool {
    let palette = Palette::of(ui);
    let mut job = prose::job(ui, text, task::size(ui).min(theme::BODY));
    job.wrap.max_width = ui.available_width();
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let size = vec2(ui.available_width(), galley.size().y + BARS);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    ui.painter().galley(rect.min, galley, palette.ink);
    let bars = Rect::from_min_max(pos2(rect.left(), rect.bottom() - BARS), rect.max);
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
    response.clicked()
}
