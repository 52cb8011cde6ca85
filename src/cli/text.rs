//! `run` and `traffic` for any text: one of one's own, `--algorithm FILE.tile`, or of the program, `--algorithm split-kv`.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::atomic::AtomicBool;

use ndarray::{Array1, Array2, Array4, ArrayD, Axis, Ix3, Ix4, IxDyn, s};

use crate::attention::expected::{GRADIENTS, SINKS};
use crate::attention::gradients;
use crate::attention::npz_out::{NpyArray, write_npz};
use crate::attention::{Input, Precision, Real, Shape};
use crate::gpu::kernels;
use crate::machine::{Fault, FirstWrong, Group, Machine};
use crate::number;
use crate::schedule::language::{self, Axis as Letter, Role, Setting, closed_form, peak};
use crate::schedule::{Algorithm, Plan, RunSpec, Schedule, algorithm};

use super::Failure;
use super::failure::warn;
use super::judge::{Oracle, each_group, judge};
use super::options;
use super::progress::Progress;
use super::run::{add_saturated, device, of_gpu, warn_of_saturated};
use super::run_errors::RunErrors;

/// An algorithm as a text, under the name that it was asked for.
pub struct Text<'n> {
    name: &'n str,
    algorithm: Algorithm,
}

impl<'n> Text<'n> {
    pub fn of(name: &'n str, algorithm: Algorithm) -> Self {
        Self { name, algorithm }
    }
}

impl Text<'_> {
    fn warn_if_too_large_for_chip(&self, setting: &Setting, spec: &RunSpec) {
        let (needed, hardware) = (peak(self.algorithm.for_heads(setting.heads).text(), setting), spec.hardware());
        if self.algorithm.is_budgeted() && !needed.fits(&hardware) {
            let Plan { br, bc, .. } = setting.plan;
            let [shared, registers] = [needed.shared, needed.registers].map(number::bytes);
            warn(&format!(
                "{} at blocks {br} x {bc} takes {shared} of shared memory and {registers} of registers, more than a \
                 thread block of {} has",
                self.name, hardware.name,
            ));
        }
    }

    fn fault(&self, fault: &Fault) -> Failure {
        of_fault(&self.algorithm, self.name, fault)
    }
}

/// Why a text cannot be carried out on an input; with what helps, where a word in its header would.
pub fn of_fault(algorithm: &Algorithm, name: &str, fault: &Fault) -> Failure {
    let advice = match fault {
        Fault::NotGiven { .. } if !algorithm.is_backward() => {
            "; a text that needs what a forward pass leaves says so: after flash2"
        }
        _ => "",
    };
    Failure::Bad(format!("{name}: {fault}{advice}"))
}

/// `tilescope run` with a text: every output that it names, as an .npz. Gives the input and the errors, for what is said of
/// them.
pub fn run(text: &Text<'_>, spec: &RunSpec) -> Result<(Input, Vec<u8>, RunErrors), Failure> {
    let input = options::open(spec)?;
    let shape = input.problem.shape;
    text.warn_if_too_large_for_chip(&spec.setting(&text.algorithm, &input, 0), spec);
    let of_group = |setting| Setting { heads: shape.group(), ..setting };
    let of_batch = |batch| spec.setting_of_heads(&text.algorithm, &input, (batch, 0..shape.heads));
    let settings = (0..shape.batch).map(|batch| of_group(of_batch(batch)));
    let settings: Vec<Setting> = settings.collect();
    let (bytes, errors) = match spec.precision() {
        precision @ Precision::F64 => outputs::<f64>(text, &input, &settings, precision)?,
        precision => outputs::<f32>(text, &input, &settings, precision)?,
    };
    Ok((input, bytes, errors))
}

