//! What a text is given of a problem: Q, K, V, and for a backward pass dO with what its forward pass leaves.

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

use crate::attention::{Head, Problem, Real};
use crate::schedule::language::{Role, Setting};
use crate::schedule::{Algorithm, DropoutCost, Part, Plan, Schedule, algorithm};

use super::compile::Program;
use super::fault::Fault;
use super::given::Given;
use super::recording::carry_out;

/// What one query head of `problem` is given under `schedule`. `d_o` is the gradient of its output, `[n_q, d_v]`; ones where
/// there is none.
pub fn inputs<T: Real>(
    schedule: &Schedule,
    problem: &Problem,
    d_o: Option<ArrayView2<'_, f64>>,
    batch: usize,
    head: usize,
) -> Result<Given<T>, Fault> {
    let inputs = schedule.plan().head::<T>(problem, batch, head);
    let mut given = Given::new(inputs.clone());
    let text = schedule.algorithm.text();
    let of_forward = |name: &&str| !matches!(*name, "Q" | "K" | "V" | "dO");
    let wanted = || text.tensors.iter().filter(|tensor| tensor.role == Role::In).map(|tensor| tensor.name.as_str());
    if wanted().any(|name| name == "dO") {
        let ones = || Array2::ones((problem.shape.n_q, problem.shape.d_v));
        given = given.with("dO", d_o.map_or_else(ones, |d_o| d_o.mapv(T::narrow)));
    }
    let Some(forward) = forward_of(&schedule.algorithm)?.filter(|_| wanted().any(|name| of_forward(&name))) else {
        return Ok(given);
    };
    let plan = schedule.plan();
    // Training saves the weights as they are before dropout, for the gradient of the softmax (PyTorch's math path does).
    let weights = forward.has_part(Part::Weights).then(|| forward.called(Part::Weights));
    let is_undropped = |name: &str| problem.dropout.is_some() && weights == Some(name);
    let (undropped, others): (Vec<&str>, Vec<&str>) = wanted().filter(of_forward).partition(|name| is_undropped(name));
    if !undropped.is_empty() {
        let whole = Plan { dropout: DropoutCost::None, ..plan.clone() };
        let head = Head { dropout: None, ..inputs.clone() };
        given = left_by(forward, whole, head, &undropped, given)?;
    }
    if !others.is_empty() {
        given = left_by(forward, plan.clone(), inputs, &others, given)?;
    }
    Ok(given)
}

/// `given`, with those of these names that a forward pass of one head reports or leaves in HBM.
fn left_by<T: Real>(
    forward: &Algorithm,
    plan: Plan,
    head: Head<T>,
    names: &[&str],
    mut given: Given<T>,
) -> Result<Given<T>, Fault> {
    let one = Schedule::of(forward, Setting::new(plan));
    let (program, alone) = (Program::new(forward), [Given::new(head)]);
    let left = carry_out(&one, &program, &alone, |_, _, _| true)?;
    let forward = forward.text();
    for &name in names {
        let reported = forward.name(name).and_then(|id| left.reported.get(id, 0));
        if let Some(rows) = reported {
            given = given.with(name, column(rows));
        } else if let Some(values) = forward.tensor(name).and_then(|id| left.hbm.tensor(id, 0)) {
            given = given.with(name, values.to_owned());
        }
    }
    Ok(given)
}

/// What the query heads of a run are given: of `head`, or of all that share its key/value head where the schedule is of
/// more than one. `d_o` is of all heads of the batch entry, `[heads, n_q, d_v]`.
pub fn inputs_of_group<T: Real>(
    schedule: &Schedule,
    problem: &Problem,
    d_o: Option<ArrayView3<'_, f64>>,
    batch: usize,
    head: usize,
) -> Result<Vec<Given<T>>, Fault> {
    let first = head - schedule.setting.picked(head);
    let of = |head: usize| {
        let d_o = d_o.as_ref().map(|d_o| d_o.index_axis(Axis(0), head));
        inputs(schedule, problem, d_o, batch, head)
    };
    (first..first + schedule.setting.heads).map(of).collect()
}

/// The forward pass that a backward pass comes after.
fn forward_of(of: &Algorithm) -> Result<Option<&'static Algorithm>, Fault> {
    let Some(name) = &of.text().after else { return Ok(None) };
    algorithm::by_name(name).map(Some).ok_or_else(|| Fault::NoForward { name: name.clone() })
}

/// A column of values, as a tensor that is given to a text.
pub fn column<T: Real>(values: &[T]) -> Array2<T> {
    Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row])
}
