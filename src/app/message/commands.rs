//! The one table of commands: the menu, the palette, the sheet of keys, buttons and the keyboard read the same lines. A
//! panel has its line by being a panel.
//! Keys that hold only while something is open (breakpoints, a vote, the palette) are read where that is.

use std::sync::LazyLock;

use eframe::egui::{Context, Event, Id, Key, Modifiers};

use crate::app::ink::theme::Theme;
use crate::app::message::Message;
use crate::app::message::compare::CompareMessage;
use crate::app::message::export::{ExportMessage, Goal};
use crate::app::message::gpu::GpuMessage;
use crate::app::message::kernel::KernelMessage;
use crate::app::message::lesson::LessonMessage;
use crate::app::message::strip::StripMessage;
use crate::app::message::talk::{TalkMessage, TourMessage};
use crate::app::message::text::TextMessage;
use crate::app::message::view::ViewMessage;
use crate::app::message::window::{Arrangement, Edge, ODD_ROWS, Overlay, Zoom};
use crate::app::run::flows::CountsAsked;
use crate::app::run::lock::Lock;
use crate::app::run::source::Source;
use crate::app::tongue::words::tr;
use crate::playback::lesson::Language;
use crate::playback::{Command, Unit};
use crate::schedule::{Algorithm, algorithm};

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Entry {
    pub group: &'static str,
    pub name: &'static str,
    pub keys: Keys,
    pub message: Message,
    /// Other words by which the palette finds it.
    pub also: &'static str,
    /// What it does or shows, in a sentence; empty where its name says it.
    pub help: &'static str,
}

const NONE: Modifiers = Modifiers::NONE;
const CTRL: Modifiers = Modifiers::COMMAND;
const SHIFT: Modifiers = Modifiers::SHIFT;
const ALT: Modifiers = Modifiers::ALT;
const CTRL_SHIFT: Modifiers = CTRL.plus(SHIFT);

/// Each of them alone.
pub type Keys = &'static [(Modifiers, Key)];

const fn entry(group: &'static str, name: &'static str, keys: Keys, message: Message) -> Entry {
    Entry { group, name, keys, message, also: "", help: "" }
}

const fn forward(unit: Unit) -> Message {
    Message::Player(Command::StepForward(unit))
}

const fn back(unit: Unit) -> Message {
    Message::Player(Command::StepBack(unit))
}

/// The table that holds in a context: with the lines of panels, once it is installed.
pub fn table(ctx: &Context) -> &'static [Entry] {
    ctx.data(|data| data.get_temp(Id::unique("commands"))).unwrap_or(TABLE)
}

/// Buttons and keys of a context follow this table from now on.
pub fn install(ctx: &Context, table: &'static [Entry]) {
    ctx.data_mut(|data| data.insert_temp(Id::unique("commands"), table));
}

