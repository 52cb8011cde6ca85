//! The one table of commands: buttons, the sheet of keys and the keyboard read the same lines.

use eframe::egui::{Context, Event, Key, Modifiers};

use crate::playback::{Command, Unit};

use super::action::{Action, Tab};
use super::stage::{Distance, Wish};

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

const fn entry(group: &'static str, name: &'static str, keys: &'static [(Modifiers, Key)], action: Action) -> Entry {
    Entry { group, name, keys, action }
}

const fn forward(unit: Unit) -> Action {
    Action::Player(Command::StepForward(unit))
}

const fn back(unit: Unit) -> Action {
    Action::Player(Command::StepBack(unit))
}

/// Every command that has a key.
pub static COMMANDS: [Entry; 25] = [
    entry("Play", "Play or pause", &[(NONE, Key::Space)], Action::Player(Command::Toggle)),
    entry("Play", "Faster", &[(NONE, Key::CloseBracket)], Action::Faster),
    entry("Play", "Slower", &[(NONE, Key::OpenBracket)], Action::Slower),
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
    entry("Look", "Row above", &[(NONE, Key::ArrowUp)], Action::SelectRow(-1)),
    entry("Look", "Row below", &[(NONE, Key::ArrowDown)], Action::SelectRow(1)),
    entry("Look", "Far: schedule", &[(NONE, Key::Num1)], Action::Stage(Wish::Distance(Distance::Far))),
    entry("Look", "Middle: tile", &[(NONE, Key::Num2)], Action::Stage(Wish::Distance(Distance::Middle))),
    entry("Look", "Near: one row", &[(NONE, Key::Num3)], Action::Stage(Wish::Distance(Distance::Near))),
    entry("Look", "Traffic", &[(ALT, Key::Num1)], Action::Tab(Tab::Traffic)),
    entry("Look", "Plot", &[(ALT, Key::Num2)], Action::Tab(Tab::Plot)),
    entry("Look", "Code", &[(ALT, Key::Num3)], Action::Tab(Tab::Code)),
    entry("Help", "Keys", &[(NONE, Key::Questionmark), (NONE, Key::F1)], Action::ToggleKeys),
    entry("Help", "Close", &[(NONE, Key::Escape)], Action::Dismiss),
];

/// `name (key)`, for the tooltip of a button.
pub fn tooltip(action: &Action) -> String {
    let found = COMMANDS.iter().find(|entry| entry.action == *action);
    found.map_or_else(String::new, |entry| format!("{} ({})", entry.name, keys_text(entry)))
}

/// The keys of an entry as text.
pub fn keys_text(entry: &Entry) -> String {
    let names = entry.keys.iter().map(|(modifiers, key)| {
        let mut name = String::new();
        for (is_needed, text) in [(modifiers.command, "Ctrl+"), (modifiers.alt, "Alt+"), (modifiers.shift, "Shift+")] {
            if is_needed {
                name.push_str(text);
            }
        }
        name + key_name(*key)
    });
    names.collect::<Vec<_>>().join(" or ")
}

fn key_name(key: Key) -> &'static str {
    match key {
        Key::ArrowRight => "Right",
        Key::ArrowLeft => "Left",
        Key::ArrowUp => "Up",
        Key::ArrowDown => "Down",
        Key::Period => ".",
        Key::Comma => ",",
        Key::Escape => "Esc",
        key => key.symbol_or_name(),
    }
}

/// The commands whose keys were pressed in this frame, in their order. None while a text field has the focus; and what
/// a focused button or slider understands itself is left to it.
pub fn pressed(ctx: &Context) -> Vec<Action> {
    if ctx.text_edit_focused() {
        return Vec::new();
    }
    let has_focus = ctx.memory(|memory| memory.focused().is_some());
    let mut actions = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
            let entry = find(*modifiers, *key).filter(|_| !(has_focus && belongs_to_focus(*modifiers, *key)));
            actions.extend(entry.map(|entry| entry.action.clone()));
            entry.is_none()
        });
    });
    actions
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

fn belongs_to_focus(modifiers: Modifiers, key: Key) -> bool {
    let is_arrow = matches!(key, Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown);
    modifiers.is_none() && (is_arrow || matches!(key, Key::Space | Key::Escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_key() {
        let keys: Vec<_> = COMMANDS.iter().flat_map(|entry| entry.keys).collect();
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key), "{key:?} twice");
        }
    }

    #[test]
    fn the_closest_match_wins() {
        let name = |modifiers, key| find(modifiers, key).map(|entry| entry.name);
        assert_eq!(name(NONE, Key::ArrowRight), Some("Step forward"));
        assert_eq!(name(SHIFT, Key::ArrowRight), Some("Ten steps forward"));
        assert_eq!(name(CTRL, Key::ArrowRight), Some("Next tile"));
        assert_eq!(name(SHIFT, Key::Questionmark), Some("Keys"));
        assert_eq!(name(CTRL, Key::Space), None);
    }

    #[test]
    fn buttons_find_their_keys() {
        assert_eq!(tooltip(&Action::Player(Command::Toggle)), "Play or pause (Space)");
        assert_eq!(tooltip(&Action::Player(Command::StepForward(Unit::Tile))), "Next tile (Ctrl+Right)");
        assert_eq!(tooltip(&Action::RunGpu), "");
    }
}
