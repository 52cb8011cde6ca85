//! The one table of commands: the menu, the palette, the sheet of keys, buttons and the keyboard read the same lines.
//! Keys that hold only while something is open (breakpoints, a vote, the palette) are read where that is.

use eframe::egui::{Context, Event, Key, Modifiers};

use crate::playback::lesson::{Distance, Language};
use crate::playback::{Command, Unit};

use super::action::{Action, Edge, Export, Overlay, Present, Side, Source, Tab, Tour, Wish, Zoom};
use super::code_edit::Wish as Kernel;
use super::compare::{Lock, Wish as Compare};
use super::gpu_panel::Wish as GpuWish;
use super::odd_rows;
use super::picture::Goal;
use super::stage::Wish as StageWish;
use super::strip::Wish as StripWish;
use super::theme::Theme;

/// One line of the table.
pub struct Entry {
    pub group: &'static str,
    pub name: &'static str,
    pub keys: &'static [(Modifiers, Key)],
    pub action: Action,
}

const NONE: Modifiers = Modifiers::NONE;
const CTRL: Modifiers = Modifiers::COMMAND;
const SHIFT: Modifiers = Modifiers::SHIFT;
const ALT: Modifiers = Modifiers::ALT;
const CTRL_SHIFT: Modifiers = CTRL.plus(SHIFT);

type Keys = &'static [(Modifiers, Key)];

const fn entry(group: &'static str, name: &'static str, keys: Keys, action: Action) -> Entry {
    Entry { group, name, keys, action }
}

const fn forward(unit: Unit) -> Action {
    Action::Player(Command::StepForward(unit))
}

const fn back(unit: Unit) -> Action {
    Action::Player(Command::StepBack(unit))
}