/// Every command but those that open panels and [`ALGORITHMS`]. A name is looked up in the table of words.
pub static TABLE: &[Entry] = &[
    entry("Play", "Play or pause", &[(NONE, Key::Space)], Message::Player(Command::Toggle)),
    entry("Play", "Faster", &[(NONE, Key::CloseBracket)], Message::Faster),
    entry("Play", "Slower", &[(NONE, Key::OpenBracket)], Message::Slower),
    entry("Play", "Loop from here", &[(NONE, Key::I)], Message::Player(Command::LoopFromHere)),
    entry("Play", "Loop to here", &[(NONE, Key::O)], Message::Player(Command::LoopToHere)),
    entry("Play", "Loop this tile", &[(NONE, Key::L)], Message::Player(Command::LoopUnit(Unit::Tile))),
    entry("Play", "Loop this block of the outer loop", &[], Message::Player(Command::LoopUnit(Unit::QueryBlock))),
    entry("Play", "Stop looping", &[(SHIFT, Key::L)], Message::Player(Command::NoLoop)),
    entry("Step", "Step forward", &[(NONE, Key::ArrowRight)], forward(Unit::Operation)),
    entry("Step", "Step back", &[(NONE, Key::ArrowLeft)], back(Unit::Operation)),
    entry("Step", "Next beat", &[(NONE, Key::Period)], forward(Unit::Beat)),
    entry("Step", "Previous beat", &[(NONE, Key::Comma)], back(Unit::Beat)),
    entry("Step", "Ten steps forward", &[(SHIFT, Key::ArrowRight)], Message::By(10)),
    entry("Step", "Ten steps back", &[(SHIFT, Key::ArrowLeft)], Message::By(-10)),
    entry("Step", "Next tile", &[(CTRL, Key::ArrowRight)], forward(Unit::Tile)),
    entry("Step", "Previous tile", &[(CTRL, Key::ArrowLeft)], back(Unit::Tile)),
    entry("Step", "Next block of the outer loop", &[(ALT, Key::ArrowRight)], forward(Unit::QueryBlock)),
    entry("Step", "Previous block of the outer loop", &[(ALT, Key::ArrowLeft)], back(Unit::QueryBlock)),
    entry("Step", "To the start", &[(NONE, Key::Home)], Message::Player(Command::Home)),
    entry("Step", "To the end", &[(NONE, Key::End)], Message::Player(Command::End)),
    entry("Step", "Zoom into the steps", &[(ALT, Key::Plus), (ALT, Key::Equals)], Message::Strip(StripMessage::Closer)),
    entry("Step", "Zoom out of the steps", &[(ALT, Key::Minus)], Message::Strip(StripMessage::Farther)),
    entry("Step", "Show all steps", &[(ALT, Key::Num0)], Message::Strip(StripMessage::Whole)),
    entry("Look", "Compare by the share of steps", &[], Message::Compare(CompareMessage::Lock(Lock::Steps))),
    entry("Look", "Compare by the bytes moved", &[], Message::Compare(CompareMessage::Lock(Lock::Bytes))),
    entry("Look", "Swap the two runs that are compared", &[], Message::Compare(CompareMessage::Swap)),
    entry("Look", "Compare: flash2 moves more than flash1", &[], Message::Compare(CompareMessage::Surprise(0))),
    entry("Look", "Compare: flash1 moves more than standard", &[], Message::Compare(CompareMessage::Surprise(1))),
    Entry {
        group: "Look",
        name: "At once on this chip, modelled",
        keys: &[(ALT, Key::W)],
        message: Message::View(ViewMessage::AtOnce),
        also: "wave, clock, thread blocks, SM, parallel",
        help: "Outlines the programs that a chip would run beside that of the cursor.",
    },
    entry("Look", "Bytes of all heads, or of this run's", &[], Message::Counts(CountsAsked::AllHeads)),
    entry("Look", "Pin this run as the baseline of bytes", &[], Message::Counts(CountsAsked::Pin)),
    entry("Look", "Unpin the baseline of bytes", &[], Message::Counts(CountsAsked::Unpin)),
    entry("Look", "Row above", &[(NONE, Key::ArrowUp)], Message::SelectRow(-1)),
    entry("Look", "Row below", &[(NONE, Key::ArrowDown)], Message::SelectRow(1)),
    entry("Look", "Fold or show the left side", &[(ALT, Key::OpenBracket)], Message::Fold(Edge::Left)),
    entry("Look", "Fold or show the right side", &[(ALT, Key::CloseBracket)], Message::Fold(Edge::Right)),
    entry("Change", "Undo", &[(CTRL, Key::Z)], Message::Undo),
    entry("Change", "Redo", &[(CTRL_SHIFT, Key::Z), (CTRL, Key::Y)], Message::Redo),
    entry("Change", "Save the text of the algorithm", &[], Message::Text(TextMessage::Save)),
    entry("Change", "Put the text of the algorithm back", &[], Message::Text(TextMessage::PutBack)),
    entry("GPU", "Run on the GPU", &[(CTRL, Key::G)], Message::RunGpu),
    entry("GPU", "Record m and l on the GPU", &[], Message::Gpu(GpuMessage::Record)),
    entry("GPU", "Measure the roofs of the GPU", &[], Message::Gpu(GpuMessage::MeasureRoofs)),
    entry("GPU", "Stop the GPU", &[(CTRL_SHIFT, Key::G)], Message::Gpu(GpuMessage::Cancel)),
    entry("GPU", "Compile and run the kernel", &[(NONE, Key::F8)], Message::Kernel(KernelMessage::CompileAndRun)),
    entry("GPU", "Put the source of the kernel back", &[], Message::Kernel(KernelMessage::PutBack)),
    entry("Open", "Open a file", &[(CTRL, Key::O)], Message::Overlay(Overlay::Open)),
    entry("Open", "Open a folder of lessons", &[], Message::PickFolder),
    entry("Open", "Open SmolLM2, layer 10, English", &[], Message::Open(Source::Bundled(0))),
    entry("Open", "Open SmolLM2, layer 10, Chinese", &[], Message::Open(Source::Bundled(4))),
    entry("Open", "Open SmolLM2, layer 10, 1024 tokens", &[], Message::Open(Source::Bundled(6))),
    entry("Open", "Open toy: 16 random tokens, d = 4", &[], Message::Open(Source::Toy)),
    entry("Open", "Open row: one query, six keys", &[], Message::Open(Source::Row)),
    entry("Lesson", "Go on in the lesson", &[(NONE, Key::PageDown)], Message::Lesson(LessonMessage::Next)),
    entry("Lesson", "Go back in the lesson", &[(NONE, Key::PageUp)], Message::Lesson(LessonMessage::Previous)),
    entry("Lesson", "Check my answer", &[(CTRL, Key::Enter)], Message::Lesson(LessonMessage::Check)),
    entry("Lesson", "Show me", &[(CTRL_SHIFT, Key::Enter)], Message::Lesson(LessonMessage::GiveUp)),
    entry("Lesson", "Restore the scene of the lesson", &[(ALT, Key::R)], Message::Lesson(LessonMessage::Restore)),
    entry("Lesson", "Close the lesson", &[(CTRL, Key::W)], Message::Lesson(LessonMessage::Close)),
    entry("Lesson", "The first two minutes again", &[], Message::Tour(TourMessage::Start)),
    entry("Present", "Present from here", &[(NONE, Key::F5)], Message::Talk(TalkMessage::Here)),
    entry("Present", "Present from the first beat", &[(SHIFT, Key::F5)], Message::Talk(TalkMessage::FromStart)),
    entry("Present", "Stop presenting", &[(CTRL_SHIFT, Key::F5)], Message::Talk(TalkMessage::Stop)),
    entry("Present", "Blank the screen", &[(NONE, Key::B)], Message::Talk(TalkMessage::Blank)),
    entry("Present", "Back to the beat", &[(NONE, Key::Backspace)], Message::Talk(TalkMessage::Return)),
    entry("Present", "Notes in a second window", &[(NONE, Key::N)], Message::Talk(TalkMessage::Notes)),
    entry("Present", "Vote", &[(NONE, Key::V)], Message::Talk(TalkMessage::Vote)),
    entry("Present", "Spotlight at the pointer", &[(NONE, Key::S)], Message::Talk(TalkMessage::Spotlight)),
    entry("Present", "The other language below", &[(NONE, Key::T)], Message::Talk(TalkMessage::BothLanguages)),
    entry("Window", Arrangement::Study.name(), &[(CTRL, Key::Num1)], Message::Arrange(Arrangement::Study)),
    entry("Window", Arrangement::Learn.name(), &[(CTRL, Key::Num2)], Message::Arrange(Arrangement::Learn)),
    entry("Window", Arrangement::Engineer.name(), &[(CTRL, Key::Num3)], Message::Arrange(Arrangement::Engineer)),
    entry("Window", "Light colours", &[], Message::Theme(Theme::Light)),
    entry("Window", "Dark colours", &[], Message::Theme(Theme::Dark)),
    entry("Window", "Projector colours", &[], Message::Theme(Theme::Projector)),
    entry("Window", "Switch theme", &[(ALT, Key::T)], Message::SwitchTheme),
    entry("Window", "English", &[], Message::Language(Language::English)),
    entry("Window", "Chinese (中文)", &[], Message::Language(Language::Chinese)),
    entry("Window", "Larger", &[(CTRL, Key::Plus), (CTRL, Key::Equals)], Message::Zoom(Zoom::In)),
    entry("Window", "Smaller", &[(CTRL, Key::Minus)], Message::Zoom(Zoom::Out)),
    entry("Window", "Normal size", &[(CTRL, Key::Num0)], Message::Zoom(Zoom::Reset)),
    entry("Window", "Full screen", &[(ALT, Key::Enter)], Message::FullScreen),
    entry("Window", "Reduce motion", &[], Message::ReduceMotion),
    entry(
        "Export",
        "Copy a picture of the window",
        &[(CTRL_SHIFT, Key::C)],
        Message::Export(ExportMessage::Picture(Goal::Copy)),
    ),
    entry(
        "Export",
        "Save a picture of the window",
        &[(CTRL, Key::S)],
        Message::Export(ExportMessage::Picture(Goal::Save)),
    ),
    entry("Export", "Copy a picture of the main view", &[], Message::Export(ExportMessage::View(Goal::Copy))),
    entry("Export", "Save a picture of the main view", &[], Message::Export(ExportMessage::View(Goal::Save))),
    entry("Export", "Copy a link to this step", &[(CTRL, Key::L)], Message::Export(ExportMessage::CopyLink)),
    entry("Export", "Copy the tile as CSV", &[], Message::Export(ExportMessage::CopyCsv)),
    entry("Export", "Copy the tile for NumPy", &[], Message::Export(ExportMessage::CopyNumpy)),
    entry("Export", "Copy the bytes as CSV", &[], Message::Export(ExportMessage::BytesCsv)),
    entry("Export", "Copy the bytes for NumPy", &[], Message::Export(ExportMessage::BytesNumpy)),
    entry("Export", "Save the trace as JSON", &[], Message::Export(ExportMessage::Trace)),
    entry("Export", "Save the trace for Perfetto", &[], Message::Export(ExportMessage::Perfetto)),
    entry("Export", "Save what I answered", &[], Message::Export(ExportMessage::Answers)),
    entry("Export", "Save sheets of this lesson with their keys", &[], Message::Export(ExportMessage::LessonSheets)),
    entry("Export", "Save a worksheet with its key", &[], Message::Export(ExportMessage::Worksheet)),
    entry("Help", "All commands", &[(CTRL, Key::P), (CTRL_SHIFT, Key::P)], Message::Overlay(Overlay::Palette)),
    entry("Help", "Keys", &[(NONE, Key::Questionmark), (NONE, Key::F1)], Message::Overlay(Overlay::Keys)),
    entry("Help", ODD_ROWS, &[], Message::Overlay(Overlay::OddRows)),
    entry("Help", "Close", &[(NONE, Key::Escape)], Message::Dismiss),
];

