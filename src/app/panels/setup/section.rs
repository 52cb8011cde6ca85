//! A section of the setup: a head that folds it, and, while it is folded, in one line what is chosen in it.

use std::collections::BTreeMap;

use eframe::egui::{
    self, Align2, Rect, Role, Sense, StrokeKind, Ui, WidgetInfo, collapsing_header::paint_default_icon, vec2,
};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::tongue::words::tr;

/// A section, and the choices of it that the palette finds.
pub(super) struct Section {
    pub name: &'static str,
    pub choices: &'static [&'static str],
    /// Until the person folds it or opens it.
    pub is_open: bool,
}

/// What is chosen in a section, in one line, and whether that is what such an input opens with.
pub(super) struct SectionSaid {
    pub text: String,
    pub is_default: bool,
}

const HEAD: f32 = 26.0;
/// Of the sign that it is folded, with its gap.
const SIGN: f32 = 18.0;

impl Section {
    /// The section, its body where it is open. `folds` has those that the person folded or opened.
    pub fn show(
        &self,
        ui: &mut Ui,
        folds: &mut BTreeMap<String, bool>,
        said: &SectionSaid,
        body: impl FnOnce(&mut Ui),
    ) {
        let is_open = folds.get(self.name).copied().unwrap_or(self.is_open);
        if self.head(ui, is_open, said) {
            folds.insert(self.name.to_owned(), !is_open);
        }
        if is_open {
            body(ui);
            ui.add_space(SPACE);
        }
    }

    /// Gives whether it was clicked.
    fn head(&self, ui: &mut Ui, is_open: bool, said: &SectionSaid) -> bool {
        let palette = Palette::of(ui);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD), Sense::click());
        if response.hovered() || response.has_focus() {
            let visuals = ui.style().interact(&response);
            let around = rect.expand2(vec2(SPACE, 0.0));
            ui.painter().rect(around, 4.0, visuals.weak_bg_fill, visuals.bg_stroke, StrokeKind::Inside);
        }
        let sign = Rect::from_center_size(rect.left_center() + vec2(5.0, 0.0), vec2(10.0, 10.0));
        paint_default_icon(ui, if is_open { 1.0 } else { 0.0 }, &response.clone().with_new_rect(sign));
        let name = tr(ui.ctx(), self.name);
        let at = rect.left_center() + vec2(SIGN, 0.0);
        let written = ui.painter().text(at, Align2::LEFT_CENTER, name, theme::text(theme::BODY), palette.ink);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Button, true, name);
            info.current_text_value = Some(said.text.clone());
            info
        });
        if is_open {
            return response.clicked();
        }
        let ink = if said.is_default { palette.faint_ink } else { palette.ink };
        let room = Rect::from_min_max(egui::pos2(written.right() + 2.0 * SPACE, rect.top()), rect.max);
        draw::fit_text(ui.painter(), room, Align2::RIGHT_CENTER, &said.text, theme::text(theme::LABEL), ink);
        response.on_hover_text(&said.text).clicked()
    }
}
