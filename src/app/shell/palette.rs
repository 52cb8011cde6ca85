//! The palette: every command, every choice of the setup and every recent file, found by a few letters of its name or by
//! another word for it.

use std::borrow::Cow;

use eframe::egui::scroll_area::ScrollBarVisibility;
use eframe::egui::{self, Key, Modifiers, Ui};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::commands::{Entry, keys_text, table};
use crate::app::run::source::Source;
use crate::app::tongue::words::{fill, language, tr};
use crate::playback::lesson::library::{LESSONS, QUESTIONS};

/// Height of a line of the list.
const LINE: f32 = 28.0;

/// What the palette remembers while it is open.
#[derive(Default)]
pub struct CommandPalette {
    text: String,
    at: usize,
}

/// What became of it in this frame.
pub enum PaletteOutcome {
    Open,
    Closed,
    /// The name of the command, and what it does.
    Picked(Cow<'static, str>, Message),
}

struct Row {
    name: Cow<'static, str>,
    /// As it is shown, in the language on screen.
    title: String,
    keys: String,
    action: Message,
}

impl CommandPalette {
    /// `choices` are those that the setup has, by name.
    pub fn show(&mut self, ui: &mut Ui, choices: &[&'static str], recent: &[String]) -> PaletteOutcome {
        let mut outcome = PaletteOutcome::Open;
        let screen = ui.ctx().content_rect();
        let area = egui::Modal::default_area(egui::Id::unique("palette"))
            .anchor(egui::Align2::CENTER_TOP, egui::vec2(0.0, (screen.height() * 0.1).min(72.0)));
        let modal = egui::Modal::new(egui::Id::unique("palette")).area(area).show(ui.ctx(), |ui| {
            ui.set_width(520.0_f32.min(screen.width() - 40.0).max(80.0));
            self.field(ui);
            let rows = rows(ui.ctx(), table(ui.ctx()), &self.text, choices, recent);
            if rows.is_empty() {
                let text = fill(ui.ctx(), NOTHING, &[&self.text.trim()]);
                draw::describe(&ui.label(&text), "found", &text);
            }
            self.move_by_keys(ui, rows.len());
            let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
            // As high as what is found, whatever was found before; where that is more than there is room for, a bar says so.
            let (most, needed) = ((screen.height() * 0.6).clamp(40.0, 420.0), LINE * rows.len() as f32);
            let bar =
                if needed > most { ScrollBarVisibility::AlwaysVisible } else { ScrollBarVisibility::AlwaysHidden };
            let list = egui::ScrollArea::vertical().max_height(most).min_scrolled_height(needed.min(most));
            list.scroll_bar_visibility(bar).auto_shrink([false, true]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (at, row) in rows.into_iter().enumerate() {
                    let is_here = at == self.at;
                    if line(ui, &row, is_here) || (is_here && entered) {
                        outcome = PaletteOutcome::Picked(row.name, row.action);
                    }
                }
            });
        });
        if matches!(outcome, PaletteOutcome::Open) && modal.should_close() { PaletteOutcome::Closed } else { outcome }
    }

    fn field(&mut self, ui: &mut Ui) {
        let hint = tr(ui.ctx(), "Type a command");
        let field = egui::TextEdit::singleline(&mut self.text).hint_text(hint).desired_width(f32::INFINITY);
        let response = ui.add(field.font(theme::text(theme::HEADING))).accessible_name(hint);
        response.request_focus();
        if response.changed() {
            self.at = 0;
        }
        ui.add_space(4.0);
    }

    fn move_by_keys(&mut self, ui: &Ui, count: usize) {
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let last = count.saturating_sub(1);
        if pressed(Key::ArrowDown) {
            self.at += 1;
        }
        if pressed(Key::ArrowUp) {
            self.at = self.at.saturating_sub(1);
        }
        self.at = self.at.min(last);
    }
}

fn line(ui: &mut Ui, row: &Row, is_here: bool) -> bool {
    let palette = Palette::of(ui);
    let size = egui::vec2(ui.available_width(), LINE);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::click());
    if is_here || response.hovered() {
        ui.painter().rect_filled(rect, 4.0, palette.accent_soft);
    }
    let inner = rect.shrink2(egui::vec2(8.0, 0.0));
    let font = theme::text(theme::BODY);
    fit_text(ui.painter(), inner, egui::Align2::LEFT_CENTER, &row.title, font, palette.ink);
    let keys = theme::text(theme::LABEL);
    draw::put_text(ui.painter(), inner.right_center(), egui::Align2::RIGHT_CENTER, &row.keys, keys, palette.faint_ink);
    draw::describe(&response, &row.title, &row.keys);
    if is_here {
        response.scroll_to_me(None);
    }
    response.clicked()
}