/// One for every text that comes with the program, which are found by the words of their titles as well.
pub static ALGORITHMS: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry_of = |(index, of): (usize, &'static Algorithm)| {
        let name = format!("Algorithm: {}", of.name()).leak();
        Entry { also: of.title(), help: of.title(), ..entry("Change", name, &[], Message::Algorithm(index)) }
    };
    algorithm::of_program().enumerate().map(entry_of).collect()
});

/// Its name with its keys and its help, for the tooltip of a button.
pub fn tooltip(ctx: &Context, message: &Message) -> String {
    let found = table(ctx).iter().find(|entry| entry.message == *message);
    found.map_or_else(String::new, |entry| {
        let name = tr(ctx, entry.name);
        let named = if entry.keys.is_empty() { name.to_owned() } else { format!("{name} ({})", keys_text(ctx, entry)) };
        if entry.help.is_empty() { named } else { format!("{named}\n{}", tr(ctx, entry.help)) }
    })
}

/// The keys of an entry as text.
pub fn keys_text(ctx: &Context, entry: &Entry) -> String {
    let names = entry.keys.iter().map(|(modifiers, key)| {
        let mut name = String::new();
        for (is_needed, text) in [(modifiers.command, "Ctrl+"), (modifiers.alt, "Alt+"), (modifiers.shift, "Shift+")] {
            if is_needed {
                name.push_str(text);
            }
        }
        name + tr(ctx, key_name(*key))
    });
    names.collect::<Vec<_>>().join(", ")
}

