//! The text of a lesson on screen: Markdown, with tables, links, pictures and formulas.

mod formula;
mod paragraph;
mod picture;
mod scripts;
mod table;

use eframe::egui::text::LayoutJob;
use eframe::egui::{self, Response, Ui};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::playback::lesson::ShownPicture;
use crate::playback::lesson::markdown::{self, Block};
use paragraph::{Paragraph, all_strong};
pub use scripts::scripted;

/// Shows the blocks of `text` in type of `size`, with those of its `pictures`.
pub fn show(ui: &mut Ui, text: &str, pictures: &[ShownPicture], size: f32) {
    for block in markdown::blocks(text) {
        show_block(ui, &block, pictures, size);
        ui.add_space(size * 0.5);
    }
}

/// Shows the block of `text` that carries its evidence as the picture of a screen: a table in type as large as the room
/// allows, a formula or a picture over its width.
pub fn projected(ui: &mut Ui, text: &str, pictures: &[ShownPicture]) {
    let Some(block) = markdown::projected(text) else { return };
    let room = ui.available_size();
    match &block {
        Block::Table { columns, rows } => table::show(ui, columns, rows, table::size_for(ui, rows, room)),
        Block::Formula(tex) => {
            let size = formula::size_for(ui, tex, room);
            ui.add_space((room.y - formula::height(ui, tex, size)).max(0.0) / 2.0);
            formula::show(ui, tex, size);
        }
        Block::Picture { file, words } => picture::projected(ui, file, words, pictures),
        _ => {}
    }
}

/// Shows a text that is one line, or a paragraph, with its marks, links and formulas.
pub fn line(ui: &mut Ui, text: &str, size: f32) -> Response {
    Paragraph::new(ui, &markdown::line(text), size, ui.available_width()).show(ui)
}

/// How high that is here.
pub fn height(ui: &Ui, text: &str, size: f32) -> f32 {
    Paragraph::new(ui, &markdown::line(text), size, ui.available_width()).height()
}

/// Lines of this scope stand closer: room is short.
pub fn close_lines(ui: &mut Ui) {
    paragraph::close_lines(ui);
}

/// A label with its `code` and **strong** parts, for a widget.
pub fn job(ui: &Ui, text: &str, size: f32) -> LayoutJob {
    paragraph::job(ui, &markdown::line(text), size)
}

/// The words of a line without its marks.
pub fn words(text: &str) -> String {
    markdown::words(&markdown::line(text))
}

fn show_block(ui: &mut Ui, block: &Block, pictures: &[ShownPicture], size: f32) {
    match block {
        Block::Paragraph(spans) => {
            Paragraph::new(ui, spans, size, ui.available_width()).show(ui);
        }
        Block::Heading(spans) => {
            ui.add_space(SPACE);
            let strong = Paragraph::new(ui, &all_strong(spans), size, ui.available_width());
            strong.show(ui);
        }
        Block::List { first, items } => list(ui, *first, items, pictures, size),
        Block::Quote(blocks) => quote(ui, blocks, pictures, size),
        Block::Code(code) => {
            let palette = Palette::of(ui);
            egui::Frame::new().fill(palette.empty).corner_radius(4.0).inner_margin(8.0).show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.label(egui::RichText::new(code).font(theme::figures(size - 1.0)));
            });
        }
        Block::Table { columns, rows } => table::show(ui, columns, rows, size),
        Block::Formula(tex) => formula::show(ui, tex, size),
        Block::Picture { file, words } => picture::show(ui, file, words, pictures, size),
        Block::Rule => {
            ui.separator();
        }
    }
}

fn list(ui: &mut Ui, first: Option<u64>, items: &[Vec<Block>], pictures: &[ShownPicture], size: f32) {
    // The same room for all, so that their texts stand in a line.
    let digits = first.map_or(0, |first| (first + items.len() as u64).to_string().len());
    let room = size * (0.8 + 0.6 * digits as f32);
    for (at, item) in items.iter().enumerate() {
        let sign = first.map_or_else(|| "\u{2022}".into(), |first| format!("{}.", first + at as u64));
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let (rect, _) = ui.allocate_exact_size(egui::vec2(room, size * 1.4), egui::Sense::hover());
            let (font, ink) = (theme::text(size), Palette::of(ui).ink);
            ui.painter().text(rect.left_center(), egui::Align2::LEFT_CENTER, sign, font, ink);
            ui.vertical(|ui| item.iter().for_each(|block| show_block(ui, block, pictures, size)));
        });
    }
}

fn quote(ui: &mut Ui, blocks: &[Block], pictures: &[ShownPicture], size: f32) {
    let margin = egui::Margin { left: 12, ..egui::Margin::ZERO };
    let inside = egui::Frame::new().inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        blocks.iter().for_each(|block| show_block(ui, block, pictures, size));
    });
    let rect = inside.response.rect;
    let stroke = egui::Stroke::new(3.0, Palette::of(ui).rule);
    ui.painter().vline(rect.left() + 2.0, rect.y_range(), stroke);
}
