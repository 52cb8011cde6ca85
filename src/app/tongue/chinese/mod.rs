//! The words of the window in Chinese, by their English. One place to translate; [`super::words`] looks them up.

mod builds;
mod checks;
mod code_edit;
mod commands;
mod compare;
mod devices;
mod diagnosis;
mod faults;
mod files;
mod gpu_panel;
mod heads;
mod inputs;
mod kernels;
mod lesson_panel;
mod lessons;
mod map;
mod not_finite;
mod opening;
mod own_lessons;
mod panels;
mod run;
mod setup;
mod stage;
mod talk;
mod teach;
mod text_editor;
mod texts;
mod what_if;
mod window;
mod wrong;

use std::collections::HashMap;
use std::sync::LazyLock;

/// Every line: English, Chinese.
pub static ALL: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let tables = [
        builds::TABLE,
        checks::TABLE,
        code_edit::TABLE,
        commands::TABLE,
        compare::TABLE,
        devices::TABLE,
        diagnosis::TABLE,
        faults::TABLE,
        files::TABLE,
        gpu_panel::TABLE,
        heads::TABLE,
        inputs::TABLE,
        kernels::TABLE,
        lesson_panel::TABLE,
        lessons::TABLE,
        map::TABLE,
        not_finite::TABLE,
        opening::TABLE,
        own_lessons::TABLE,
        panels::TABLE,
        run::TABLE,
        setup::TABLE,
        stage::TABLE,
        talk::TABLE,
        teach::TABLE,
        text_editor::TABLE,
        texts::TABLE,
        what_if::TABLE,
        window::TABLE,
        wrong::TABLE,
    ];
    tables.concat()
});

static BY_ENGLISH: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| ALL.iter().copied().collect());

/// The Chinese of a line of the table.
pub fn of(english: &str) -> Option<&'static str> {
    BY_ENGLISH.get(english).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_values() {
        for (n, (english, chinese)) in ALL.iter().enumerate() {
            for value in ["{0}", "{1}", "{2}", "{3}", "{4}", "{5}"] {
                assert_eq!(english.contains(value), chinese.contains(value), "{english}");
            }
            assert!(ALL[..n].iter().all(|(other, _)| other != english), "{english} twice");
        }
    }
}
