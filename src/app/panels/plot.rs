//! m, l and alpha of the selected row over the key blocks that it visits, a mark at each rescale; and how far its average
//! is from that of the same keys in f64.

use eframe::egui::{self, Align2, Key, Modifiers, Stroke, Ui};
use egui_plot::{Line, LineStyle, MarkerShape, Plot, PlotPoint, PlotPoints, Points, Text, VLine};

use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::Palette;
use crate::app::message::Message;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::panels::row_numbers;
use crate::app::run::row::{LONGEST_ROW, RowTold};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::machine::{RowStory, Visit};
use crate::number::short;
use crate::playback::lesson::Hides;
use crate::schedule::Part;

pub static PANEL: Panel = Panel {
    id: "plot",
    title: "Plot",
    home: Home::Right,
    group: "Look",
    command: "Plot",
    keys: &[(Modifiers::ALT, Key::Num2)],
    opens: Message::Show("plot"),
    also: "curve, maximum, error",
    help: "m, l and alpha of the row over its key blocks.",
    show: |ui, drawn| {
        let told = drawn.told(ui.ctx());
        if let Some(look) = drawn.look {
            show(ui, look, told.as_deref());
        }
    },
};

/// One curve, told apart by its dashes and marks and not by a hue.
struct Curve {
    part: Part,
    style: LineStyle,
    mark: MarkerShape,
    value: fn(&Visit) -> f64,
}

const CURVES: [Curve; 3] = [
    Curve { part: Part::Max, style: LineStyle::Solid, mark: MarkerShape::Circle, value: |visit| visit.m },
    Curve {
        part: Part::Sum,
        style: LineStyle::Dashed { length: 8.0 },
        mark: MarkerShape::Square,
        value: |visit| visit.l,
    },
    Curve {
        part: Part::Alpha,
        style: LineStyle::Dotted { spacing: 6.0 },
        mark: MarkerShape::Diamond,
        value: |v| v.alpha,
    },
];

