//! Cards to put in place, by drag and drop or by keyboard: a card in the hand goes to the next hole, a card in a hole goes
//! back. The engine carries out what was built.

use eframe::egui::{self, Ui};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, prose};
use crate::app::message::Message;
use crate::app::message::lesson::LessonMessage;
use crate::app::panels::lesson::task::task;
use crate::app::state::lesson::OpenLesson;
use crate::app::tongue::words::{self, fill, say, tr};
use crate::number::{self, grouped};
use crate::playback::lesson::ShownBuild;
use crate::playback::lesson::build::{Finding, Grade, Kind, Slot};

/// What is dragged: a card, by its index.
#[derive(Clone, Copy)]
struct Dragged(usize);

/// What is done to the holes in this frame.
enum Move {
    Place(usize, usize),
    Clear(usize),
    /// Into a row of any length, before this place.
    Insert(usize, usize),
    Remove(usize),
    Swap(usize, usize),
    Brush(usize),
}

pub fn show(ui: &mut Ui, lesson: &mut OpenLesson, build: &ShownBuild, messages: &mut Vec<Message>) {
    task(ui, "Build it", &build.ask);
    let is_painting = lesson.build().is_some_and(|build| build.kind == Kind::Paint);
    let mut moves = Vec::new();
    if is_painting {
        painting(ui, lesson, build, &mut moves);
    } else {
        template(ui, lesson, build, &mut moves);
    }
    hand(ui, lesson, build, &mut moves);
    for made in moves {
        carry_out(lesson, build, made);
    }
    ui.horizontal(|ui| {
        if ui.button(tr(ui.ctx(), "Run it")).clicked() {
            messages.push(Message::Lesson(LessonMessage::Check));
        }
        if ui.button(tr(ui.ctx(), "Show me")).clicked() {
            messages.push(Message::Lesson(LessonMessage::GiveUp));
        }
    });
    if let Some(grade) = &lesson.work.grade {
        verdict(ui, grade, &build.feedback, messages);
    }
}

fn carry_out(lesson: &mut OpenLesson, build: &ShownBuild, made: Move) {
    let many = many_at(build);
    let filling = &mut lesson.work.filling;
    match made {
        Move::Place(hole, card) => return lesson.place(hole, card),
        Move::Clear(hole) => {
            if let Some(slot) = filling.get_mut(hole) {
                *slot = None;
            }
        }
        Move::Insert(at, card) => {
            if !build.is_reusable {
                filling.retain(|held| *held != Some(card));
            }
            let at = at.max(many.unwrap_or(0)).min(filling.len());
            filling.insert(at, Some(card));
        }
        Move::Remove(at) if at < filling.len() => {
            filling.remove(at);
        }
        Move::Swap(a, b) if a < filling.len() && b < filling.len() => filling.swap(a, b),
        Move::Brush(card) => lesson.work.brush = Some(card),
        Move::Remove(_) | Move::Swap(..) => {}
    }
    lesson.work.grade = None;
}

/// The first number of the holes that take any number of cards.
fn many_at(build: &ShownBuild) -> Option<usize> {
    build.template.iter().flatten().find_map(|slot| if let Slot::Many(at) = slot { Some(*at) } else { None })
}

fn text_of(build: &ShownBuild, card: usize) -> &str {
    build.hand.iter().find(|(index, _)| *index == card).map_or("", |(_, text)| text)
}

fn template(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, moves: &mut Vec<Move>) {
    // A schedule is read from top to bottom, a formula from left to right.
    let is_order = lesson.build().is_some_and(|build| build.kind == Kind::Order);
    let lines =
        build.template.iter().flat_map(|line| if is_order { line.chunks(1) } else { line.chunks(line.len().max(1)) });
    for line in lines {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(6.0, 4.0);
            for slot in line {
                match slot {
                    Slot::Fixed(text) => {
                        ui.add(egui::Label::new(egui::RichText::new(text).monospace()));
                    }
                    Slot::Hole(hole) => one_hole(ui, lesson, build, *hole, moves),
                    Slot::Many(_) => {}
                }
            }
        });
        if let Some(Slot::Many(from)) = line.iter().find(|slot| matches!(slot, Slot::Many(_))) {
            many(ui, lesson, build, *from, moves);
        }
    }
}