fn key_name(key: Key) -> &'static str {
    match key {
        Key::ArrowRight => "Right",
        Key::ArrowLeft => "Left",
        Key::ArrowUp => "Up",
        Key::ArrowDown => "Down",
        Key::Period => ".",
        Key::Comma => ",",
        Key::Plus => "+",
        Key::Equals => "=",
        Key::Minus => "-",
        Key::Escape => "Esc",
        key => key.symbol_or_name(),
    }
}

/// Who else wants keys in this frame.
#[derive(Clone, Copy, Default)]
pub struct Keyboard {
    /// Something lies over the window: only its own keys and those that close it count.
    pub is_covered: bool,
    /// A person steps with a remote, which has few keys.
    pub is_presenting: bool,
}

/// The commands whose keys were pressed in this frame, in their order. A text field takes what it can use; and what a
/// focused button or slider understands itself is left to it.
pub fn pressed(ctx: &Context, keyboard: Keyboard) -> Vec<&'static Entry> {
    let is_typing = ctx.text_edit_focused();
    let has_focus = ctx.memory(|memory| memory.focused().is_some());
    let (commands, mut entries) = (table(ctx), Vec::new());
    ctx.input_mut(|input| {
        if is_alt(input.modifiers) {
            // Some systems send the letter as a text, too.
            input.events.retain(|event| !matches!(event, Event::Text(_)));
        }
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
            let entry = find(commands, *modifiers, *key)
                .filter(|_| !(has_focus && belongs_to_focus(*modifiers, *key)))
                .filter(|_| !(is_typing && belongs_to_text(*modifiers, *key)))
                .filter(|entry| !keyboard.is_covered || matches!(entry.message, Message::Overlay(_)))
                .filter(|entry| keyboard.is_presenting || !is_for_a_talk(&entry.message));
            entries.extend(entry);
            entry.is_none()
        });
    });
    entries
}

