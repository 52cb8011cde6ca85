//! Cards to put in place, by drag and drop or by keyboard: a card in the hand goes to the next hole, a card in a hole goes
//! back. The engine carries out what was built.

use eframe::egui::{self, Ui, Vec2, vec2};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, focus, prose};
use crate::app::message::Message;
use crate::app::message::lesson::LessonMessage;
use crate::app::panels::lesson::task::{self, TaskPlace, task_with_cards};
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

/// How large cards and holes are.
#[derive(Clone, Copy)]
struct CardSizes {
    text: f32,
    hole: Vec2,
    gap: f32,
    /// The holes of a schedule stand in lines, a number in each, so that all of them fit a screen.
    in_lines: bool,
}

impl CardSizes {
    fn at(place: TaskPlace, kind: Option<Kind>) -> Self {
        match (place, kind) {
            // What is loaded stands behind its kernel, so that all places are seen at once.
            (TaskPlace::Panel, Some(Kind::Order)) => {
                Self { text: theme::BODY, hole: vec2(68.0, 24.0), gap: 6.0, in_lines: true }
            }
            (TaskPlace::Panel, _) => Self { text: theme::BODY, hole: vec2(120.0, 28.0), gap: 6.0, in_lines: false },
            // A formula has a few cards, and small letters in them.
            (TaskPlace::Screen, Some(Kind::Formulas)) => {
                Self { text: theme::BODY, hole: vec2(68.0, 24.0), gap: 3.0, in_lines: true }
            }
            (TaskPlace::Screen, _) => Self { text: theme::LABEL, hole: vec2(68.0, 20.0), gap: 3.0, in_lines: true },
        }
    }
}

pub fn show(ui: &mut Ui, lesson: &mut OpenLesson, build: &ShownBuild, place: TaskPlace, messages: &mut Vec<Message>) {
    let sizes = CardSizes::at(place, lesson.build().map(|build| build.kind));
    if place == TaskPlace::Screen {
        ui.spacing_mut().button_padding = vec2(4.0, 1.0);
        ui.spacing_mut().interact_size.y = 18.0;
        ui.spacing_mut().item_spacing.y = sizes.gap;
    }
    task_with_cards(ui, "Build it", &build.ask, place);
    let is_painting = lesson.build().is_some_and(|build| build.kind == Kind::Paint);
    let mut moves = Vec::new();
    if is_painting {
        painting(ui, lesson, build, &mut moves);
    } else {
        template(ui, lesson, build, sizes, &mut moves);
    }
    // Once it runs, the room goes to what came of it; a card that is taken out brings the others back.
    let is_right = lesson.is_built();
    if place == TaskPlace::Screen && !is_right {
        hand(ui, lesson, build, TaskPlace::Screen, &mut moves);
    }
    carry_out_all(ui, lesson, build, moves);
    if place == TaskPlace::Screen && !is_right {
        buttons(ui, messages);
    }
    in_flight(ui, build, sizes);
    let id = ui.scope_id().with("was graded");
    let was_graded =
        ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(id), lesson.work.grade.is_some()));
    if let Some(grade) = &lesson.work.grade {
        let seen = verdict(ui, grade, &build.feedback, messages);
        // Below the edge it would look as if nothing had happened.
        if !was_graded {
            ui.scroll_to_rect(seen.rect, None);
        }
    }
}

/// Of the height of a lesson, what the cards have at most.
const HAND: f32 = 0.35;

fn height_id(ui: &Ui, lesson: &OpenLesson) -> egui::Id {
    ui.scope_id().with(("height of the cards", &lesson.key, lesson.position.beat))
}

/// Points that the cards below a build take of so many.
pub fn hand_height(ui: &Ui, lesson: &OpenLesson, height: f32) -> f32 {
    let wanted = ui.data(|data| data.get_temp::<f32>(height_id(ui, lesson))).unwrap_or(0.0);
    if lesson.is_built() { 0.0 } else { wanted.min(HAND * height) }
}