fn one_hole(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, hole: usize, moves: &mut Vec<Move>) {
    let card = lesson.work.filling.get(hole).copied().flatten();
    let response = slot(ui, hole, card.map(|card| text_of(build, card)), 120.0);
    if let (Some(card), true) = (card, response.drag_started()) {
        response.dnd_set_drag_payload(Dragged(card));
    }
    if let Some(dragged) = response.dnd_release_payload::<Dragged>() {
        moves.push(Move::Place(hole, dragged.0));
    } else if response.clicked() {
        match (lesson.work.brush, card) {
            (Some(brush), None) => moves.push(Move::Place(hole, brush)),
            _ => moves.push(Move::Clear(hole)),
        }
    }
}

/// A place for a card.
fn slot(ui: &mut Ui, hole: usize, text: Option<&str>, width: f32) -> egui::Response {
    let palette = Palette::of(ui);
    let shown = text.unwrap_or(" ");
    let fill = if text.is_some() { palette.accent_soft } else { palette.background };
    let button = egui::Button::new(egui::RichText::new(shown).monospace())
        .fill(fill)
        .stroke(egui::Stroke::new(1.0, palette.faint_ink))
        .frame_when_inactive(true)
        .wrap()
        .sense(egui::Sense::click_and_drag())
        .min_size(egui::vec2(width, 28.0));
    let response = ui.add(button);
    if response.dnd_hover_payload::<Dragged>().is_some() {
        ui.painter().rect_stroke(response.rect, 4.0, palette.outline(), egui::StrokeKind::Inside);
    }
    let number = words::fill(ui.ctx(), "place {0}", &[&(hole + 1)]);
    let name = format!("{number}: {}", text.unwrap_or("-"));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    response
}

/// The cards of a schedule in their order, each with its way up and down.
fn many(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, from: usize, moves: &mut Vec<Move>) {
    let filling = &lesson.work.filling;
    for (at, card) in filling.iter().enumerate().skip(from) {
        let Some(card) = *card else { continue };
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.add_space(12.0 * depth(build, filling, from, at) as f32);
            let width = (ui.available_width() - 72.0).max(60.0);
            let response = slot(ui, at, Some(text_of(build, card)), width);
            if response.drag_started() {
                response.dnd_set_drag_payload(Dragged(card));
            }
            if let Some(dragged) = response.dnd_release_payload::<Dragged>() {
                moves.push(Move::Insert(at, dragged.0));
            } else if response.clicked() {
                moves.push(Move::Remove(at));
            }
            for (text, word, to) in [("\u{2191}", "up", at.checked_sub(1)), ("\u{2193}", "down", Some(at + 1))] {
                let to = to.filter(|to| *to >= from && *to < filling.len());
                let response = ui.add_enabled(to.is_some(), egui::Button::new(text));
                let name = format!("{}: {}", tr(ui.ctx(), word), text_of(build, card));
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, to.is_some(), &name));
                if let Some(to) = to.filter(|_| response.clicked()) {
                    moves.push(Move::Swap(at, to));
                }
            }
        });
    }
    let hint = tr(ui.ctx(), "drop a card here").to_owned();
    let end = filling.len().max(from);
    let width = ui.available_width();
    let response = slot(ui, end, None, width);
    ui.painter().text(
        response.rect.center(),
        egui::Align2::CENTER_CENTER,
        hint,
        theme::text(theme::LABEL),
        Palette::of(ui).faint_ink,
    );
    if let Some(dragged) = response.dnd_release_payload::<Dragged>() {
        moves.push(Move::Insert(end, dragged.0));
    }
}

/// How many loops a line stands in, from the words of the cards before it.
fn depth(build: &ShownBuild, filling: &[Option<usize>], from: usize, at: usize) -> usize {
    let is = |card: &Option<usize>, words: [&str; 2]| {
        card.is_some_and(|card| words.iter().any(|word| text_of(build, card).starts_with(word)))
    };
    let mut depth: usize = 0;
    for card in &filling[from..at] {
        if is(card, ["for ", "对"]) {
            depth += 1;
        }
        if is(card, ["end", "结束"]) {
            depth = depth.saturating_sub(1);
        }
    }
    if is(&filling[at], ["end", "结束"]) { depth.saturating_sub(1) } else { depth }
}

fn painting(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, moves: &mut Vec<Move>) {
    let Some((rows, cols)) = lesson.tiles() else { return };
    let side = ((ui.available_width() - 4.0 * cols as f32) / cols.max(1) as f32).clamp(20.0, 64.0);
    for i in 0..rows {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for j in 0..cols {
                let hole = i * cols + j;
                let card = lesson.work.filling.get(hole).copied().flatten();
                let text: Option<String> = card.map(|card| text_of(build, card).chars().take(7).collect());
                let response = tile(ui, (i, j), text.as_deref(), side);
                if let Some(dragged) = response.dnd_release_payload::<Dragged>() {
                    moves.push(Move::Place(hole, dragged.0));
                } else if response.clicked() {
                    moves.extend(next_card(lesson, build, card).map(|card| Move::Place(hole, card)));
                }
            }
        });
    }
}

