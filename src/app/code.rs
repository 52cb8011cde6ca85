//! The algorithm as a paper prints it, with the lines lit that the current step carries out.

use eframe::egui::{self, Align2, Rect, Sense, Ui, vec2};

use super::draw;
use super::look::Look;
use super::theme::{self, Palette};

const LINE: f32 = 20.0;

pub fn show(ui: &mut Ui, look: &Look<'_>) {
    let palette = Palette::of(ui);
    let algorithm = look.scene.schedule().algorithm;
    let lit = look.snapshot.view.step.map_or(&[][..], |step| algorithm.lines(step.op));
    ui.label(egui::RichText::new(algorithm.title()).size(theme::LABEL));
    egui::ScrollArea::horizontal().show(ui, |ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (n, text) in (1..).zip(algorithm.pseudo_code()) {
                let galley = ui.painter().layout_no_wrap((*text).into(), theme::figures(11.0), palette.ink);
                let width = (galley.size().x + 36.0).max(ui.available_width());
                let (rect, response) = ui.allocate_exact_size(vec2(width, LINE), Sense::hover());
                let is_lit = lit.contains(&n);
                if is_lit {
                    ui.painter().rect_filled(rect, 2.0, palette.accent_soft);
                    let edge = Rect::from_min_size(rect.min, vec2(4.0, LINE));
                    ui.painter().rect_filled(edge, 0.0, palette.accent);
                }
                let number = rect.left_center() + vec2(24.0, 0.0);
                ui.painter().text(number, Align2::RIGHT_CENTER, n, theme::figures(10.0), palette.faint_ink);
                ui.painter().galley(rect.left_center() + vec2(32.0, -galley.size().y / 2.0), galley, palette.ink);
                draw::describe(
                    &response,
                    &format!("line {n}"),
                    &format!("{text}{}", if is_lit { " (now)" } else { "" }),
                );
            }
        });
    });
}
