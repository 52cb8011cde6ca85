//! Every panel, one line each: what opens it in menus and palette, its keys and its help all come from that line.

use std::sync::LazyLock;

use eframe::egui::{Context, Id};

use crate::app::message::commands::{self, ALGORITHMS, Entry, TABLE};
use crate::app::panels::panel::Panel;
use crate::app::panels::{
    block_sizes, breakpoints, bytes, code, compare, far, gpu, kernel, lesson, memories, needle, plot, provenance,
    setup, text, tile, traffic, what_if,
};

/// In the order in which they are listed.
pub static PANELS: [&Panel; 18] = [
    &far::PANEL,
    &tile::PANEL,
    &needle::PANEL,
    &memories::PANEL,
    &compare::PANEL,
    &block_sizes::PANEL,
    &breakpoints::PANEL,
    &provenance::PANEL,
    &bytes::PANEL,
    &traffic::PANEL,
    &plot::PANEL,
    &code::PANEL,
    &what_if::PANEL,
    &setup::PANEL,
    &lesson::PANEL,
    &text::PANEL,
    &gpu::PANEL,
    &kernel::PANEL,
];

/// Every command.
pub static COMMANDS: LazyLock<Vec<Entry>> = LazyLock::new(|| commands(&PANELS));

/// The panels of a context: those that were installed, else all of the program.
pub fn of(ctx: &Context) -> &'static [&'static Panel] {
    ctx.data(|data| data.get_temp(Id::unique("panels"))).unwrap_or(&PANELS)
}

/// The window of a context has these panels from now on, in menu, palette and place, with their commands among all.
pub fn install(ctx: &Context, panels: &'static [&'static Panel], commands: &'static [Entry]) {
    ctx.data_mut(|data| data.insert_temp(Id::unique("panels"), panels));
    commands::install(ctx, commands);
}

/// The panel that a message calls so.
pub fn by_id(ctx: &Context, id: &str) -> Option<&'static Panel> {
    of(ctx).iter().copied().find(|panel| panel.id == id)
}

/// The table of commands with the lines of `panels` and of the algorithms, which come first in their groups.
pub fn commands(panels: &[&Panel]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for entry in TABLE {
        if entries.last().is_none_or(|last| last.group != entry.group) {
            entries.extend(panels.iter().filter(|panel| panel.group == entry.group).filter_map(|panel| panel.entry()));
            entries.extend(ALGORITHMS.iter().filter(|algorithm| algorithm.group == entry.group).cloned());
        }
        entries.push(entry.clone());
    }
    entries
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Key, Modifiers};

    use super::*;
    use crate::app::message::Message;
    use crate::app::message::commands::{find, install, tooltip};
    use crate::app::panels::panel::Home;
    use crate::app::tongue::chinese;

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
    fn every_command_has_its_chinese() {
        for entry in COMMANDS.iter() {
            assert!(chinese::of(entry.name).is_some() && chinese::of(entry.group).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn every_panel_has_a_name_of_its_own_and_its_words() {
        for (n, panel) in PANELS.iter().enumerate() {
            assert!(PANELS[..n].iter().all(|other| other.id != panel.id), "{} twice", panel.id);
            assert!(TABLE.iter().any(|entry| entry.group == panel.group), "{}: no such group", panel.id);
            for text in [panel.title, panel.help] {
                assert!(chinese::of(text).is_some(), "{}: {text}", panel.id);
            }
        }
    }

    #[test]
    fn a_panel_that_is_added_is_a_command_with_its_keys_and_its_help() {
        static ADDED: Panel = Panel {
            id: "added",
            title: "Added",
            home: Home::Right,
            group: "Look",
            command: "The added panel",
            keys: &[(Modifiers::ALT, Key::F12)],
            opens: Message::Show("added"),
            also: "another word",
            help: "It stands in no other list.",
            show: |_, _| {},
        };
        let with: &'static [Entry] = commands(&[&PANELS[..], &[&ADDED]].concat()).leak();
        assert_eq!(with.len(), COMMANDS.len() + 1);
        let at = with.iter().position(|entry| entry.name == ADDED.command).expect("it has a line");
        assert!(with[at - 1].group == "Look" && with[at + 1].group == "Look", "a group is in two parts");
        let pressed = find(with, Modifiers::ALT, Key::F12).map(|entry| &entry.message);
        assert_eq!(pressed, Some(&ADDED.opens));
        let ctx = Context::default();
        install(&ctx, with);
        assert_eq!(tooltip(&ctx, &ADDED.opens), "The added panel (Alt+F12)\nIt stands in no other list.");
    }
}
