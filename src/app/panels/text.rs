//! Where the algorithm's text is edited: the text, what is wrong with it or what came of it, and what can be
//! done with the line of the cursor without typing.

use eframe::egui::{Button, Key, Modifiers, ScrollArea, Ui};

use crate::app::ink::axes::{note, warning};
use crate::app::ink::draw;
use crate::app::ink::listing::WrittenIn;
use crate::app::ink::theme::SPACE;
use crate::app::message::text::TextMessage;
use crate::app::message::{Message, commands};
use crate::app::panels::check;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::source::{self, FieldOf, Marks};
use crate::app::panels::parts::withheld;
use crate::app::state::seen::Look;
use crate::app::state::text_editor::{Edited, TextEditor};
use crate::app::tongue::words::{fill, say, tr};
use crate::files;
use crate::schedule::rework::{self, Stays};

pub static PANEL: Panel = Panel {
    id: "text",
    title: "Text of the algorithm",
    home: Home::Workbench,
    group: "Change",
    command: "Edit the text of the algorithm",
    keys: &[(Modifiers::ALT, Key::A)],
    opens: Message::Text(TextMessage::Toggle),
    also: "tile language, swap loops, parallel",
    help: "The text of the algorithm, edited here: it runs as it is typed.",
    show: |ui, drawn| show(ui, drawn.owned.of::<TextEditor>(), drawn.look, drawn.messages),
};

const OF: FieldOf<'static> = FieldOf { name: "text of the algorithm", file: "", written_in: WrittenIn::TileLanguage };

/// Takes the text as it is typed.
fn show(ui: &mut Ui, editor: &mut TextEditor, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
    let Some(look) = look else { return };
    if look.hides_lines() {
        ui.label(tr(ui.ctx(), withheld::LINES));
        return;
    }
    let jump = source::can_jump(ui).then(|| editor.jump.take()).flatten();
    let Some(edited) = editor.edited() else { return };
    let mut typed = edited.typed.clone();
    state(ui, edited);
    buttons(ui, edited, messages);
    line(ui, edited, &typed, messages);
    ui.separator();
    let room = ui.available_height();
    let below = (0.26 * room).clamp(40.0, 180.0);
    source::show(ui, OF, &mut typed, &marks(edited, look), (jump, (room - below - 3.0 * SPACE).max(60.0)));
    ui.separator();
    ScrollArea::vertical().id_salt("text report").auto_shrink([false, false]).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - 3.0 * SPACE);
        report(ui, edited, look, messages);
    });
    editor.typed(typed, ui.input(|input| input.time));
}

/// The line that the current step carries out, those that are wrong, those that were changed.
fn marks(edited: &Edited, look: &Look<'_>) -> Marks {
    let algorithm = &look.scene.schedule().algorithm;
    let step = look.snapshot.view.step.filter(|_| edited.runs(algorithm));
    let lit = step.and_then(|step| algorithm.written_line(algorithm.line(step.line).span.line)).map(|line| line as u16);
    let faulty = edited.wrong.iter().map(|wrong| wrong.span.line as usize).collect();
    Marks { lit: lit.into_iter().collect(), faulty, changed: edited.changed.clone() }
}

/// Which text it is, and what runs.
fn state(ui: &mut Ui, edited: &Edited) {
    let ctx = ui.ctx().clone();
    let name = files::printable(edited.start().short_name());
    let said = match (edited.is_changed(), edited.wrong.is_empty()) {
        (false, _) if edited.origin().is_some() => fill(&ctx, "{0} as it stands in its file", &[&name]),
        (false, _) => fill(&ctx, "{0} as it comes with the program; it runs as you type", &[&name]),
        (true, true) => {
            fill(&ctx, "{0}, changed here in {1} {1|line|lines}: it runs as you type", &[&name, &edited.differences()])
        }
        (true, false) => fill(&ctx, "{0}, changed here; what could be read last still runs", &[&name]),
    };
    let label = ui.label(draw::label(&said));
    draw::describe(&label, "state of the text", &said);
    if let Some(path) = edited.draft() {
        note(ui, &fill(&ctx, "kept in {0}", &[&files::shown(path)]));
    }
}

