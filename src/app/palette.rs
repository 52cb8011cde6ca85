//! The palette: every command and every recent file, found by a few letters of its name.

use eframe::egui::{self, Key, Modifiers, Ui};

use super::action::{Action, Source};
use super::commands::{COMMANDS, keys_text};
use super::draw::{self, fit_text};
use super::theme::{self, Palette};
use super::words::tr;

/// What the palette remembers while it is open.
#[derive(Default)]
pub struct CommandPalette {
    text: String,
    at: usize,
}

/// What became of it in this frame.
pub enum Outcome {
    Open,
    Closed,
    /// The name of the command, and what it does.
    Picked(&'static str, Action),
}

struct Row {
    name: &'static str,
    /// As it is shown, in the language on screen.
    title: String,
    keys: String,
    action: Action,
}

impl CommandPalette {
    pub fn show(&mut self, ui: &mut Ui, recent: &[String]) -> Outcome {
        let mut outcome = Outcome::Open;
        let screen = ui.ctx().content_rect();
        let area = egui::Modal::default_area(egui::Id::unique("palette"))
            .anchor(egui::Align2::CENTER_TOP, egui::vec2(0.0, (screen.height() * 0.1).min(72.0)));
        let modal = egui::Modal::new(egui::Id::unique("palette")).area(area).show(ui.ctx(), |ui| {
            ui.set_width(520.0_f32.min(screen.width() - 40.0).max(80.0));
            self.field(ui);
            let rows = rows(ui.ctx(), &self.text, recent);
            self.move_by_keys(ui, rows.len());
            let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
            let height = (screen.height() * 0.6).clamp(40.0, 420.0);
            egui::ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (at, row) in rows.into_iter().enumerate() {
                    let is_here = at == self.at;
                    if line(ui, &row, is_here) || (is_here && entered) {
                        outcome = Outcome::Picked(row.name, row.action);
                    }
                }
            });
        });
        if matches!(outcome, Outcome::Open) && modal.should_close() { Outcome::Closed } else { outcome }
    }

    fn field(&mut self, ui: &mut Ui) {
        let hint = tr(ui.ctx(), "Type a command");
        let field = egui::TextEdit::singleline(&mut self.text).hint_text(hint).desired_width(f32::INFINITY);
        let response = ui.add(field.font(theme::text(theme::HEADING)));
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
    let size = egui::vec2(ui.available_width(), 28.0);
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

/// The rows that match, the closest first.
fn rows(ctx: &egui::Context, text: &str, recent: &[String]) -> Vec<Row> {
    let mut rows: Vec<(i64, Row)> = Vec::new();
    for entry in COMMANDS {
        let title = tr(ctx, entry.name);
        let group = tr(ctx, entry.group);
        let score = score(text, title).max(score(text, entry.name)).max(score(text, group).map(|score| score - 50));
        if let Some(score) = score {
            let row = Row {
                name: entry.name,
                title: title.into(),
                keys: keys_text(ctx, entry),
                action: entry.action.clone(),
            };
            rows.push((score, row));
        }
    }
    for path in recent {
        if let Some(score) = score(text, path) {
            let action = Action::Open(Source::from(path.as_str()));
            rows.push((score - 20, Row { name: "Recent file", title: path.clone(), keys: String::new(), action }));
        }
    }
    // A stable sort keeps the order of the table among equals.
    rows.sort_by_key(|(score, _)| -score);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// How well the letters of `pattern`, in order, are found in `text`; `None` where they are not.
fn score(pattern: &str, text: &str) -> Option<i64> {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    let (pattern, text) = (lower(pattern.trim()), lower(text));
    if pattern.is_empty() {
        return Some(0);
    }
    if pattern.len() <= text.len() && text[..pattern.len()] == pattern[..] {
        return Some(1000 - text.len() as i64);
    }
    let (mut score, mut from, mut before) = (0, 0, None);
    for wanted in pattern.iter().filter(|c| !c.is_whitespace()) {
        let at = from + text[from..].iter().position(|c| c == wanted)?;
        let starts_word = at == 0 || !text[at - 1].is_alphanumeric();
        score += if before == Some(at.wrapping_sub(1)) { 8 } else { 0 } + if starts_word { 10 } else { 0 }
            - (at - from) as i64;
        (before, from) = (Some(at), at + 1);
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> &'static str {
        rows(&egui::Context::default(), text, &[]).first().map_or("", |row| row.name)
    }

    #[test]
    fn a_few_letters_find_a_command() {
        assert_eq!(first("undo"), "Undo");
        assert_eq!(first("cop link"), "Copy a link to this step");
        assert_eq!(first("l4"), "Lesson 4: the online softmax");
        assert_eq!(first("dark"), "Dark colours");
        assert_eq!(rows(&egui::Context::default(), "zzzzq", &[]).len(), 0);
    }

    #[test]
    fn every_name_finds_itself_first() {
        for entry in COMMANDS {
            assert_eq!(first(entry.name), entry.name);
        }
    }
}
