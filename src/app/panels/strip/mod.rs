//! The strip of steps: its colours and notches, the head, what is looped, and how much of the schedule is seen.

mod detail;
mod lanes;
mod paint;
mod stops;

pub use paint::sign;
pub use stops::StopsSeen;

use eframe::egui::{self, CursorIcon, Rect, Response, Sense, Ui, pos2, vec2};

use crate::app::ink::draw;
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::steps_lens::{StepsLens, StepsSeen};
use crate::app::message::strip::StripMessage;
use crate::app::run::said::{operation, place};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::number::grouped;
use crate::playback::{Command, LoopRange, Player};

use detail::Detail;
use lanes::{LOOP_LANE, Lanes};
use stops::StretchMarks;

/// A closer look is closer by this.
const ZOOM: f64 = 2.0;

/// Width of the caption.
const CAPTION: f32 = 120.0;
/// Of a schedule that is too long to be walked.
const OF_TURNS: &str = "A column of the strip is {0} {0|step|steps}: each kind has the share of the height that it has in one turn \
    of the outer loop; of {1} {1|turn|turns} one is looked at.";

/// Where a handle of the loop can be caught.
const HANDLE: f32 = 14.0;

/// What the strip shows, with what was worked out for it.
#[derive(Default)]
pub struct Strip {
    lens: StepsLens,
    /// By the scene that it is of and the columns that have room.
    detail: Option<((u64, u64), Detail)>,
    marks: Option<StretchMarks>,
    /// Shift was held when the pointer went down: the drag is that of a loop to its end.
    drags_loop: bool,
}

impl Strip {
    pub fn carry_out(&mut self, message: StripMessage, cursor: u64, len: u64) {
        self.lens = match message {
            StripMessage::Closer => self.lens.zoomed_at_cursor(ZOOM, cursor, len),
            StripMessage::Farther => self.lens.zoomed_at_cursor(1.0 / ZOOM, cursor, len),
            StripMessage::Whole => StepsLens::default(),
            StripMessage::Lens(lens) => lens,
        };
    }

    pub fn show(
        &mut self,
        ui: &mut Ui,
        look: &Look<'_>,
        (player, stops): (&Player, Option<&StopsSeen>),
        textures: &mut Textures,
        messages: &mut Vec<Message>,
    ) {
        let size = vec2(ui.available_width(), ui.available_height().clamp(0.0, 44.0));
        let (line, _) = ui.allocate_exact_size(size, Sense::hover());
        let (cursor, len) = (player.cursor(), look.scene.schedule().len());
        let [label, strip] = margins(ui, line, cursor, len);
        if strip.width() < 8.0 || strip.height() < 24.0 || len == 0 {
            return;
        }
        let seen = self.lens.seen(cursor, len);
        let lanes = Lanes::of(strip);
        let response = ui.interact(strip, ui.scope_id().with("strip"), Sense::click_and_drag());
        draw::describe(&response, "steps", &fill(ui.ctx(), "step {0} of {1}", &[&cursor, &len]));
        let most = (lanes.band.width() * ui.pixels_per_point()).round() as u64;
        let detail = self.detail(look, seen, most);
        caption(ui, label, detail);
        paint::strip(ui, lanes, seen, look, player, detail, textures);
        if let Some(stops) = stops {
            self.stops(ui, lanes, seen, look, stops);
        }
        self.point(ui, &response, lanes, seen, (cursor, len), messages);
        self.seen_bar(ui, lanes.seen, seen, player, len, messages);
        if let Some(looped) = player.looped() {
            handles(ui, lanes, seen, looped, len, messages);
        }
        let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
        if let Some(at) = response.hover_pos() {
            let text = hint(ui, look, seen.step_at(at.x, lanes.band) as u64);
            response.on_hover_text_at_pointer(text);
        }
    }

    /// What is painted of the steps that are seen.
    fn detail(&mut self, look: &Look<'_>, seen: StepsSeen, most: u64) -> &Detail {
        let (first, end) = (seen.first.floor() as u64, seen.end().ceil() as u64);
        let schedule = look.scene.schedule();
        let is_known = |of: (u64, u64), detail: &Detail| {
            of == (look.generation, most) && detail.first == first && detail.end == end.min(schedule.len())
        };
        let kept = self.detail.take().filter(|(of, detail)| is_known(*of, detail));
        let make = || ((look.generation, most), Detail::new(schedule, &look.scene.map.strip, (first, end), most));
        &self.detail.insert(kept.unwrap_or_else(make)).1
    }