/// `tilescope run` with a backward pass of the program, on a GPU: dQ, dK and dV as an .npz.
pub fn run_on_gpu(
    text: &Text<'_>,
    spec: &RunSpec,
    backend: &str,
    deterministic: bool,
) -> Result<(Input, Vec<u8>, RunErrors), Failure> {
    let algorithm = &text.algorithm;
    let has_kernel = algorithm::by_name(algorithm.name()).is_some_and(|known| known == algorithm)
        && kernels::of(backend, algorithm.name()).any(kernels::Kernel::is_backward);
    if !has_kernel {
        let what = format!("--backend {backend}: {} has no kernel of its own; it runs on the cpu", text.name);
        return Err(Failure::Bad(what));
    }
    let input = options::open(spec)?;
    let Shape { batch, heads, n_q, d_v, .. } = input.problem.shape;
    let ones = || Array4::ones((batch, heads, n_q, d_v));
    let d_o = input.d_o.clone().unwrap_or_else(ones);
    let mut device = device(backend)?;
    device.set_deterministic(deterministic);
    let never = AtomicBool::new(false);
    let got = device.gradients(&input.problem, &d_o, algorithm.name(), spec.precision(), &never);
    let got = got.map_err(|error| of_gpu(backend, &error))?;
    let stored = algorithm::stored_for_gradients(algorithm, &spec.setting(algorithm, &input, 0).plan);
    let gradients = [&got.dq, &got.dk, &got.dv];
    let errors = RunErrors::of_gradients(&input.problem, &d_o, gradients, stored, spec.precision());
    let of = |values: Array4<f64>| (values.shape()[2..].to_vec(), values.into_iter().collect());
    let results = GRADIENTS.into_iter().zip([got.dq, got.dk, got.dv]);
    let results = results.map(|(name, values)| (name.to_owned(), of(values))).collect();
    let bytes = npz(&input, results, spec.precision());
    Ok((input, bytes, errors))
}

/// The results of all heads by name, in the order of the input's axes: shape and values.
type Results = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// `settings`: of each batch entry.
fn outputs<T: Real>(
    text: &Text<'_>,
    input: &Input,
    settings: &[Setting],
    precision: Precision,
) -> Result<(Vec<u8>, RunErrors), Failure> {
    let text = &Text::of(text.name, text.algorithm.for_heads(input.problem.shape.group()).clone());
    let steps: u64 = settings.iter().map(|setting| closed_form(text.algorithm.text(), setting).total().steps).sum();
    let (mut progress, mut done) = (Progress::new("stepping", steps * input.problem.shape.kv_heads as u64), 0);
    let (mut results, mut told, mut saturated) = (Results::new(), Told::default(), BTreeMap::new());
    let mut errors = RunErrors::default();
    let go_on = || {
        done += 1;
        progress.at(done);
    };
    let d_o = input.d_o.as_ref();
    let run = each_group::<T>(&text.algorithm, settings, &input.problem, d_o, go_on, |group, schedule, machine| {
        add_saturated(&mut saturated, &machine.saturated());
        collect(&text.algorithm, &schedule.setting, machine, &mut results);
        told.note(group, schedule, machine);
        errors.note(group, schedule, machine);
    });
    run.map_err(|fault| text.fault(&fault))?;
    warn_of_saturated(&saturated);
    told.warn(text.name, &text.algorithm);
    Ok((npz(input, results, precision), errors))
}

/// Queries or keys above which `run` holds no result against an exact one, which costs O(N^2 d) in f64.
const LONGEST_CHECKED: usize = 4096;

/// The first number of all groups that is wrong, with its batch entry and the first of its heads.
#[derive(Default)]
struct Told {
    first: Option<(usize, usize, FirstWrong)>,
}

impl Told {
    /// Judges a text that may be wrong: of one's own, or a variant. What comes with the program is tested.
    fn note<T: Real>(&mut self, group: &Group<'_>, schedule: &Schedule, machine: &Machine<'_, T>) {
        let (algorithm, shape) = (&schedule.algorithm, group.problem.shape);
        let is_tested = algorithm.base().is_none() && algorithm::by_name(algorithm.name()).is_some();
        if is_tested || self.first.is_some() || shape.n_q.max(shape.n_k) > LONGEST_CHECKED {
            return;
        }
        let first = judge(&Oracle(group.problem), group, schedule, machine).ok().and_then(|verdict| verdict.first);
        self.first = first.map(|first| (group.batch, group.heads.start, first));
    }

    fn warn(&self, name: &str, algorithm: &Algorithm) {
        if let Some((batch, head, first)) = &self.first {
            let heads = if first.number.is_of_key() { "of the heads from" } else { "head" };
            let head = if first.number.is_of_key() { *head } else { head + first.head };
            warn(&format!("{name}: the result is wrong: batch {batch}, {heads} {head}: {}", first.sentence(algorithm)));
        }
    }
}