/// Keys that mean something else outside of a talk.
fn is_for_a_talk(message: &Message) -> bool {
    use TalkMessage::{FromStart, Here};
    matches!(message, Message::Talk(of_talk) if !matches!(of_talk, FromStart | Here))
}

/// The entry with most modifiers that match: a plain arrow also matches one with Shift held.
pub fn find(commands: &[Entry], held: Modifiers, key: Key) -> Option<&Entry> {
    let count =
        |modifiers: Modifiers| [modifiers.alt, modifiers.shift, modifiers.command].map(usize::from).iter().sum();
    let matching = commands.iter().flat_map(|entry| entry.keys.iter().map(move |keys| (entry, keys)));
    matching
        .filter(|(_, (modifiers, wanted))| *wanted == key && held.matches_logically(*modifiers))
        .max_by_key(|(_, (modifiers, _))| -> usize { count(*modifiers) })
        .map(|(entry, _)| entry)
}

/// Alt alone, where it makes no letters.
fn is_alt(modifiers: Modifiers) -> bool {
    modifiers.alt && !modifiers.command && !cfg!(target_os = "macos")
}

fn belongs_to_focus(modifiers: Modifiers, key: Key) -> bool {
    let is_arrow = matches!(key, Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown);
    modifiers.is_none() && (is_arrow || matches!(key, Key::Space | Key::Enter))
}

