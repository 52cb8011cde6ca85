//! The text of a lesson on screen: paragraphs, lists, `code` and **strong** words. No more Markdown than lessons use.

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{self, Ui};

use crate::app::ink::theme::{self, Palette};

/// Shows `text` in type of `size`.
pub fn show(ui: &mut Ui, text: &str, size: f32) {
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let is_list = paragraph.lines().all(|line| line.starts_with("- ") || line.starts_with("  "));
        if is_list {
            for item in paragraph.split("\n- ") {
                let item = item.trim_start_matches("- ");
                ui.add(egui::Label::new(job(ui, &format!("\u{2022} {}", joined(item)), size)));
            }
        } else {
            ui.add(egui::Label::new(job(ui, &joined(paragraph), size)));
        }
        ui.add_space(size * 0.5);
    }
}

/// Lines of a paragraph as one; between two Chinese characters a line break is no space.
fn joined(paragraph: &str) -> String {
    let mut text = String::new();
    for line in paragraph.lines().map(str::trim) {
        let touches =
            text.chars().last().is_some_and(theme::is_chinese) && line.chars().next().is_some_and(theme::is_chinese);
        if !text.is_empty() && !touches {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

/// One line or paragraph with its `code` and **strong** parts.
pub fn job(ui: &Ui, text: &str, size: f32) -> LayoutJob {
    let palette = Palette::of(ui);
    let plain = TextFormat {
        font_id: theme::text(size),
        color: palette.ink,
        line_height: Some((size * 1.4).round()),
        ..TextFormat::default()
    };
    let code = TextFormat { font_id: theme::figures(size - 1.0), background: palette.empty, ..plain.clone() };
    let strong = TextFormat { underline: egui::Stroke::new(1.0, palette.accent), ..plain.clone() };
    let mut job = LayoutJob::default();
    for (n, part) in text.split('`').enumerate() {
        if n % 2 == 1 {
            job.append(part, 0.0, code.clone());
            continue;
        }
        for (n, part) in part.split("**").enumerate() {
            job.append(part, 0.0, if n % 2 == 1 { strong.clone() } else { plain.clone() });
        }
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_join_as_their_script_does() {
        assert_eq!(joined("one\ntwo"), "one two");
        assert_eq!(joined("分块\n很小"), "分块很小");
        assert_eq!(joined("分块\nO"), "分块 O");
    }
}
