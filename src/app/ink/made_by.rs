//! Where numbers come from: one of four small marks, the same everywhere.

use eframe::egui::{self, Pos2, Response, Sense, Ui, vec2};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::tr;

/// What made a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeBy {
    /// The arithmetic of the run.
    Computed,
    /// What the steps move and do, or the closed form of that.
    Counted,
    /// A clock.
    Measured,
    /// A model, from counts and a chip's data sheet: two digits and no more.
    Modelled,
}

impl MadeBy {
    /// Its mark, its name, and what it means.
    fn told(self) -> [&'static str; 3] {
        match self {
            MadeBy::Computed => ["=", "computed", "Computed: the arithmetic of this run, step by step."],
            MadeBy::Counted => ["#", "counted", "Counted: what the steps move and do; the closed form agrees."],
            MadeBy::Modelled => {
                ["~", "modelled", "Modelled: from counts and the data sheet of a chip; two digits, no more."]
            }
            MadeBy::Measured => ["t", "measured", "Measured: by the clock of this device."],
        }
    }
}

/// The mark, in a small frame; what it means is told where it is pointed at.
pub fn mark(ui: &mut Ui, by: MadeBy) -> Response {
    let (_, response) = ui.allocate_exact_size(SIZE, Sense::hover());
    drawn(ui, response, by)
}

/// The mark at the right of what is there, in its line.
pub fn beside(ui: &Ui, of: &Response, by: MadeBy) -> Response {
    let rect = egui::Rect::from_center_size(of.rect.right_center() + vec2(SIZE.x, 0.0), SIZE);
    drawn(ui, ui.interact(rect, of.id.with("made by"), Sense::hover()), by)
}

/// The mark around a point of what is painted; `of` is what stands there.
pub fn at(ui: &Ui, center: Pos2, of: &str, by: MadeBy) -> Response {
    let rect = egui::Rect::from_center_size(center, SIZE);
    drawn(ui, ui.interact(rect, ui.scope_id().with(("made by", of)), Sense::hover()), by)
}

/// The mark, and after it in its line what `add` draws.
pub fn before<R>(ui: &mut Ui, by: MadeBy, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal_wrapped(|ui| {
        mark(ui, by);
        add(ui)
    })
    .inner
}

/// The mark, and after it what takes the rest of its line.
pub fn line<R>(ui: &mut Ui, by: MadeBy, add: impl FnOnce(&mut Ui) -> R) -> R {
    let height = ui.spacing().interact_size.y;
    // No higher than the line is without it.
    ui.spacing_mut().interact_size.y = height.min(LINE);
    let added = ui.horizontal(|ui| {
        mark(ui, by);
        add(ui)
    });
    ui.spacing_mut().interact_size.y = height;
    added.inner
}

/// Of a line of a table.
const LINE: f32 = 20.0;

/// Of the mark in its line.
pub const WIDTH: f32 = 18.0;
const SIZE: egui::Vec2 = vec2(14.0, 14.0);

fn drawn(ui: &Ui, response: Response, by: MadeBy) -> Response {
    let [sign, name, told] = by.told();
    let (palette, rect) = (Palette::of(ui), response.rect);
    ui.painter().rect_stroke(rect.shrink(1.0), 3.0, palette.hairline(), egui::StrokeKind::Inside);
    let font = theme::figures(theme::LABEL);
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, sign, font, palette.faint_ink);
    draw::describe(&response, "where these numbers come from", tr(ui.ctx(), name));
    response.on_hover_text(tr(ui.ctx(), told))
}
