//! Whether the numbers of a trace follow from its input: the run is carried out again, and each number held against it.

use super::TraceError;
use super::describe::Export;
use super::format::{Step, Trace};
use super::walk::{Tiles, tell};
use crate::attention::problem::PerHead;
use crate::attention::{Precision, Problem};
use crate::schedule::{Algorithm, Part, Plan};
use crate::sentence::Sentence;

/// Errors with the first step of `trace` of which a number does not follow from the run that `export` describes. Costs
/// that run. `go_on` hears now and then how many steps are done, and stops with `false`.
///
/// Another machine sums in another order, so that numbers are equal within [`Slack`], and not bit by bit.
pub fn follows(trace: &Trace, export: &Export<'_>, go_on: impl FnMut(u64) -> bool) -> Result<(), TraceError> {
    let slack = Slack::of(export.problem, export.schedule.plan(), export);
    let of_tiles =
        |step: &Step<'_>| step.s.is_some() || step.p.is_some() || step.o.is_some() || !step.blocks.is_empty();
    let has_tiles = trace.steps.iter().any(of_tiles);
    let of_rows = |step: &Step<'_>| step.statistics().next().is_some() || !step.values.is_empty();
    let has_numbers = has_tiles || trace.steps.iter().any(of_rows);
    let tiles = match (has_numbers, has_tiles) {
        (false, _) => Tiles::None,
        (true, false) => Tiles::Stats,
        (true, true) => Tiles::Full,
    };
    tell(export, tiles, go_on, |told| {
        let step = usize::try_from(told.n).ok().and_then(|n| trace.steps.get(n));
        let fault = match step {
            None => Some("the run goes on after it".into()),
            Some(step) => differs(step, told, &export.schedule.algorithm, &slack).err(),
        };
        let place = || Sentence::new("step {0}").with(told.n);
        fault.map_or(Ok(()), |fault| Err(TraceError::invalid(place(), fault)))
    })
    .map(drop)
}

fn differs(step: &Step<'_>, told: &Step<'_>, algorithm: &Algorithm, slack: &Slack) -> Result<(), Sentence> {
    let place = |step: &Step<'_>| (step.tensor, step.i, step.j, step.split, step.head);
    if step.op != told.op || place(step) != place(told) {
        return Err(Sentence::new("it is {0}, where the run has {1}").with(title(step)).with(title(told)));
    }
    let l = told.l.as_ref().or(told.l_tile.as_ref());
    let part_of = |name: &str| algorithm.part_of(told.kernel, algorithm.text().name(name)?);
    for (name, values) in step.statistics() {
        let Some((_, right)) = told.statistics().find(|(known, _)| *known == name) else {
            return Err(Sentence::new("it has {0}, which its operation does not make").with(name));
        };
        for (row, (&found, &right)) in values.numbers().iter().zip(right.numbers()).enumerate() {
            slack.hold(name, Part::of_symbol(name), told, row, found, right, 1.0)?;
        }
    }
    for (name, values) in &step.values {
        let Some(right) = told.values.get(name) else {
            return Err(Sentence::new("it has {0}, which its operation does not make").with(name));
        };
        for (row, (&found, &right)) in values.numbers().iter().zip(right.numbers()).enumerate() {
            slack.hold(name, part_of(name), told, row, found, right, 1.0)?;
        }
    }
    for (name, block) in &step.blocks {
        let Some(right) = told.blocks.get(name) else {
            return Err(Sentence::new("it has {0}, which its operation does not make").with(name));
        };
        for (row, (found, right)) in block.iter().zip(right).enumerate() {
            for (&found, &right) in found.numbers().iter().zip(right.numbers()) {
                slack.hold(name, part_of(name), told, row, found, right, slack.longest)?;
            }
        }
    }
    for (name, part, found, right) in [
        ("s", Part::Scores, &step.s, &told.s),
        ("p", Part::Weights, &step.p, &told.p),
        ("o", Part::Output, &step.o, &told.o),
    ] {
        let Some(found) = found else { continue };
        let Some(right) = right else {
            return Err(Sentence::new("it has {0}, which its operation does not make").with(name));
        };
        for (row, (found, right)) in found.iter().zip(right).enumerate() {
            let sum = l.and_then(|l| l.numbers().get(row)).map_or(slack.longest, |l| l.max(1.0));
            for (&found, &right) in found.numbers().iter().zip(right.numbers()) {
                slack.hold(name, Some(part), told, row, found, right, sum)?;
            }
        }
    }
    Ok(())
}

fn title(step: &Step<'_>) -> String {
    let block = |index: Option<usize>| index.map_or("-".into(), |index| index.to_string());
    format!("{} {},{}", step.title(), block(step.i), block(step.j))
}