/// The cards below a build, in so many points: they are in sight beside any number of places for them.
pub fn hand_below(ui: &mut Ui, lesson: &mut OpenLesson, build: &ShownBuild, room: f32) {
    if lesson.is_built() {
        return;
    }
    let (id, mut moves) = (height_id(ui, lesson), Vec::new());
    let area = egui::ScrollArea::vertical().id_salt(("cards", &lesson.key, lesson.position.beat));
    let area = area.max_height(room.max(LEAST_HAND)).min_scrolled_height(LEAST_HAND).auto_shrink([false, true]);
    let drawn = area.show(ui, |ui| {
        hand(ui, lesson, build, TaskPlace::Panel, &mut moves);
        focus::follow(ui);
    });
    let height = drawn.content_size.y;
    if ui.data(|data| data.get_temp::<f32>(id)).is_none_or(|known| (known - height).abs() > 0.5) {
        ui.data_mut(|data| data.insert_temp(id, height));
        ui.ctx().request_repaint();
    }
    carry_out_all(ui, lesson, build, moves);
}

/// Lower than this no cards are scrolled.
const LEAST_HAND: f32 = 24.0;

fn carry_out_all(ui: &Ui, lesson: &mut OpenLesson, build: &ShownBuild, moves: Vec<Move>) {
    // What stands elsewhere shows it in the next frame.
    if !moves.is_empty() {
        ui.ctx().request_repaint();
    }
    moves.into_iter().for_each(|made| carry_out(lesson, build, made));
}

/// The card that is dragged, at the pointer.
fn in_flight(ui: &Ui, build: &ShownBuild, sizes: CardSizes) {
    let ctx = ui.ctx();
    let dragged = egui::DragAndDrop::payload::<Dragged>(ctx);
    let Some((card, at)) = dragged.zip(ctx.pointer_interact_pos()) else { return };
    let palette = Palette::of(ui);
    let job = prose::scripted(text_of(build, card.0), theme::figures(sizes.text), palette.ink);
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("dragged card")));
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    // Beside the pointer, so that the place below it is seen.
    let place = egui::Rect::from_min_size(at + vec2(12.0, 8.0), galley.size() + vec2(12.0, 6.0));
    painter.rect(place, 4.0, palette.accent_soft, palette.outline(), egui::StrokeKind::Inside);
    painter.galley(place.min + vec2(6.0, 3.0), galley, palette.ink);
}

/// What runs the build, and what shows it.
pub fn buttons(ui: &mut Ui, messages: &mut Vec<Message>) {
    ui.horizontal(|ui| {
        if ui.button(tr(ui.ctx(), "Run it")).clicked() {
            messages.push(Message::Lesson(LessonMessage::Check));
        }
        if ui.button(tr(ui.ctx(), "Show me")).clicked() {
            messages.push(Message::Lesson(LessonMessage::GiveUp));
        }
    });
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

fn template(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, sizes: CardSizes, moves: &mut Vec<Move>) {
    // A schedule is read from top to bottom, a formula from left to right.
    let is_order = lesson.build().is_some_and(|build| build.kind == Kind::Order);
    let lines = build.template.iter().flat_map(|line| match (is_order, sizes.in_lines) {
        (true, false) => line.chunks(1).collect::<Vec<_>>(),
        // What is there begins a line, and the holes behind it go on with it.
        (true, true) => line.chunk_by(|_, next| matches!(next, Slot::Hole(_))).collect(),
        (false, _) => vec![line.as_slice()],
    });
    for line in lines {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(sizes.gap, sizes.gap.min(4.0));
            for slot in line {
                match slot {
                    Slot::Fixed(text) => {
                        let ink = Palette::of(ui).ink;
                        let label = ui.add(egui::Label::new(prose::scripted(text, theme::figures(sizes.text), ink)));
                        label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, text));
                    }
                    Slot::Hole(hole) => one_hole(ui, lesson, build, *hole, sizes, moves),
                    Slot::Many(_) => {}
                }
            }
        });
        match line.iter().find(|slot| matches!(slot, Slot::Many(_))) {
            // What is right is read as what it is.
            Some(Slot::Many(from)) if !is_order && lesson.is_built() => written(ui, lesson, build, *from, sizes, moves),
            Some(Slot::Many(from)) => many(ui, lesson, build, *from, sizes, moves),
            _ => {}
        }
    }
}