fn buttons(ui: &mut Ui, edited: &Edited, messages: &mut Vec<Message>) {
    let save = if edited.origin().is_some() { "Save" } else { "Save as a file" };
    ui.horizontal_wrapped(|ui| {
        for (name, message) in [(save, TextMessage::Save), ("Put back", TextMessage::PutBack)] {
            let message = Message::Text(message);
            let is_enabled =
                edited.is_changed() && (name != save || edited.wrong.is_empty() && !edited.is_being_read());
            let response = ui.add_enabled(is_enabled, Button::new(tr(ui.ctx(), name).to_owned()));
            if response.on_hover_text(commands::tooltip(ui.ctx(), &message)).clicked() {
                messages.push(message);
            }
        }
    });
}

/// What can be done with the line of the cursor without typing.
fn line(ui: &mut Ui, edited: &Edited, typed: &str, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    let Some(number) = source::cursor_line(ui, OF, typed) else {
        note(ui, tr(&ctx, "Put the cursor on a line to see what can be done with it."));
        return;
    };
    let at = u32::try_from(number).unwrap_or(u32::MAX);
    let take = |text: String| Message::Text(TextMessage::Take(text));
    ui.horizontal_wrapped(|ui| {
        note(ui, &fill(&ctx, "Line {0}:", &[&number]));
        let mut has_any = false;
        for swapped in edited.base().map_or_else(Vec::new, |base| rework::variants_at(base, typed, at)) {
            has_any = true;
            let button = ui.button(swapped.name).on_hover_text(tr(&ctx, swapped.variant.title()));
            if button.clicked() {
                messages.push(take(swapped.text));
            }
        }
        if let Some(of_loop) = rework::loop_at(typed, at) {
            has_any = true;
            if let Some(text) = of_loop.turned {
                let name = if of_loop.is_parallel { "One turn after the other" } else { "All turns at once" };
                if ui.button(tr(&ctx, name)).clicked() {
                    messages.push(take(text));
                }
            }
            swap(ui, edited, of_loop.swapped, messages);
        }
        if !has_any {
            note(ui, tr(&ctx, "type to change it"));
        }
    });
}

/// Two loops change places, or what stands between them and the text of the other order.
fn swap(ui: &mut Ui, edited: &Edited, swapped: Result<String, Stays>, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    match swapped {
        Ok(text) => {
            if ui.button(tr(&ctx, "Swap with the loop inside")).clicked() {
                messages.push(Message::Text(TextMessage::Take(text)));
            }
        }
        Err(Stays::Innermost) => {}
        Err(Stays::Depends) => {
            note(ui, tr(&ctx, "the loop inside is over a part that this one cuts: they cannot change places"));
        }
        Err(Stays::Between(lines)) => {
            let lines = lines.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let said =
                fill(&ctx, "Lines {0} stand between the two loops, so that they cannot just change places.", &[&lines]);
            note(ui, &said);
            if let Some(other) = rework::in_other_order(edited.start()) {
                let button = ui.button(fill(&ctx, "The other order: {0}", &[&other.name()]));
                if button.on_hover_text(tr(&ctx, other.title())).clicked() {
                    messages.push(Message::Text(TextMessage::Take(other.text().text.clone())));
                }
            }
        }
    }
}

/// What is wrong, line by line, or what came of the run.
fn report(ui: &mut Ui, edited: &Edited, look: &Look<'_>, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    if edited.is_being_read() {
        note(ui, tr(&ctx, "reading ..."));
        return;
    }
    for wrong in &edited.wrong {
        let place = fill(&ctx, "line {0}, column {1}", &[&wrong.span.line, &wrong.span.column]);
        if ui.link(&place).clicked() {
            messages.push(Message::Text(TextMessage::Line(wrong.span.line as usize)));
        }
        let said = say(&ctx, &wrong.what);
        let label = warning(ui, &said);
        draw::describe(&label, &place, &said);
    }
    if edited.wrong.is_empty() {
        check::stepper(ui, look, messages);
    }
}