    /// Where the breakpoints hit among the steps that are seen, as far as the schedule tells or a search has found.
    fn stops(&mut self, ui: &Ui, lanes: Lanes, seen: StepsSeen, look: &Look<'_>, stops: &StopsSeen) {
        let stretch = (seen.first.floor() as u64, seen.end().ceil() as u64);
        let kept = self.marks.take().filter(|marks| marks.is_of(look.generation, stretch, stops));
        let marks = self.marks.insert(kept.unwrap_or_else(|| StretchMarks::of(look, stretch, stops)));
        let place = Rect::from_min_max(lanes.band.left_bottom(), pos2(lanes.band.right(), lanes.seen.top()));
        let places = marks.hits.iter().map(|cursor| seen.x_of(*cursor as f64, lanes.band));
        places.filter(|x| place.x_range().contains(*x)).for_each(|x| paint::stop(ui, place, x));
        let response = ui.interact(place, ui.scope_id().with("stops"), Sense::hover());
        let text = marks.told(ui);
        draw::describe(&response, "breakpoints on the strip", &text);
        response.on_hover_text(text);
    }

    /// What the pointer does on the strip.
    fn point(
        &mut self,
        ui: &Ui,
        response: &Response,
        lanes: Lanes,
        seen: StepsSeen,
        (cursor, len): (u64, u64),
        messages: &mut Vec<Message>,
    ) {
        let rect = lanes.band;
        let lens = |lens: StepsLens| Message::Strip(StripMessage::Lens(lens));
        if response.double_clicked() {
            messages.push(Message::Strip(StripMessage::Whole));
        } else if let Some(at) = response.interact_pointer_pos() {
            let (origin, is_pressed, shift) = ui
                .input(|input| (input.pointer.press_origin(), input.pointer.primary_pressed(), input.modifiers.shift));
            if is_pressed {
                self.drags_loop = shift;
            }
            let to = seen.cursor_at(at.x, rect, len);
            match origin {
                // Where it is let go there is no origin any more.
                Some(origin) if self.drags_loop => {
                    let from = seen.cursor_at(origin.x, rect, len);
                    messages.push(Message::Player(Command::Loop(from, to)));
                }
                None if self.drags_loop => {}
                _ => messages.push(Message::Player(Command::SeekTo(to))),
            }
        }
        let Some(at) = response.hover_pos() else { return };
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
        let factor = f64::from((scroll.y / 200.0).exp() * pinch);
        if factor != 1.0 {
            messages.push(lens(self.lens.zoomed(factor, seen.step_at(at.x, rect), cursor, len)));
        } else if scroll.x != 0.0 && !self.lens.is_whole(len) {
            let center = seen.step_at(rect.center().x - scroll.x, rect);
            messages.push(lens(self.lens.centered(center, cursor, len)));
        }
    }

    /// How much of the schedule is seen; dragging it looks elsewhere.
    fn seen_bar(&self, ui: &Ui, rect: Rect, seen: StepsSeen, player: &Player, len: u64, messages: &mut Vec<Message>) {
        let cursor = player.cursor();
        let response = ui.interact(rect.expand2(vec2(0.0, 3.0)), ui.scope_id().with("seen"), Sense::click_and_drag());
        let (first, last) = ((seen.first.floor() as u64 + 1).min(len), (seen.end().ceil() as u64).min(len));
        draw::describe(&response, "seen steps", &fill(ui.ctx(), "{0} to {1} of {2}", &[&first, &last, &len]));
        if self.lens.is_whole(len) {
            return;
        }
        let whole = StepsSeen { first: 0.0, span: len as f64 };
        paint::seen(ui, rect, seen, whole, player);
        if let Some(at) = response.interact_pointer_pos() {
            let lens = self.lens.centered(whole.step_at(at.x, rect), cursor, len);
            messages.push(Message::Strip(StripMessage::Lens(lens)));
        }
        let text =
            fill(ui.ctx(), "steps {0} to {1} of {2} are seen", &[&grouped(first), &grouped(last), &grouped(len)]);
        response.on_hover_text(text);
    }
}