/// Every command. A name is looked up in the table of words.
pub static COMMANDS: &[Entry] = &[
    entry("Play", "Play or pause", &[(NONE, Key::Space)], Action::Player(Command::Toggle)),
    entry("Play", "Faster", &[(NONE, Key::CloseBracket)], Action::Faster),
    entry("Play", "Slower", &[(NONE, Key::OpenBracket)], Action::Slower),
    entry("Play", "Loop from here", &[(NONE, Key::I)], Action::Player(Command::LoopFromHere)),
    entry("Play", "Loop to here", &[(NONE, Key::O)], Action::Player(Command::LoopToHere)),
    entry("Play", "Loop this tile", &[(NONE, Key::L)], Action::Player(Command::LoopUnit(Unit::Tile))),
    entry("Play", "Loop this block of the outer loop", &[], Action::Player(Command::LoopUnit(Unit::QueryBlock))),
    entry("Play", "Stop looping", &[(SHIFT, Key::L)], Action::Player(Command::NoLoop)),
    entry("Step", "Step forward", &[(NONE, Key::ArrowRight)], forward(Unit::Operation)),
    entry("Step", "Step back", &[(NONE, Key::ArrowLeft)], back(Unit::Operation)),
    entry("Step", "Next beat", &[(NONE, Key::Period)], forward(Unit::Beat)),
    entry("Step", "Previous beat", &[(NONE, Key::Comma)], back(Unit::Beat)),
    entry("Step", "Ten steps forward", &[(SHIFT, Key::ArrowRight)], Action::By(10)),
    entry("Step", "Ten steps back", &[(SHIFT, Key::ArrowLeft)], Action::By(-10)),
    entry("Step", "Next tile", &[(CTRL, Key::ArrowRight)], forward(Unit::Tile)),
    entry("Step", "Previous tile", &[(CTRL, Key::ArrowLeft)], back(Unit::Tile)),
    entry("Step", "Next block of the outer loop", &[(ALT, Key::ArrowRight)], forward(Unit::QueryBlock)),
    entry("Step", "Previous block of the outer loop", &[(ALT, Key::ArrowLeft)], back(Unit::QueryBlock)),
    entry("Step", "To the start", &[(NONE, Key::Home)], Action::Player(Command::Home)),
    entry("Step", "To the end", &[(NONE, Key::End)], Action::Player(Command::End)),
    entry("Step", "Zoom into the steps", &[(ALT, Key::Plus), (ALT, Key::Equals)], Action::Strip(StripWish::Closer)),
    entry("Step", "Zoom out of the steps", &[(ALT, Key::Minus)], Action::Strip(StripWish::Farther)),
    entry("Step", "Show all steps", &[(ALT, Key::Num0)], Action::Strip(StripWish::Whole)),
    entry("Look", "Far: the schedule", &[(NONE, Key::Num1)], Action::Distance(Distance::Far)),
    entry("Look", "Middle: the tile", &[(NONE, Key::Num2)], Action::Distance(Distance::Middle)),
    entry("Look", "Near: one row", &[(NONE, Key::Num3)], Action::Distance(Distance::Near)),
    entry("Look", "The memories of the chip", &[(NONE, Key::Num0)], Action::Distance(Distance::Memory)),
    entry("Look", "Compare two runs", &[(NONE, Key::Num4)], Action::Compare(Compare::Open)),
    entry("Look", "Compare by the share of steps", &[], Action::Compare(Compare::Lock(Lock::Steps))),
    entry("Look", "Compare by the bytes moved", &[], Action::Compare(Compare::Lock(Lock::Bytes))),
    entry("Look", "Swap the two runs that are compared", &[], Action::Compare(Compare::Swap)),
    entry("Look", "Compare: flash2 moves more than flash1", &[], Action::Compare(Compare::Surprise(0))),
    entry("Look", "Compare: flash1 moves more than standard", &[], Action::Compare(Compare::Surprise(1))),
    entry("Look", "Breakpoints", &[], Action::Stage(StageWish::Breakpoints(true))),
    entry("Look", "Block sizes", &[], Action::Stage(StageWish::Blocks(true))),
    entry("Look", "Row above", &[(NONE, Key::ArrowUp)], Action::SelectRow(-1)),
    entry("Look", "Row below", &[(NONE, Key::ArrowDown)], Action::SelectRow(1)),
    entry("Look", "Traffic", &[(ALT, Key::Num1)], Action::Tab(Tab::Traffic)),
    entry("Look", "Plot", &[(ALT, Key::Num2)], Action::Tab(Tab::Plot)),
    entry("Look", "Code", &[(ALT, Key::Num3)], Action::Tab(Tab::Code)),
    entry("Look", "Show the setup", &[(ALT, Key::S)], Action::Side(Side::Setup)),
    entry("Look", "Show the lesson", &[(ALT, Key::L)], Action::Side(Side::Lesson)),
    entry("Look", "Fold or show the left side", &[(ALT, Key::OpenBracket)], Action::Fold(Edge::Left)),
    entry("Look", "Fold or show the right side", &[(ALT, Key::CloseBracket)], Action::Fold(Edge::Right)),
    entry("Change", "Undo", &[(CTRL, Key::Z)], Action::Undo),
    entry("Change", "Redo", &[(CTRL_SHIFT, Key::Z), (CTRL, Key::Y)], Action::Redo),
    entry("Change", "Algorithm: standard", &[], Action::Algorithm(0)),
    entry("Change", "Algorithm: flash1", &[], Action::Algorithm(1)),
    entry("Change", "Algorithm: flash2", &[], Action::Algorithm(2)),
    entry("GPU", "GPU panel", &[(ALT, Key::G)], Action::Gpu(GpuWish::Toggle)),
    entry("GPU", "Run on the GPU", &[(CTRL, Key::G)], Action::RunGpu),
    entry("GPU", "Record m and l on the GPU", &[], Action::Gpu(GpuWish::Record)),
    entry("GPU", "Measure the roofs of the GPU", &[], Action::Gpu(GpuWish::MeasureRoofs)),
    entry("GPU", "Stop the GPU", &[(CTRL_SHIFT, Key::G)], Action::Gpu(GpuWish::Cancel)),
    entry("GPU", "Edit the kernel", &[(ALT, Key::E)], Action::Kernel(Kernel::Toggle)),
    entry("GPU", "Compile and run the kernel", &[(NONE, Key::F8)], Action::Kernel(Kernel::CompileAndRun)),
    entry("GPU", "Put the source of the kernel back", &[], Action::Kernel(Kernel::PutBack)),
    entry("Open", "Open a file", &[(CTRL, Key::O)], Action::Overlay(Overlay::Open)),
    entry("Open", "Open SmolLM2, layer 10, English", &[], Action::Open(Source::Bundled(0))),
    entry("Open", "Open SmolLM2, layer 10, Chinese", &[], Action::Open(Source::Bundled(4))),
    entry("Open", "Open SmolLM2, layer 10, 1024 tokens", &[], Action::Open(Source::Bundled(6))),
    entry("Open", "Open toy: 16 random tokens, d = 4", &[], Action::Open(Source::Toy)),
    entry("Open", "Open row: one query, six keys", &[], Action::Open(Source::Row)),
    entry("Lesson", "Lesson 1: bytes cost time", &[], Action::OpenLesson(0)),
    entry("Lesson", "Lesson 2: the safe softmax", &[], Action::OpenLesson(1)),
    entry("Lesson", "Lesson 3: two pieces", &[], Action::OpenLesson(2)),
    entry("Lesson", "Lesson 4: the online softmax", &[], Action::OpenLesson(3)),
    entry("Lesson", "Lesson 5: flash2, the double loop", &[], Action::OpenLesson(4)),
    entry("Lesson", "Lesson 6: flash1, the loops swapped", &[], Action::OpenLesson(5)),
    entry("Lesson", "Lesson 7: causal", &[], Action::OpenLesson(6)),
    entry("Lesson", "Lesson 8: padding", &[], Action::OpenLesson(7)),
    entry("Lesson", "Go on in the lesson", &[(NONE, Key::PageDown)], Action::Lesson(Wish::Next)),
    entry("Lesson", "Go back in the lesson", &[(NONE, Key::PageUp)], Action::Lesson(Wish::Previous)),
    entry("Lesson", "Check my answer", &[(CTRL, Key::Enter)], Action::Lesson(Wish::Check)),
    entry("Lesson", "Show me", &[(CTRL_SHIFT, Key::Enter)], Action::Lesson(Wish::GiveUp)),
    entry("Lesson", "Restore the scene of the lesson", &[(ALT, Key::R)], Action::Lesson(Wish::Restore)),
    entry("Lesson", "Close the lesson", &[(CTRL, Key::W)], Action::Lesson(Wish::Close)),
    entry("Lesson", "The first two minutes again", &[], Action::Tour(Tour::Start)),
    entry("Present", "Present from the first beat", &[(NONE, Key::F5)], Action::Present(Present::FromStart)),
    entry("Present", "Present from here", &[(SHIFT, Key::F5)], Action::Present(Present::Here)),
    entry("Present", "Stop presenting", &[(CTRL_SHIFT, Key::F5)], Action::Present(Present::Stop)),
    entry("Present", "Blank the screen", &[(NONE, Key::B)], Action::Present(Present::Blank)),
    entry("Present", "Back to the beat", &[(NONE, Key::Backspace)], Action::Present(Present::Return)),
    entry("Present", "Notes in a second window", &[(NONE, Key::N)], Action::Present(Present::Notes)),
    entry("Present", "Vote", &[(NONE, Key::V)], Action::Present(Present::Vote)),
    entry("Window", "Light colours", &[], Action::Theme(Theme::Light)),
    entry("Window", "Dark colours", &[], Action::Theme(Theme::Dark)),
    entry("Window", "Projector colours", &[], Action::Theme(Theme::Projector)),
    entry("Window", "Switch theme", &[(ALT, Key::T)], Action::SwitchTheme),
    entry("Window", "English", &[], Action::Language(Language::English)),
    entry("Window", "Chinese (中文)", &[], Action::Language(Language::Chinese)),
    entry("Window", "Larger", &[(CTRL, Key::Plus), (CTRL, Key::Equals)], Action::Zoom(Zoom::In)),
    entry("Window", "Smaller", &[(CTRL, Key::Minus)], Action::Zoom(Zoom::Out)),
    entry("Window", "Normal size", &[(CTRL, Key::Num0)], Action::Zoom(Zoom::Reset)),
    entry("Window", "Full screen", &[(ALT, Key::Enter)], Action::FullScreen),
    entry("Window", "Reduce motion", &[], Action::ReduceMotion),
    entry(
        "Export",
        "Copy a picture of the window",
        &[(CTRL_SHIFT, Key::C)],
        Action::Export(Export::Picture(Goal::Copy)),
    ),
    entry("Export", "Save a picture of the window", &[(CTRL, Key::S)], Action::Export(Export::Picture(Goal::Save))),
    entry("Export", "Copy a picture of the main view", &[], Action::Export(Export::View(Goal::Copy))),
    entry("Export", "Save a picture of the main view", &[], Action::Export(Export::View(Goal::Save))),
    entry("Export", "Copy a link to this step", &[(CTRL, Key::L)], Action::Export(Export::CopyLink)),
    entry("Export", "Copy the tile as CSV", &[], Action::Export(Export::CopyCsv)),
    entry("Export", "Copy the tile for NumPy", &[], Action::Export(Export::CopyNumpy)),
    entry("Export", "Save the trace as JSON", &[], Action::Export(Export::Trace)),
    entry("Export", "Save the trace for Perfetto", &[], Action::Export(Export::Perfetto)),
    entry("Export", "Save a worksheet with its key", &[], Action::Export(Export::Worksheet)),
    entry("Help", "All commands", &[(CTRL, Key::P), (CTRL_SHIFT, Key::P)], Action::Overlay(Overlay::Palette)),
    entry("Help", "Keys", &[(NONE, Key::Questionmark), (NONE, Key::F1)], Action::Overlay(Overlay::Keys)),
    entry("Help", odd_rows::TITLE, &[], odd_rows::OPEN),
    entry("Help", "Close", &[(NONE, Key::Escape)], Action::Dismiss),
];