/// A text field leaves to the window what no text has: page keys, F keys, Alt with a letter (which types on a Mac only),
/// the palette, Ctrl+Enter.
fn belongs_to_text(modifiers: Modifiers, key: Key) -> bool {
    let is_command = (modifiers.command || modifiers.alt) && matches!(key, Key::P | Key::Enter) || is_alt(modifiers);
    let is_page = matches!(key, Key::PageUp | Key::PageDown | Key::F1 | Key::F5 | Key::F8);
    !(is_command || is_page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::RawInput;

    #[test]
    fn the_closest_match_wins() {
        let name = |modifiers, key| find(TABLE, modifiers, key).map(|entry| entry.name);
        assert_eq!(name(NONE, Key::ArrowRight), Some("Step forward"));
        assert_eq!(name(SHIFT, Key::ArrowRight), Some("Ten steps forward"));
        assert_eq!(name(CTRL, Key::ArrowRight), Some("Next tile"));
        assert_eq!(name(SHIFT, Key::Questionmark), Some("Keys"));
        assert_eq!(name(CTRL_SHIFT, Key::Z), Some("Redo"));
        assert_eq!(name(CTRL, Key::Z), Some("Undo"));
        assert_eq!(name(ALT, Key::Enter), Some("Full screen"));
        assert_eq!(name(CTRL, Key::Space), None);
    }

    #[test]
    fn buttons_find_their_keys() {
        let ctx = Context::default();
        assert_eq!(tooltip(&ctx, &Message::Player(Command::Toggle)), "Play or pause (Space)");
        assert_eq!(tooltip(&ctx, &Message::Player(Command::StepForward(Unit::Tile))), "Next tile (Ctrl+Right)");
        assert_eq!(tooltip(&ctx, &Message::ReduceMotion), "Reduce motion");
    }

    /// What stands behind a name is what its keys do: none is hidden by another entry, and no two have the same.
    #[test]
    fn every_key_leads_to_its_own_entry() {
        let mut known: Vec<(Modifiers, Key)> = Vec::new();
        for entry in TABLE {
            for (modifiers, key) in entry.keys {
                assert_eq!(find(TABLE, *modifiers, *key).map(|found| found.name), Some(entry.name), "{key:?}");
                assert!(!known.contains(&(*modifiers, *key)), "{}: {key:?} twice", entry.name);
                known.push((*modifiers, *key));
            }
        }
        assert!(known.len() > 50, "{} keys", known.len());
    }

    #[test]
    fn keys_are_written_as_they_are_pressed() {
        let ctx = Context::default();
        let written = |name: &str| {
            let entry = TABLE.iter().find(|entry| entry.name == name).expect("an entry");
            keys_text(&ctx, entry)
        };
        for (name, keys) in [
            ("Redo", "Ctrl+Shift+Z, Ctrl+Y"),
            ("Ten steps back", "Shift+Left"),
            ("Next beat", "."),
            ("Previous beat", ","),
            ("Next block of the outer loop", "Alt+Right"),
            ("Larger", "Ctrl++, Ctrl+="),
            ("Close", "Esc"),
            ("Full screen", "Alt+Enter"),
            ("Light colours", ""),
        ] {
            assert_eq!(written(name), keys, "{name}");
        }
    }

    /// The names of what keys carry out in one frame, in their order; `field` is a text that has the keyboard.
    fn carried_out(keys: &[(Modifiers, Key)], keyboard: Keyboard, field: bool) -> Vec<&'static str> {
        let (ctx, mut text, mut names) = (Context::default(), String::new(), Vec::new());
        let mut frame = |events: Vec<Event>| {
            let input = RawInput { events, ..RawInput::default() };
            let _ = ctx.run_ui(input, |ui| {
                names = pressed(ui.ctx(), keyboard).iter().map(|entry| entry.name).collect();
                if field {
                    ui.text_edit_singleline(&mut text).request_focus();
                }
            });
        };
        (0..2).for_each(|_| frame(Vec::new()));
        let event = |(modifiers, key): &(Modifiers, Key)| Event::Key {
            key: *key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: *modifiers,
        };
        frame(keys.iter().map(event).collect());
        names
    }

    #[test]
    fn keys_are_those_of_whoever_has_the_keyboard() {
        let keys = [
            (NONE, Key::Space),
            (NONE, Key::ArrowRight),
            (CTRL, Key::Z),
            (CTRL, Key::P),
            (ALT, Key::T),
            (NONE, Key::F5),
            (NONE, Key::PageDown),
            (CTRL, Key::Enter),
            (NONE, Key::B),
            (NONE, Key::F1),
        ];
        let free = ["Play or pause", "Step forward", "Undo", "All commands", "Switch theme", "Present from here"];
        let free = [&free[..], &["Go on in the lesson", "Check my answer", "Keys"]].concat();
        assert_eq!(carried_out(&keys, Keyboard::default(), false), free);
        // A text has its own letters, arrows and undo.
        let typing: Vec<&str> =
            free.iter().copied().filter(|name| !["Play or pause", "Step forward", "Undo"].contains(name)).collect();
        assert_eq!(carried_out(&keys, Keyboard::default(), true), typing);
        let covered = Keyboard { is_covered: true, ..Keyboard::default() };
        assert_eq!(carried_out(&keys, covered, false), ["All commands", "Keys"]);
        let presenting = carried_out(&keys, Keyboard { is_presenting: true, ..Keyboard::default() }, false);
        assert!(presenting.contains(&"Blank the screen") && presenting.len() == free.len() + 1, "{presenting:?}");
    }

    /// A key that was carried out is gone: nothing below reads it again.
    #[test]
    fn what_is_carried_out_is_taken_and_nothing_else() {
        let ctx = Context::default();
        let of = |key| Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: NONE };
        let input = RawInput { events: vec![of(Key::Space), of(Key::F7)], ..RawInput::default() };
        let _ = ctx.run_ui(input, |ui| {
            assert_eq!(pressed(ui.ctx(), Keyboard::default()).len(), 1);
            assert_eq!(ui.input(|input| input.events.clone()), [of(Key::F7)]);
            assert_eq!(pressed(ui.ctx(), Keyboard::default()).len(), 0);
        });
    }
}