fn one_hole(
    ui: &mut Ui,
    lesson: &OpenLesson,
    build: &ShownBuild,
    hole: usize,
    sizes: CardSizes,
    moves: &mut Vec<Move>,
) {
    let card = lesson.work.filling.get(hole).copied().flatten();
    let response = slot(ui, hole, card.map(|card| text_of(build, card)), sizes);
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
fn slot(ui: &mut Ui, hole: usize, text: Option<&str>, sizes: CardSizes) -> egui::Response {
    let palette = Palette::of(ui);
    let number = (hole + 1).to_string();
    let shown = text.unwrap_or(if sizes.in_lines { &number } else { " " });
    let ink = if text.is_some() { palette.ink } else { palette.faint_ink };
    let fill = if text.is_some() { palette.accent_soft } else { palette.background };
    let button = egui::Button::new(prose::scripted(shown, theme::figures(sizes.text), ink))
        .fill(fill)
        .stroke(egui::Stroke::new(1.0, palette.faint_ink))
        .frame_when_inactive(true)
        .wrap()
        .sense(egui::Sense::click_and_drag())
        .min_size(sizes.hole);
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
fn many(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, from: usize, sizes: CardSizes, moves: &mut Vec<Move>) {
    let filling = &lesson.work.filling;
    for (at, card) in filling.iter().enumerate().skip(from) {
        let Some(card) = *card else { continue };
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.add_space(12.0 * depth(build, filling, from, at) as f32);
            let width = (ui.available_width() - 72.0).max(60.0);
            let wide = CardSizes { hole: vec2(width, sizes.hole.y), ..sizes };
            let response = slot(ui, at, Some(text_of(build, card)), wide);
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
    let whole = CardSizes { hole: vec2(ui.available_width(), sizes.hole.y), in_lines: false, ..sizes };
    let response = slot(ui, end, None, whole);
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

/// The cards of a formula as the line that they make.
fn written(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, from: usize, sizes: CardSizes, moves: &mut Vec<Move>) {
    let sizes = CardSizes { hole: vec2(0.0, sizes.hole.y), ..sizes };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(sizes.gap.min(4.0), sizes.gap.min(4.0));
        for (at, card) in lesson.work.filling.iter().enumerate().skip(from) {
            if let Some(card) = card
                && slot(ui, at, Some(text_of(build, *card)), sizes).clicked()
            {
                moves.push(Move::Remove(at));
            }
        }
    });
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
        .min_size(vec2(side, 28.0));
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

fn hand(ui: &mut Ui, lesson: &OpenLesson, build: &ShownBuild, place: TaskPlace, moves: &mut Vec<Move>) {
    let sizes = CardSizes::at(place, lesson.build().map(|build| build.kind));
    if place == TaskPlace::Panel {
        draw::caption(ui, tr(ui.ctx(), "Cards: click, or drag them"));
    } else {
        ui.separator();
    }
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(sizes.gap, sizes.gap);
        for (card, text) in &build.hand {
            let is_used = !build.is_reusable && lesson.work.filling.contains(&Some(*card));
            let button = egui::Button::new(prose::scripted(text, theme::figures(sizes.text), palette.ink))
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

fn verdict(ui: &mut Ui, grade: &Grade, feedback: &str, messages: &mut Vec<Message>) -> egui::Response {
    let palette = Palette::of(ui);
    let fill_color = if grade.is_right() { palette.accent_soft } else { palette.trouble_soft };
    let size = task::size(ui).min(theme::BODY);
    let band = egui::Frame::new().fill(fill_color).corner_radius(4.0).inner_margin(8.0).show(ui, |ui| {
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
            prose::line(ui, thought, size);
        }
        if grade.is_right() {
            prose::line(ui, feedback, size);
        }
    });
    band.response
}