const NOTHING: &str = "Nothing is called \"{0}\". Try another word: mask, step, lesson, csv.";

/// The group of the setup's choices.
const SETUP: &str = "Setup";
/// What people ask.
const QUESTION: &str = "Question";

/// Other words for what has a name and is no panel.
const ALSO: [(&str, &str); 15] = [
    ("The first two minutes again", "tutorial, tour, introduction"),
    ("Keys", "shortcuts, keyboard, help"),
    ("All commands", "palette, search"),
    ("Save the trace as JSON", "export"),
    ("Full screen", "maximise"),
    ("Block rows br", "tile size, query block"),
    ("Block keys bc", "tile size, key block"),
    ("Key/value head", "gqa, mqa, group"),
    ("Precision", "dtype, f16, bf16, half"),
    ("Chip", "gpu, hardware, SRAM budget"),
    ("Sliding window", "mask, local attention"),
    ("Scale of the scores", "temperature, 1/sqrt(d)"),
    ("Where K comes from", "Q for K, symmetric"),
    ("Logits of the sinks", "learned sinks, attention sink"),
    ("Bias", "additive mask"),
];

/// The rows that match, the closest first.
fn rows(
    ctx: &egui::Context,
    commands: &'static [Entry],
    text: &str,
    choices: &[&'static str],
    recent: &[String],
) -> Vec<Row> {
    let mut rows: Vec<(i64, Row)> = Vec::new();
    for entry in commands {
        if let Some(score) = of_name(ctx, text, entry) {
            let title = tr(ctx, entry.name).into();
            rows.push((
                score,
                Row { name: entry.name.into(), title, keys: keys_text(ctx, entry), action: entry.message.clone() },
            ));
        }
    }
    for &name in choices {
        let choice = Entry { group: SETUP, name, keys: &[], message: Message::Setting(name), also: "", help: "" };
        if let Some(score) = of_name(ctx, text, &choice) {
            let (title, keys) = (tr(ctx, name).into(), tr(ctx, SETUP).into());
            rows.push((score, Row { name: name.into(), title, keys, action: choice.message }));
        }
    }
    let (language, is_said) = (language(ctx), !text.trim().is_empty());
    for (index, entry) in LESSONS.iter().enumerate() {
        let title = fill(ctx, "Lesson {0}: {1}", &[&entry.number, &entry.title(language)]);
        // By its start; a word of a title comes after what has that word for its name.
        let of_title = score(text, &title).map(|score| if score > AT_A_WORD + 200 { score } else { score - 300 });
        if let Some(score) = of_title.max(score(text, &format!("l{}", entry.number))) {
            let row =
                Row { name: title.clone().into(), title, keys: String::new(), action: Message::OpenLesson(index) };
            rows.push((score, row));
        }
    }
    // Of questions there are many: they come when something is asked.
    for (beat, question) in QUESTIONS.headings(language).enumerate().filter(|_| is_said) {
        // What has a name comes first.
        if let Some(score) = in_words(text, question).map(|score| score - 300) {
            let keys = tr(ctx, QUESTION).into();
            rows.push((
                score,
                Row { name: QUESTION.into(), title: question.into(), keys, action: Message::OpenQuestion(beat) },
            ));
        }
    }
    for path in recent {
        if let Some(score) = score(text, path) {
            let action = Message::Open(Source::from(path.as_str()));
            rows.push((
                score - 20,
                Row { name: "Recent file".into(), title: path.clone(), keys: String::new(), action },
            ));
        }
    }
    // A stable sort keeps the order of the table among equals.
    rows.sort_by_key(|(score, _)| -score);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// How well `text` names something: by its name on screen or in English, by another word for it, or by its group.
fn of_name(ctx: &egui::Context, text: &str, entry: &Entry) -> Option<i64> {
    let Entry { name, group, .. } = *entry;
    let own = score(text, tr(ctx, name)).max(score(text, name));
    // Letters that are scattered over other words or over a group say nothing.
    let whole =
        |said: &str| score(text, said).filter(|score| *score >= AT_A_WORD).map(|score| score.min(AT_A_WORD) - 150);
    let listed = ALSO.iter().find(|(of, _)| *of == name).map(|(_, words)| *words);
    let also = Some(entry.also).filter(|words| !words.is_empty()).or(listed);
    let also = also.and_then(|words| words.split(", ").chain(tr(ctx, words).split("\u{3001}")).filter_map(whole).max());
    own.max(also).max(whole(tr(ctx, group)))
}

/// How well a question is meant: by a piece of it, or by words of it in any order.
fn in_words(text: &str, question: &str) -> Option<i64> {
    let whole = score(text, question).filter(|score| *score > INSIDE - 100);
    let words = || {
        let scores: Option<Vec<i64>> = text.split_whitespace().map(|word| score(word, question)).collect();
        scores?.into_iter().min().filter(|least| *least > INSIDE - 100).map(|least| least - 50)
    };
    whole.or_else(words)
}

/// Of a pattern that stands at the start of a word, and of one that stands anywhere.
const AT_A_WORD: i64 = 600;
const INSIDE: i64 = 400;

/// How well `pattern` is found in `text`: at its start, at the start of a word, anywhere, or at least its letters in their
/// order; `None` where they are not.
fn score(pattern: &str, text: &str) -> Option<i64> {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    let (pattern, text) = (lower(pattern.trim()), lower(text));
    if pattern.is_empty() {
        return Some(0);
    }
    if pattern.len() <= text.len() && text[..pattern.len()] == pattern[..] {
        return Some(1000 - text.len() as i64);
    }
    let starts_word = |at: usize| at == 0 || !text[at - 1].is_alphanumeric();
    let found = (1..text.len()).filter(|&at| text[at..].starts_with(&pattern));
    if let Some(at) = found.min_by_key(|&at| !starts_word(at)) {
        return Some(if starts_word(at) { AT_A_WORD + 100 } else { INSIDE } - text.len() as i64);
    }
    let (mut score, mut from, mut before) = (0, 0, None);
    for wanted in pattern.iter().filter(|c| !c.is_whitespace()) {
        let at = from + text[from..].iter().position(|c| c == wanted)?;
        score += if before == Some(at.wrapping_sub(1)) { 8 } else { 0 } + if starts_word(at) { 10 } else { 0 }
            - (at - from) as i64;
        (before, from) = (Some(at), at + 1);
    }
    Some(score.min(INSIDE - 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::panels::list::COMMANDS;
    use crate::playback::lesson::Language;
    use proptest::prelude::*;

    fn first(text: &str) -> Cow<'static, str> {
        rows(
            &egui::Context::default(),
            &COMMANDS,
            text,
            &["Precision", "Causal mask", "Sliding window", "Key/value head"],
            &[],
        )
        .into_iter()
        .next()
        .map_or("".into(), |row| row.name)
    }

    #[test]
    fn a_few_letters_find_a_command() {
        assert_eq!(first("undo"), "Undo");
        assert_eq!(first("cop link"), "Copy a link to this step");
        let fourth = rows(&egui::Context::default(), &COMMANDS, "l4", &[], &[]);
        assert_eq!(fourth.first().map(|row| &row.action), Some(&Message::OpenLesson(3)));
        assert_eq!(first("dark"), "Dark colours");
        assert_eq!(rows(&egui::Context::default(), &COMMANDS, "zzzzq", &[], &[]).len(), 0);
    }

    /// Questions are found by a piece of them, and by their words in any order, in the language on screen; and only when
    /// something is asked.
    #[test]
    fn questions_are_found_in_their_own_words() {
        let ctx = egui::Context::default();
        let found = |text: &str| {
            let rows = rows(&ctx, &COMMANDS, text, &[], &[]);
            rows.into_iter().find(|row| row.name == QUESTION).map(|row| row.action)
        };
        for language in [Language::English, Language::Chinese] {
            crate::app::tongue::words::set_language(&ctx, language);
            for (beat, question) in QUESTIONS.headings(language).enumerate() {
                assert_eq!(found(question), Some(Message::OpenQuestion(beat)), "{question}");
            }
        }
        let subtract = QUESTIONS.headings(Language::Chinese).position(|question| question.contains("减")).unwrap();
        assert_eq!(found("减去"), Some(Message::OpenQuestion(subtract)));
        crate::app::tongue::words::set_language(&ctx, Language::English);
        assert_eq!(found("maximum subtract"), Some(Message::OpenQuestion(subtract)), "in another order");
        assert_eq!((found(""), found("zebra quantum")), (None, None));
    }

    #[test]
    fn another_word_finds_it_too() {
        for (text, name) in [
            ("csv", "Copy the tile as CSV"),
            ("theme", "Switch theme"),
            ("breakpoint", "Breakpoints"),
            ("mask", "Causal mask"),
            ("precision", "Precision"),
            ("bf16", "Precision"),
            ("gqa", "Key/value head"),
            ("tutorial", "The first two minutes again"),
            ("tile size", "Block sizes"),
            ("split-kv", "Algorithm: split-kv"),
            ("lazy", "Algorithm: flash2-lazy"),
            ("Flash-Decoding", "Algorithm: split-kv"),
            ("two-kernel", "Algorithm: two-kernel-backward"),
        ] {
            assert_eq!(first(text), name, "{text}");
        }
        let masks =
            rows(&egui::Context::default(), &COMMANDS, "mask", &["Causal mask", "Padding mask", "Sliding window"], &[]);
        let names: Vec<&str> = masks.iter().map(|row| &*row.name).take(3).collect();
        assert_eq!(names, ["Causal mask", "Padding mask", "Sliding window"]);
    }

    #[test]
    fn every_name_with_other_words_is_a_command_or_a_choice() {
        for (name, _) in ALSO {
            let is_command = COMMANDS.iter().any(|entry| entry.name == name);
            assert!(is_command || crate::app::panels::setup::known().any(|choice| choice == name), "{name}");
        }
    }

    #[test]
    fn every_name_finds_itself_first() {
        for entry in COMMANDS.iter() {
            assert_eq!(first(entry.name), entry.name);
        }
    }

    #[test]
    fn a_line_that_is_added_is_found_by_its_name_and_by_its_other_words() {
        let added = Entry {
            group: "Look",
            name: "The added panel",
            keys: &[],
            message: Message::Show("added"),
            also: "quokka",
            help: "",
        };
        let table: &'static [Entry] = [&COMMANDS[..], &[added]].concat().leak();
        for text in ["added", "quokka"] {
            let rows = rows(&egui::Context::default(), table, text, &[], &[]);
            assert_eq!(rows.first().map(|row| &row.action), Some(&Message::Show("added")), "{text}");
        }
    }

    proptest! {
        /// A piece of a name is found, however it is written; letters in their order are found; a letter that is not there
        /// is not.
        #[test]
        fn a_piece_is_found_before_scattered_letters(text in "[a-z]{2,6}( [a-z]{2,6}){0,3}", from in 0usize..20, len in 1usize..8) {
            let chars: Vec<char> = text.chars().collect();
            let from = from % chars.len();
            let piece: String = chars[from..(from + len).min(chars.len())].iter().collect();
            let found = score(&piece, &text);
            prop_assert!(found.is_some());
            prop_assert_eq!(score(&piece.to_uppercase(), &text), found);
            prop_assert_eq!(score(&format!("  {piece} "), &text), score(piece.trim(), &text));
            let scattered: String = text.chars().step_by(2).filter(|c| *c != ' ').collect();
            let is_piece = text.contains(&scattered);
            prop_assert!(is_piece || score(&scattered, &text).is_some_and(|score| score <= INSIDE - 100));
            prop_assert!(piece.trim().is_empty() || found.is_some_and(|found| found > INSIDE - 100));
            prop_assert_eq!(score(&format!("{piece}#"), &text), None);
        }

        /// The start of a name comes before the start of one of its words, and that before the middle of one.
        #[test]
        fn where_a_piece_stands_decides(piece in "[a-m]{2,5}", rest in "[n-z]{2,5}") {
            let at_start = score(&piece, &format!("{piece}{rest} {rest}{rest}"));
            let at_word = score(&piece, &format!("{rest}{rest} {piece}{rest}"));
            let inside = score(&piece, &format!("{rest}{piece}{rest} {rest}"));
            prop_assert!(at_start > at_word && at_word > inside && inside.is_some());
            prop_assert_eq!(score("", &rest), Some(0));
        }
    }
}