/// Appends the results of one group of heads.
fn collect<T: Real>(algorithm: &Algorithm, setting: &Setting, machine: &Machine<'_, T>, results: &mut Results) {
    let algorithm = algorithm.text();
    for tensor in algorithm.tensors.iter().filter(|tensor| tensor.role == Role::Out) {
        let mut all: Vec<Vec<f64>> = Vec::new();
        let mut shape = Vec::new();
        for head in 0..if tensor.is_of_group { 1 } else { setting.heads } {
            let Some(values) = machine.tensor(&tensor.name, head) else { continue };
            let (rows, cols) = values.dim();
            let splits = if tensor.axes().has(Letter::S) { setting.splits } else { 1 };
            shape =
                [(splits > 1).then_some(splits), Some(rows / splits), (cols > 1 || !is_column(tensor)).then_some(cols)]
                    .into_iter()
                    .flatten()
                    .collect();
            all.push(values.iter().map(|value| value.widen()).collect());
        }
        let (_, values) = results.entry(tensor.name.clone()).or_insert((shape, Vec::new()));
        values.extend(all.into_iter().flatten());
    }
    for name in algorithm.report.iter().map(|&name| &algorithm.names[name]) {
        let is_out = algorithm.tensors.iter().any(|tensor| tensor.name == *name && tensor.role == Role::Out);
        for head in (0..setting.heads).filter(|_| !is_out) {
            let Some(rows) = machine.reported(name, head) else { continue };
            let (_, values) = results.entry(name.clone()).or_insert((vec![rows.len()], Vec::new()));
            values.extend(rows.iter().map(|value| value.widen()));
        }
    }
}

fn is_column(tensor: &language::Tensor) -> bool {
    tensor.shape().cols == language::Extent::One
}

/// Of the learned sinks, `[heads]`: sums over all rows of all batch entries.
fn gradients_of_sinks(input: &Input) -> Option<Array1<f64>> {
    let problem = &input.problem;
    problem.sinks.as_ref()?;
    let ones = Array2::ones((problem.shape.n_q, problem.shape.d_v));
    let of = |batch: usize, head: usize| {
        let d_o = input.d_o.as_ref().map_or(ones.view(), |d_o| d_o.slice(s![batch, head, .., ..]));
        gradients::of_sink(&problem.head(batch, head, Precision::F64), d_o)
    };
    Some((0..problem.shape.heads).map(|head| (0..problem.shape.batch).map(|batch| of(batch, head)).sum()).collect())
}

/// Results in the rank and layout of the input.
fn npz(input: &Input, results: Results, precision: Precision) -> Vec<u8> {
    let batch = input.problem.shape.batch;
    let of_sinks = results.contains_key(GRADIENTS[0]).then(|| gradients_of_sinks(input)).flatten();
    let arrays = results.into_iter().map(|(name, (shape, values))| {
        let heads = values.len() / shape.iter().product::<usize>().max(1) / batch;
        let full: Vec<usize> = [batch, heads].into_iter().chain(shape).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&full), values).expect("as many values for each batch and head");
        let array = as_the_input_is(input, &name, array);
        (name, array)
    });
    let arrays: Vec<(String, ArrayD<f64>)> =
        arrays.chain(of_sinks.map(|sinks| (SINKS.to_owned(), sinks.into_dyn()))).collect();
    let entries: Vec<(&str, NpyArray<'_>)> =
        arrays.iter().map(|(name, values)| (name.as_str(), NpyArray { values: values.view(), precision })).collect();
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, &entries).expect("writing to memory does not fail");
    bytes.into_inner()
}

/// An array `[batch, heads, ..]` as the file of the input would have it; one with an axis of splits, which no file has,
/// only leaves out axes of size 1.
fn as_the_input_is(input: &Input, name: &str, array: ArrayD<f64>) -> ArrayD<f64> {
    let (rank, shape) = (input.rank, input.problem.shape);
    let rows = array.shape().get(2).copied().filter(|_| array.ndim() == 4);
    if GRADIENTS[1..].contains(&name) || (rows == Some(shape.n_k) && rows != Some(shape.n_q)) {
        return input.restore_keys(array.into_dimensionality::<Ix4>().expect("of each key"));
    }
    // Of packed sequences, what has no row for each query or key stays apart for each.
    if input.packed.is_some() && array.shape().get(2) != Some(&shape.n_q) {
        return array;
    }
    match array.ndim() {
        4 => input.restore(array.into_dimensionality::<Ix4>().expect("four axes")),
        3 => input.restore_rows(array.into_dimensionality::<Ix3>().expect("three axes")),
        _ if input.packed.is_some() => array,
        _ => (rank..4).fold(array, |array, _| array.index_axis_move(Axis(0), 0)),
    }
}