/// What the step under the pointer is, and what the pointer can do.
fn hint(ui: &Ui, look: &Look<'_>, step: u64) -> String {
    let help = tr(ui.ctx(), "Drag: go to a step. Shift and drag: loop. Wheel: zoom. Double click: show all.");
    match look.scene.schedule().step(step) {
        Some(of) if look.question.hides.steps => {
            let place = say(ui.ctx(), &place(look.scene, &of));
            format!("{}\n{help}", fill(ui.ctx(), "step {0}: {1}", &[&grouped(step + 1), &place]))
        }
        Some(of) => {
            let step = fill(
                ui.ctx(),
                "step {0}: {1}: {2}",
                &[
                    &grouped(step + 1),
                    &say(ui.ctx(), &place(look.scene, &of)),
                    &operation(ui.ctx(), look.scene.schedule(), &of),
                ],
            );
            format!("{step}\n{help}")
        }
        None => help.to_owned(),
    }
}

/// The count on the right; gives the room of the caption on the left, and that between them.
fn margins(ui: &Ui, line: Rect, cursor: u64, len: u64) -> [Rect; 2] {
    let palette = Palette::of(ui);
    let label = Rect::from_min_size(line.min, vec2(CAPTION, line.height()));
    let right = egui::Align2::RIGHT_CENTER;
    let count = Rect::from_min_max(pos2((line.right() - 120.0).max(label.right()), line.top()), line.max);
    let text = format!("{} / {}", grouped(cursor), grouped(len));
    draw::fit_text(ui.painter(), count, right, &text, theme::figures(theme::LABEL), palette.ink);
    let between = Rect::from_min_max(pos2(label.right(), line.top()), pos2(count.left() - theme::SPACE, line.bottom()));
    [label, between]
}

/// What the strip is of; and, where several steps share a column, how many.
fn caption(ui: &Ui, place: Rect, detail: &Detail) {
    let (ctx, palette, font) = (ui.ctx(), Palette::of(ui), theme::text(theme::LABEL));
    let (left, head) = (egui::Align2::LEFT_CENTER, tr(ctx, "steps, not time"));
    let steps = detail.steps_of_column();
    if steps <= 1.0 {
        draw::fit_text(ui.painter(), place, left, head, font, palette.faint_ink);
        return;
    }
    let shown = if steps < 10.0 { format!("{steps:.1}") } else { grouped(steps.round() as u64) };
    let columns = fill(ctx, "{0} {0|step|steps} a column", &[&shown]);
    let (short, whole) = match detail.sections_each {
        None => (
            columns,
            fill(ctx, "A column of the strip is {0} {0|step|steps}: each kind has its share of the height.", &[&shown]),
        ),
        Some(1) => (columns, fill(ctx, OF_TURNS, &[&shown, &1])),
        Some(each) => {
            let each = grouped(each);
            (fill(ctx, "one turn in {0} is seen", &[&each]), fill(ctx, OF_TURNS, &[&shown, &each]))
        }
    };
    let [upper, lower] = [place.with_max_y(place.center().y), place.with_min_y(place.center().y)];
    draw::fit_text(ui.painter(), upper, left, head, font.clone(), palette.faint_ink);
    draw::squeeze_text(ui.painter(), lower, left, &short, font, palette.faint_ink);
    let response = ui.interact(place, ui.scope_id().with("columns"), Sense::hover());
    draw::describe(&response, "columns of the strip", &whole);
    response.on_hover_text(whole);
}

/// The two ends of the loop, each to be dragged.
fn handles(ui: &Ui, lanes: Lanes, seen: StepsSeen, looped: LoopRange, len: u64, messages: &mut Vec<Message>) {
    let ends = [("loop start", looped.from(), looped.to()), ("loop end", looped.to(), looped.from())];
    for (name, cursor, other) in ends {
        let x = seen.x_of(cursor as f64, lanes.band).clamp(lanes.band.left(), lanes.band.right());
        let place = Rect::from_center_size(pos2(x, lanes.looped.center().y), vec2(HANDLE, LOOP_LANE + 4.0));
        let response = ui.interact(place, ui.scope_id().with(name), Sense::drag());
        draw::describe(&response, name, &fill(ui.ctx(), "step {0}", &[&cursor]));
        let is_active = response.hovered() || response.dragged() || response.has_focus();
        paint::handle(ui, lanes, x, name == "loop start", is_active);
        if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
            let to = seen.cursor_at(at.x, lanes.band, len);
            // The two do not pass each other.
            let to = if cursor < other { to.min(other - 1) } else { to.max(other + 1) };
            messages.push(Message::Player(Command::Loop(to, other)));
        }
        response.on_hover_cursor(CursorIcon::ResizeColumn);
    }
}