fn show(ui: &mut Ui, look: &Look<'_>, told: Option<&RowTold>) {
    let palette = Palette::of(ui);
    // All visits are plotted, those to come too; the blocks that a row visits are those whose tiles are not skipped.
    let Hides { classes, factor, rule, errors, .. } = look.question.hides;
    if classes || factor || rule || errors {
        ui.label(tr(ui.ctx(), withheld::ROW));
        return;
    }
    let Some(query) = look.row() else {
        ui.label(tr(ui.ctx(), "No row is on chip now."));
        return;
    };
    if let Some(why) = &look.scene.counted_alone {
        ui.label(say(ui.ctx(), why));
        return;
    }
    let visits = look.snapshot.all_visits(query);
    let algorithm = &look.scene.schedule().algorithm;
    if visits.is_empty() {
        let text = if algorithm.has_part(Part::Max) {
            "{0} keeps no running statistics: a row is done in one piece."
        } else {
            "{0} keeps no maximum and no sum of a row: there is nothing to plot."
        };
        ui.label(fill(ui.ctx(), text, &[&look.scene.settings.algorithm.short_name()]));
        return;
    }
    let [m, l, alpha] = CURVES.each_ref().map(|curve| algorithm.called(curve.part));
    let what = fill(ui.ctx(), "{1}, {2} and {3} of row {0} after each key block", &[&query, &m, &l, &alpha]);
    made_by::before(ui, MadeBy::Computed, |ui| draw::caption(ui, &what));
    let done = look.snapshot.visits(query).len();
    let rescaled: Vec<&Visit> = visits.iter().skip(1).filter(|visit| visit.alpha < 1.0).collect();
    let rescales = rescaled.len();
    let response = Plot::new("row statistics")
        .height((ui.available_height() - 24.0).clamp(80.0, 200.0))
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .x_axis_label(draw::label(tr(ui.ctx(), "key block")))
        .include_x(visits.last().map_or(0.0, |visit| visit.j as f64) * 1.18 + 0.2)
        .include_x(1.0)
        .x_axis_formatter(|mark, _| if mark.value.fract() == 0.0 { mark.value.to_string() } else { String::new() })
        .show(ui, |plot| {
            for curve in &CURVES {
                let own = algorithm.called(curve.part);
                let points: Vec<[f64; 2]> = visits
                    .iter()
                    .map(|visit| [visit.j as f64, (curve.value)(visit)])
                    .filter(|point| point[1].is_finite())
                    .collect();
                let line = Line::new(own, points.clone()).color(palette.faint_ink).style(curve.style);
                plot.line(line);
                if let Some([x, y]) = points.last().copied() {
                    let name = egui::RichText::new(own).color(palette.ink);
                    let label = Text::new(own, PlotPoint::new(x, y), name).anchor(Align2::LEFT_BOTTOM);
                    plot.text(label);
                }
                let reached: PlotPoints<'_> = points.into_iter().take(done).collect();
                plot.points(Points::new(own, reached).shape(curve.mark).radius(4.0).color(palette.ink));
            }
            let rescaled = rescaled.iter().map(|visit| [visit.j as f64, visit.m]).collect::<PlotPoints<'_>>();
            let mark = Points::new("rescale", rescaled).shape(MarkerShape::Up).radius(8.0).filled(false);
            plot.points(mark.color(palette.ink));
            if let Some((_, j)) = look.snapshot.tile() {
                plot.vline(VLine::new("now", j as f64).stroke(Stroke::new(1.0, palette.accent)));
            }
        });
    let value = visits.last().map_or(String::new(), |visit| {
        let values =
            CURVES.each_ref().map(|curve| format!("{} {}", algorithm.called(curve.part), short((curve.value)(visit))));
        let text = "{0} {0|visit|visits}; at the end {1}; rescaled {2} {2|time|times}";
        fill(ui.ctx(), text, &[&visits.len(), &values.join(", "), &rescales])
    });
    draw::describe(&response.response, "plot of the row", &value);
    let text = fill(ui.ctx(), "Triangles: {0} {0|rescale|rescales}, where the maximum rose", &[&rescales]);
    made_by::before(ui, MadeBy::Computed, |ui| draw::caption(ui, &text));
    match told {
        Some(RowTold { errors: Some(errors), own, .. }) => errors_of(ui, look, own, errors),
        Some(_) => {
            let text = "Not computed for more than {0} tokens.";
            draw::caption(ui, &fill(ui.ctx(), text, &[&LONGEST_ROW]));
        }
        None => drop(draw::caption(ui, "Following the row ...")),
    }
}

/// The error of the average after each key block, on a logarithmic scale: an exact one has no point.
fn errors_of(ui: &mut Ui, look: &Look<'_>, own: &RowStory, errors: &[f64]) {
    let palette = Palette::of(ui);
    let text = "error of {0} after each key block, against f64 (power of ten)";
    let what = fill(ui.ctx(), text, &[&row_numbers::ratio(look)]);
    made_by::before(ui, MadeBy::Computed, |ui| draw::caption(ui, &what));
    let points: Vec<[f64; 2]> = own
        .visits
        .iter()
        .zip(errors)
        .filter(|(_, error)| error.is_finite() && **error > 0.0)
        .map(|(visit, error)| [visit.j as f64, error.log10()])
        .collect();
    let response = Plot::new("errors of the row")
        .height(96.0)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .include_x(0.0)
        .include_x(own.visits.last().map_or(1.0, |visit| visit.j as f64) * 1.18 + 0.2)
        .x_axis_formatter(|mark, _| if mark.value.fract() == 0.0 { mark.value.to_string() } else { String::new() })
        .show(ui, |plot| {
            plot.line(Line::new("error", points.clone()).color(palette.faint_ink));
            plot.points(Points::new("error", points).radius(4.0).color(palette.ink));
        });
    let shown: Vec<String> = errors.iter().map(|error| short(*error)).collect();
    draw::describe(&response.response, "errors of the row", &shown.join(", "));
}
