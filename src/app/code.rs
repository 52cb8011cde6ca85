//! The algorithm as a paper prints it, with the lines lit that the current step carries out.

use eframe::egui::{self, Align2, Rect, Sense, Ui, vec2};

use super::draw;
use super::look::Look;
use super::theme::{self, Palette};

/// Where the code begins, right of the numbers.
const CODE: f32 = 32.0;
const PADDING: f32 = 6.0;

pub fn show(ui: &mut Ui, look: &Look<'_>) {
    let palette = Palette::of(ui);
    let algorithm = look.scene.schedule().algorithm;
    let lit = look.snapshot.view.step.map_or(&[][..], |step| algorithm.lines(step.op));
    ui.label(egui::RichText::new(algorithm.title()).size(theme::LABEL));
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.add_space(4.0);
    for (n, text) in (1..).zip(algorithm.pseudo_code()) {
        line(ui, n, text, lit.contains(&n), palette);
    }
}

/// One line with its number; a long one is wrapped below its own start.
fn line(ui: &mut Ui, n: u16, text: &str, is_lit: bool, palette: &Palette) {
    let code = text.trim_start();
    let indent = CODE + (text.len() - code.len()) as f32 * 6.0;
    let room = (ui.available_width() - indent).max(40.0);
    let galley = ui.painter().layout(code.to_owned(), theme::figures(11.0), palette.ink, room);
    let size = vec2(ui.available_width(), galley.size().y + PADDING);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    if is_lit {
        ui.painter().rect_filled(rect, 2.0, palette.accent_soft);
        let edge = Rect::from_min_size(rect.min, vec2(4.0, rect.height()));
        ui.painter().rect_filled(edge, 0.0, palette.accent);
    }
    let top = rect.top() + PADDING / 2.0;
    let number = egui::pos2(rect.left() + CODE - 8.0, top);
    ui.painter().text(number, Align2::RIGHT_TOP, n, theme::figures(11.0), palette.faint_ink);
    ui.painter().galley(egui::pos2(rect.left() + indent, top), galley, palette.ink);
    draw::describe(&response, &format!("line {n}"), &format!("{text}{}", if is_lit { " (now)" } else { "" }));
}
