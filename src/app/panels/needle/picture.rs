//! What all parts of the needle's picture read, and how each names what it paints.

use std::cell::Cell;

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{self, Align2, Rect, Sense, Stroke, Ui, vec2};

use crate::app::ink::draw;
use crate::app::ink::motion;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::machine::{RowStory, RowSums};
use crate::number::short;
use crate::schedule::{Algorithm, Part};

use super::frame::{Frame, Scenelet};

/// What all parts of the picture read.
pub struct Picture<'a> {
    pub look: &'a Look<'a>,
    pub story: &'a RowStory,
    /// What is right, to hold the story against.
    pub right: &'a RowStory,
    pub now: Scenelet<'a>,
    pub forgets: bool,
    /// The text has a variant that forgets alpha.
    pub can_forget: bool,
    /// Component of O.
    pub component: usize,
    /// The oracle's answer for this component.
    pub exact: Option<f64>,
    pub palette: &'static Palette,
    /// Text grows with the room, up to a size for the last row.
    pub zoom: f32,
    /// Lines that the title of each column has room for; none where there is little height.
    pub title_lines: usize,
    /// The number whose origin the person asks for.
    pub asked: Cell<Option<Part>>,
}

impl Picture<'_> {
    /// How far the frame's own movement has come.
    pub fn phase(&self) -> f32 {
        if self.now.is_fresh { self.look.motion.phase } else { 1.0 }
    }

    /// l and O of the picture: what was, what shrank, or what is.
    pub fn sums(&self) -> &RowSums {
        let visit = self.now.visit;
        match self.now.frame {
            Frame::Rest | Frame::Arrive | Frame::Climb => &visit.old,
            Frame::Shrink => visit.scaled.as_ref().unwrap_or(&visit.new),
            Frame::Join | Frame::Fit => &visit.new,
        }
    }

    /// Where the needle stands after the step.
    pub fn needle(&self) -> Option<f64> {
        self.now.visit.average_of(self.sums(), self.component)
    }

    /// The text whose row it is.
    pub fn algorithm(&self) -> &Algorithm {
        &self.look.scene.schedule().algorithm
    }

    /// There is little height: what is kept stands there in numbers, and what the sentence above says, nowhere else.
    pub fn is_low(&self) -> bool {
        self.title_lines == 0
    }

    /// What the text calls a part.
    pub fn called(&self, part: Part) -> &str {
        self.algorithm().called(part)
    }

    pub fn label(&self) -> egui::FontId {
        theme::text(theme::LABEL * self.zoom)
    }

    pub fn figures(&self) -> egui::FontId {
        theme::figures(theme::BODY * self.zoom)
    }

    /// A text with a name, so that it can be read without seeing it.
    pub fn text(&self, ui: &Ui, rect: Rect, align: Align2, name: Name<'_>, text: &str, font: egui::FontId) {
        draw::shrink_text(ui.painter(), rect, align, text, font, self.palette.ink);
        self.tell(ui, rect, name, text);
    }

    /// The name of a text that is painted otherwise; a click on a number leads to the steps that made it.
    pub fn tell(&self, ui: &Ui, rect: Rect, name: Name<'_>, text: &str) {
        let sense = if name.part.is_some() { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, ui.scope_id().with(("needle", name.pattern)), sense);
        let own = name.of.or(name.part).map_or("", |part| self.called(part));
        draw::describe(&response, &fill(ui.ctx(), name.pattern, &[&own]), text);
        if name.part.is_some() && response.on_hover_text(tr(ui.ctx(), "Click: where did it come from?")).clicked() {
            self.asked.set(name.part);
        }
    }
}

/// What a part of the picture is called for those who do not see it, and what it is on chip.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    pub pattern: &'a str,
    /// The number that a click asks for.
    pub part: Option<Part>,
    /// Whose name stands in the pattern, where no click asks for it.
    pub of: Option<Part>,
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(pattern: &'a str) -> Self {
        Self { pattern, part: None, of: None }
    }
}

impl<'a> Name<'a> {
    pub fn of(pattern: &'a str, part: Part) -> Self {
        Self { pattern, part: Some(part), of: None }
    }

    pub fn about(pattern: &'a str, part: Part) -> Self {
        Self { pattern, part: None, of: Some(part) }
    }
}

/// The title of a column. Gives what is left below it.
pub fn column_title(ui: &Ui, rect: Rect, text: &str, picture: &Picture<'_>) -> Rect {
    if picture.is_low() {
        return rect;
    }
    let height = (4.0 + 16.0 * picture.title_lines as f32) * picture.zoom;
    let line = Rect::from_min_size(rect.min, vec2(rect.width(), height));
    let text = tr(ui.ctx(), text);
    let (font, ink) = (theme::readable_font(text, picture.label()), picture.palette.faint_ink);
    let mut job = LayoutJob::simple(text.to_owned(), font, ink, rect.width());
    job.wrap = TextWrapping { max_rows: picture.title_lines, max_width: rect.width(), ..TextWrapping::default() };
    let galley = ui.painter().layout_job(job);
    let at = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), line).min;
    ui.painter().galley(at, galley, ink);
    Rect::from_min_max(rect.min + vec2(0.0, height + SPACE), rect.max)
}

pub fn dashed(ui: &Ui, from: egui::Pos2, to: egui::Pos2, stroke: Stroke) {
    ui.painter().extend(egui::Shape::dashed_line(&[from, to], stroke, 5.0, 4.0));
}

/// `old` on the way to `new`.
pub fn between(old: f64, new: f64, phase: f32) -> f64 {
    let (old, new) = (if old.is_finite() { old } else { new }, new);
    f64::from(motion::lerp(old as f32, new as f32, phase))
}

/// The largest absolute of finite values.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()))
}

/// `name value`, or that there is none yet.
pub fn named(name: &str, value: Option<f64>) -> String {
    format!("{name} = {}", value.map_or("-".into(), short))
}