/// Its name with its keys, for the tooltip of a button.
pub fn tooltip(ctx: &Context, action: &Action) -> String {
    let found = COMMANDS.iter().find(|entry| entry.action == *action);
    found.map_or_else(String::new, |entry| {
        let name = super::words::tr(ctx, entry.name);
        if entry.keys.is_empty() { name.to_owned() } else { format!("{name} ({})", keys_text(ctx, entry)) }
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
        name + super::words::tr(ctx, key_name(*key))
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
    let mut entries = Vec::new();
    ctx.input_mut(|input| {
        if is_alt(input.modifiers) {
            // Some systems send the letter as a text, too.
            input.events.retain(|event| !matches!(event, Event::Text(_)));
        }
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
            let entry = find(*modifiers, *key)
                .filter(|_| !(has_focus && belongs_to_focus(*modifiers, *key)))
                .filter(|_| !(is_typing && belongs_to_text(*modifiers, *key)))
                .filter(|entry| !keyboard.is_covered || matches!(entry.action, Action::Overlay(_)))
                .filter(|entry| keyboard.is_presenting || !is_for_a_talk(&entry.action));
            entries.extend(entry);
            entry.is_none()
        });
    });
    entries
}

/// Keys that mean something else outside of a talk.
fn is_for_a_talk(action: &Action) -> bool {
    use Present::{Blank, Notes, Return, Stop, Vote};
    matches!(action, Action::Present(Blank | Return | Notes | Vote | Stop))
}

/// The entry with most modifiers that match: a plain arrow also matches one with Shift held.
fn find(held: Modifiers, key: Key) -> Option<&'static Entry> {
    let count =
        |modifiers: Modifiers| [modifiers.alt, modifiers.shift, modifiers.command].map(usize::from).iter().sum();
    let matching = COMMANDS.iter().flat_map(|entry| entry.keys.iter().map(move |keys| (entry, keys)));
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

    #[test]
    fn no_two_commands_share_a_key_or_a_name() {
        let keys: Vec<_> = COMMANDS.iter().flat_map(|entry| entry.keys).collect();
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key), "{key:?} twice");
        }
        for (n, entry) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..n].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
        }
    }

    #[test]
    fn the_closest_match_wins() {
        let name = |modifiers, key| find(modifiers, key).map(|entry| entry.name);
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
        assert_eq!(tooltip(&ctx, &Action::Player(Command::Toggle)), "Play or pause (Space)");
        assert_eq!(tooltip(&ctx, &Action::Player(Command::StepForward(Unit::Tile))), "Next tile (Ctrl+Right)");
        assert_eq!(tooltip(&ctx, &Action::ReduceMotion), "Reduce motion");
    }
}