/// How far two right runs of one trace may be apart.
///
/// A score is a sum of `d` products, each within `u` (half the spacing at 1) of the format that computes it, so that it
/// is off by at most `(d + 4) u |scale| |q| |k|`; two runs differ by twice that, `scores` here. Where scores are stored
/// in f16 or bf16, they may fall on either side of a rounding. Exponentials turn differences of scores into factors, and
/// sums add `u` for each of their terms: `weights`. O is an average of values, weighted by these, and stored weights and
/// O may round either way: `outputs`, times the largest value.
struct Slack {
    scores: f64,
    weights: f64,
    outputs: f64,
    /// The most that a sum of weights can be.
    longest: f64,
    /// Of what a backward pass makes, relative to it or to 1: its products sum up to all that came before.
    gradients: f64,
    is_backward: bool,
    is_double: bool,
}

impl Slack {
    fn of(problem: &Problem, plan: &Plan, export: &Export<'_>) -> Self {
        let is_double = plan.precision == Precision::F64;
        let u = if is_double { f64::EPSILON / 2.0 } else { f64::from(f32::EPSILON) / 2.0 };
        // The spacing of what is stored, where that is coarser than what is computed.
        let coarsest = plan.precision.coarsest();
        let spacing = if coarsest.is_narrow() { coarsest.spacing() } else { 0.0 };
        let head = problem.head::<f64>(export.batch, export.head, Precision::F64);
        let longest_row = |rows: &ndarray::Array2<f64>| {
            let norms = rows.rows().into_iter().map(|row| row.dot(&row).sqrt());
            norms.filter(|norm| norm.is_finite()).fold(0.0, f64::max)
        };
        let of_products = head.scale.abs() * longest_row(&head.q) * longest_row(&head.k);
        let bias = head.bias.iter().flatten().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
        let largest = |of: &Option<PerHead<f64>>| of.iter().flat_map(PerHead::iter).map(f64::abs).fold(0.0, f64::max);
        let added = head.softcap.unwrap_or(0.0)
            + largest(&head.alibi_slope) * (plan.n_q + plan.n_k) as f64
            + largest(&head.sink)
            + bias;
        let stores_scores = export.schedule.stores_scores();
        let of_storage = if stores_scores { spacing * (of_products + added) } else { 0.0 };
        let scores = 2.0 * u * ((plan.d + 4) as f64 * of_products + 8.0 * added) + of_storage;
        let weights = (4.0 * scores).exp_m1() + (plan.n_k + 8 * plan.t_c() + 16) as f64 * u;
        let values = head.v.iter().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
        let kept = problem.dropout.as_ref().map_or(1.0, |dropout| 1.0 / (1.0 - dropout.rate));
        let outputs = (2.0 * weights + (2 + plan.t_c()) as f64 * spacing) * values * kept;
        let longest = (plan.n_k + usize::from(head.sink.is_some())) as f64;
        let gradients = (weights + outputs) * longest * (1.0 + of_products + values);
        let is_backward = export.schedule.algorithm.is_backward();
        Self { scores, weights, outputs, longest, gradients, is_backward, is_double }
    }

    /// How far `found` may be from `right`, a value that plays `part`; `sum` is what its weights add up to.
    fn allowed(&self, part: Option<Part>, right: f64, sum: f64) -> f64 {
        match part {
            Some(Part::Max | Part::TileMax | Part::NewMax | Part::Scores) => self.scores,
            Some(Part::Output) => self.outputs * sum,
            Some(Part::Lse) => self.scores + self.weights * (1.0 + right.abs()),
            _ if self.is_backward => self.gradients * right.abs().max(1.0),
            // What a text makes for itself may be like scores or like weights.
            None => self.scores + self.weights * (1.0 + right.abs()),
            _ => self.weights * right.abs() + f64::from(f32::MIN_POSITIVE),
        }
    }

    /// Errors where `found` is not `right`, the `name` of a row of a block.
    #[allow(clippy::too_many_arguments, reason = "a number with all that says which it is")]
    fn hold(
        &self,
        name: &str,
        part: Option<Part>,
        told: &Step<'_>,
        row: usize,
        found: f64,
        right: f64,
        sum: f64,
    ) -> Result<(), Sentence> {
        let allowed = self.allowed(part, right, sum);
        // What is allowed next to an infinity would be infinite.
        let is_near = found.is_finite() && right.is_finite() && (found - right).abs() <= allowed;
        if found == right || (found.is_nan() && right.is_nan()) || is_near {
            return Ok(());
        }
        let digits = |x: f64| if self.is_double { x.to_string() } else { (x as f32).to_string() };
        let row = told.rows.map_or(row, |[first, _]| first + row);
        let fault = Sentence::new("{0} of row {1} is {2}, but the input makes it {3}").with(name).with(row);
        Err(fault.with(digits(found)).with(digits(right)))
    }
}
