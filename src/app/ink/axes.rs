//! Plots with logarithmic axes: values go in as logarithms, and marks are named by what they stand for.

use eframe::egui::{self, Align2, Color32, Ui};
use egui_plot::{GridInput, GridMark, Plot, PlotBounds, PlotPoint, PlotUi, Text};

use crate::app::ink::draw;
use crate::app::ink::theme::Palette;
use crate::app::tongue::words::{fill, tr};

/// A plot with two logarithmic axes that stands still, `height` points high.
pub fn plot<'a>(ui: &Ui, name: &'a str, height: f32, x: LogAxis<'a>, y: LogAxis<'a>) -> Plot<'a> {
    still(ui, name, height)
        .x_axis_label(draw::label(x.title))
        .y_axis_label(draw::label(y.title))
        .x_grid_spacer(marks)
        .y_grid_spacer(marks)
        .x_axis_formatter(move |mark, _| x.mark(mark))
        .y_axis_formatter(move |mark, _| y.mark(mark))
}

/// A plot that nobody can move.
pub fn still<'a>(ui: &Ui, name: &'a str, height: f32) -> Plot<'a> {
    Plot::new(name)
        .height(height)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_crosshair(false)
        .label_formatter(|_| None)
        .grid_color(Palette::of(ui).rule)
        .grid_fade(0.0)
}

/// A logarithmic axis.
#[derive(Clone, Copy)]
pub struct LogAxis<'a> {
    pub title: &'a str,
    pub name: fn(i32) -> String,
}

impl LogAxis<'_> {
    fn mark(&self, mark: GridMark) -> String {
        if mark.value.fract().abs() < 1e-9 { (self.name)(mark.value as i32) } else { String::new() }
    }
}

/// One mark for each whole power, and every n-th where there are many.
pub fn marks(input: GridInput) -> Vec<GridMark> {
    let (low, high) = (input.bounds.0.ceil() as i32, input.bounds.1.floor() as i32);
    let step = ((high - low) / 8 + 1).max(1);
    (low..=high)
        .filter(|power| power.rem_euclid(step) == 0)
        .map(|power| GridMark { value: f64::from(power), step_size: f64::from(step) })
        .collect()
}

/// Marks of a linear axis: about five, at 1, 2 or 5 times a power of ten.
pub fn linear_marks(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let rough = (high - low) / 5.0;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(rough);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|n| GridMark { value: n as f64 * step, step_size: step }).collect()
}

/// A mark of a linear axis, with the decimals that its step needs.
pub fn linear(mark: GridMark) -> String {
    let decimals = (-mark.step_size.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{:.decimals$}", mark.value)
}

/// `10^power` in figures.
pub fn decade(power: i32) -> String {
    match power {
        -3..=-1 => format!("{:.*}", power.unsigned_abs() as usize, 10f64.powi(power)),
        0..=4 => format!("{:.0}", 10f64.powi(power)),
        _ => format!("1e{power}"),
    }
}

/// `2^power` in figures.
pub fn double(power: i32) -> String {
    format!("{:.0}", 2f64.powi(power))
}

/// Whole decades around positive values.
pub fn decades(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let logs: Vec<f64> = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log10).collect();
    let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low <= high).then(|| (low.floor(), high.ceil().max(low.floor() + 1.0)))
}

pub fn hold(plot: &mut PlotUi<'_>, x: (f64, f64), y: (f64, f64)) {
    plot.set_plot_bounds(PlotBounds::from_min_max([x.0, y.0], [x.1, y.1]));
}

/// Words at a place of the plot.
pub fn word(plot: &mut PlotUi<'_>, at: [f64; 2], anchor: Align2, text: &str, color: Color32) {
    let shown = draw::label(text).color(color);
    plot.text(Text::new(text, PlotPoint::new(at[0], at[1]), shown).anchor(anchor));
}

/// A sentence of the panel, in the size of labels.
pub fn note(ui: &mut Ui, text: &str) -> egui::Response {
    ui.add(egui::Label::new(draw::label(text).color(Palette::of(ui).faint_ink)).wrap())
}

/// Says that numbers are of a kernel whose source was changed, where `changed` names its file.
pub fn of_changed_source(ui: &mut Ui, changed: Option<&str>) {
    let Some(file) = changed else { return };
    let text = fill(ui.ctx(), "Changed source: these numbers are of {0} as it was edited here.", &[&file]);
    let label = warning(ui, &format!("! {text}"));
    draw::describe(&label, "changed source", &text);
}

/// Why a time of a changed WGSL text is none of the text in `kernels/`.
pub fn of_changed_time(ui: &mut Ui, changed: Option<&str>) {
    if changed.is_some_and(|file| file.ends_with(".wgsl")) {
        let text = "Its time is not that of the text in kernels/: in a changed text wgpu counts the rounds of each loop, \
            so that none runs for ever, and that is slower.";
        note(ui, tr(ui.ctx(), text));
    }
}

