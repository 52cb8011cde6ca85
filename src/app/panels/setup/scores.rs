//! The scores of the setup: what is done to them before the softmax, and to the weights after it, in place of what the
//! input says.

use eframe::egui::{self, Context, Ui};

use super::fields::offer;
use crate::app::ink::draw;
use crate::app::tongue::words::{say, tr};
use crate::attention::Input;
use crate::attention::dropout::Keep;
use crate::number::short;
use crate::schedule::spec::{Bias, Choice, KeySource, RunSpec};
use crate::sentence::Sentence;

/// Every choice of this section, by the name that the palette finds it by.
pub(super) const NAMES: [&str; 8] = [
    "Scale of the scores",
    "Softcap",
    "Slopes of ALiBi",
    BIAS,
    KEYS,
    "Logits of the sinks",
    "Rate of dropout",
    "Seed of dropout",
];
pub(super) const BIAS: &str = "Bias";
pub(super) const KEYS: &str = "Where K comes from";

/// The choice of the run that is typed under a name.
pub(super) fn typed_as(name: &str) -> Option<&'static Choice> {
    Choice::by_name(match name {
        "Scale of the scores" => "scale",
        "Softcap" => "softcap",
        "Slopes of ALiBi" => "alibi",
        "Logits of the sinks" => "sinks",
        "Rate of dropout" => "dropout",
        "Seed of dropout" => "dropout-seed",
        _ => return None,
    })
}

/// This input, under what was chosen, has a choice of this name.
pub(super) fn has(name: &str, run: &RunSpec, input: &Input) -> bool {
    let problem = &input.problem;
    match name {
        BIAS => problem.bias.is_some(),
        KEYS => problem.shape.n_q == problem.shape.n_k && problem.pages.is_none(),
        // A seed goes with a rate that was chosen; a mask in the file has none.
        "Seed of dropout" => run.dropout.is_some() && input.keep.is_none(),
        _ => true,
    }
}

pub(super) fn show(ui: &mut Ui, run: &mut RunSpec, input: &Input) {
    for name in NAMES {
        if !has(name, run, input) {
            continue;
        }
        match name {
            BIAS => {
                let values = [(Bias::Own, "as in the input"), (Bias::None, "none")];
                one_of(ui, name, run.bias.get_or_insert(Bias::Own), values);
            }
            KEYS => {
                let values = [(KeySource::Own, "as in the input"), (KeySource::Q, "Q in place of K")];
                one_of(ui, name, run.keys.get_or_insert(KeySource::Own), values);
            }
            name => typed(ui, name, run, input),
        }
    }
    *run = std::mem::take(run).against(input);
}

fn one_of<V: PartialEq>(ui: &mut Ui, name: &'static str, chosen: &mut V, values: [(V, &'static str); 2]) {
    draw::caption(ui, name);
    for (n, (value, words)) in values.into_iter().enumerate() {
        let words = tr(ui.ctx(), words).to_owned();
        let response = ui.radio_value(chosen, value, words);
        if n == 0 {
            offer(ui, name, &response);
        }
    }
}

/// Width of a field.
const FIELD: f32 = 120.0;

/// A choice that is typed; an empty field is as the input says, which it shows. What is refused is told, and changes
/// nothing.
fn typed(ui: &mut Ui, name: &'static str, run: &mut RunSpec, input: &Input) {
    let Some(choice) = typed_as(name) else { return };
    let now = choice.get(run).unwrap_or_default();
    let id = ui.scope_id().with(("typed", name));
    let mut text = ui.data(|data| data.get_temp::<String>(id)).unwrap_or_else(|| now.clone());
    let label = draw::caption(ui, name);
    let field = egui::TextEdit::singleline(&mut text).desired_width(FIELD).hint_text(own(ui.ctx(), choice, input));
    let edit = ui.add(field).labelled_by(label.id);
    offer(ui, name, &edit);
    if edit.changed() {
        ui.data_mut(|data| data.insert_temp(id, text.clone()));
    }
    if text != now {
        match with(run, choice, text.trim(), input) {
            Ok(chosen) if edit.lost_focus() => *run = chosen,
            Ok(_) => {}
            Err(fault) => _ = ui.label(say(ui.ctx(), &fault)),
        }
    }
    if edit.lost_focus() {
        ui.data_mut(|data| data.remove::<String>(id));
    }
}

/// The run with what was typed; without the choice where nothing was. Errors with what is needed.
fn with(run: &RunSpec, choice: &Choice, text: &str, input: &Input) -> Result<RunSpec, Sentence> {
    let mut chosen = run.clone();
    match text {
        "" => choice.take_back(&mut chosen),
        text => choice.set(&mut chosen, text)?,
    }
    // A seed of nothing is none.
    if chosen.dropout.is_none() {
        chosen.dropout_seed = None;
    }
    chosen.check_problem(input).map_err(|fault| fault.sentence())?;
    Ok(chosen)
}

/// What the input says itself.
fn own(ctx: &Context, choice: &Choice, input: &Input) -> String {
    let problem = &input.problem;
    let has_own = |has: bool| if has { tr(ctx, "as in the input") } else { tr(ctx, "none") }.to_owned();
    let number = |value: Option<f64>| value.map_or_else(|| has_own(false), short);
    match choice.name {
        "scale" => short(problem.scale),
        "softcap" => number(problem.softcap),
        "alibi" => has_own(problem.alibi_slopes.is_some()),
        "sinks" => has_own(problem.sinks.is_some()),
        "dropout" => number(problem.dropout.as_ref().map(|own| own.rate)),
        _ => match problem.dropout.as_ref().map(|own| &own.keep) {
            Some(Keep::Seed(seed)) => seed.to_string(),
            _ => choice.default.unwrap_or_default().to_owned(),
        },
    }
}