fn tile(ui: &mut Ui, (i, j): (usize, usize), text: Option<&str>, side: f32) -> egui::Response {
    let palette = Palette::of(ui);
    let fill = if text.is_some() { palette.accent_soft } else { palette.background };
    let label = egui::RichText::new(text.unwrap_or("?")).size(theme::LABEL);
    let button = egui::Button::new(label)
        .fill(fill)
        .stroke(palette.hairline())
        .frame_when_inactive(true)
        .min_size(egui::vec2(side, 28.0));
    let response = ui.add_sized([side, 28.0], button);
    let name = format!("i {i}, j {j}: {}", text.unwrap_or("?"));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    response
}

/// The brush, or, where the tile has it already or none was picked, the next card of the hand.
fn next_card(lesson: &OpenLesson, build: &ShownBuild, now: Option<usize>) -> Option<usize> {
    if let Some(brush) = lesson.work.brush.filter(|brush| now != Some(*brush)) {
        return Some(brush);
    }
    let at = build.hand.iter().position(|(card, _)| Some(*card) == now).map_or(0, |at| at + 1);
    build.hand.get(at % build.hand.len().max(1)).map(|(card, _)| *card)
}

fn hand(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, moves: &mut Vec<Move>) {
    draw::caption(ui, tr(ui.ctx(), "Cards: click, or drag them"));
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 6.0);
        for (card, text) in &build.hand {
            let is_used = !build.is_reusable && lesson.work.filling.contains(&Some(*card));
            let button = egui::Button::new(egui::RichText::new(text).monospace())
                .selected(build.is_reusable && lesson.work.brush == Some(*card))
                .stroke(palette.hairline())
                .frame_when_inactive(true)
                .wrap()
                .sense(egui::Sense::click_and_drag());
            let response = ui.add_enabled(!is_used, button);
            let name = format!("{}: {text}", tr(ui.ctx(), "card"));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, !is_used, &name));
            if response.drag_started() {
                response.dnd_set_drag_payload(Dragged(*card));
            }
            if response.clicked() {
                moves.push(to_hole(lesson, build, *card));
            }
        }
    });
    ui.add_space(SPACE);
}

/// Where a card goes that was picked without a place.
fn to_hole(lesson: &OpenLesson, build: &ShownBuild, card: usize) -> Move {
    if lesson.build().is_some_and(|build| build.kind == Kind::Paint) {
        return Move::Brush(card);
    }
    match lesson.work.filling.iter().position(Option::is_none) {
        Some(hole) => Move::Place(hole, card),
        None if many_at(build).is_some() => Move::Insert(lesson.work.filling.len(), card),
        None => Move::Place(lesson.work.filling.len().saturating_sub(1), card),
    }
}

fn verdict(ui: &mut Ui, grade: &Grade, feedback: &str, messages: &mut Vec<Message>) {
    let palette = Palette::of(ui);
    let fill_color = if grade.is_right() { palette.accent_soft } else { palette.trouble_soft };
    egui::Frame::new().fill(fill_color).corner_radius(4.0).inner_margin(8.0).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let text = match grade.findings.first() {
            None => tr(ui.ctx(), "It runs, and every number is right.").to_owned(),
            Some(finding) => say(ui.ctx(), &finding.sentence()),
        };
        let label = ui.label(egui::RichText::new(&text).strong());
        draw::describe(&label, "grade", &text);
        if let Some(moved) = grade.moved {
            ui.label(fill(ui.ctx(), "It moved {0} {0|element|elements}.", &[&grouped(moved)]));
        }
        if let Some(bytes) = grade.on_chip {
            ui.label(fill(ui.ctx(), "It had {0} on chip at most.", &[&number::bytes(bytes)]));
        }
        // The stage has the right run: there the number is as it should be.
        if let Some((row, block)) = grade.findings.first().and_then(Finding::place)
            && ui.button(tr(ui.ctx(), "Look there")).clicked()
        {
            messages.push(Message::Lesson(LessonMessage::LookAt(row, block)));
        }
        if let Some(thought) = &grade.thought {
            prose::line(ui, thought, theme::BODY);
        }
        if grade.is_right() {
            prose::line(ui, feedback, theme::BODY);
        }
    });
}