/// A sentence that must not be overlooked.
pub fn warning(ui: &mut Ui, text: &str) -> egui::Response {
    let palette = Palette::of(ui);
    let frame =
        egui::Frame::new().fill(palette.trouble_soft).corner_radius(4.0).inner_margin(egui::Margin::symmetric(8, 4));
    frame.show(ui, |ui| ui.add(egui::Label::new(draw::label(text).color(palette.ink)).wrap())).inner
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn input(low: f64, high: f64) -> GridInput {
        GridInput { bounds: (low, high), base_step_size: 1.0 }
    }

    proptest! {
        /// Marks of a logarithmic axis are whole powers within it, as far from each other as they say, and never a crowd.
        #[test]
        fn powers_are_marked_evenly(low in -30f64..30.0, width in 0f64..60.0) {
            let marked = marks(input(low, low + width));
            prop_assert!(marked.len() <= 8, "{} marks", marked.len());
            for mark in &marked {
                prop_assert!(mark.value.fract() == 0.0 && (low..=low + width).contains(&mark.value), "{}", mark.value);
            }
            let steps: Vec<f64> = marked.windows(2).map(|two| two[1].value - two[0].value).collect();
            prop_assert!(steps.iter().all(|step| *step == marked[0].step_size), "{steps:?}");
            // Of few, each has a mark.
            let whole = (low + width).floor() - low.ceil();
            prop_assert!(!(0.0..8.0).contains(&whole) || marked.len() == whole as usize + 1, "{whole}: {}", marked.len());
        }

        /// Marks of a linear axis lie within it, evenly, at 1, 2 or 5 times a power of ten; each reads as another number.
        #[test]
        fn a_linear_axis_has_a_few_round_marks(low in -1e6f64..1e6, width in 1e-3f64..1e6) {
            let marked = linear_marks(input(low, low + width));
            prop_assert!((1..=6).contains(&marked.len()), "{} marks", marked.len());
            let step = marked[0].step_size;
            let digit = step / 10f64.powf((step * (1.0 + 1e-9)).log10().floor());
            prop_assert!([1.0, 2.0, 5.0].iter().any(|round| (digit - round).abs() < 1e-6), "{step}");
            let slack = 1e-9 * step;
            for mark in &marked {
                prop_assert!((low - slack..=low + width + slack).contains(&mark.value), "{}", mark.value);
                let told: f64 = linear(GridMark { ..*mark }).parse().expect("a number");
                prop_assert!((told - mark.value).abs() <= 1e-6 * step.max(1.0), "{told} for {}", mark.value);
            }
            for two in marked.windows(2) {
                prop_assert!((two[1].value - two[0].value - step).abs() <= 1e-6 * step);
                prop_assert_ne!(linear(GridMark { ..two[0] }), linear(GridMark { ..two[1] }));
            }
        }
    }

    /// A plot of one point, of none, or of no number has no marks, and does not hang.
    #[test]
    fn an_axis_without_width_has_no_marks() {
        for (low, high) in [(3.0, 3.0), (3.0, 2.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 0.0)] {
            assert!(linear_marks(input(low, high)).is_empty(), "{low} to {high}");
        }
        assert!(marks(input(0.2, 0.8)).is_empty());
    }

    #[test]
    fn powers_are_written_in_figures() {
        let tens: Vec<String> = (-4..=5).map(decade).collect();
        assert_eq!(tens, ["1e-4", "0.001", "0.01", "0.1", "1", "10", "100", "1000", "10000", "1e5"]);
        assert_eq!([0, 1, 10, 20].map(double), ["1", "2", "1024", "1048576"]);
        let axis = LogAxis { title: "N", name: decade };
        let of = |value| axis.mark(GridMark { value, step_size: 1.0 });
        assert_eq!([of(2.0), of(-1.0), of(1.5)], ["100", "0.1", ""]);
    }

    #[test]
    fn decades_lie_around_what_is_shown() {
        let of = |values: &[f64]| decades(values.iter().copied());
        assert_eq!(of(&[3.0, 250.0]), Some((0.0, 3.0)));
        assert_eq!(of(&[1.0, 1000.0]), Some((0.0, 3.0)));
        assert_eq!(of(&[10.0]), Some((1.0, 2.0)), "one value has a decade around it");
        assert_eq!(
            of(&[0.02, f64::NAN, -4.0, 0.0, f64::INFINITY]),
            Some((-2.0, -1.0)),
            "what has no logarithm is left out"
        );
        assert_eq!((of(&[]), of(&[0.0, -1.0, f64::NAN])), (None, None));
    }
}
