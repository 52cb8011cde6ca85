//! `run` and `traffic` for any text: one of one's own, `--algorithm FILE.tile`, or of the program, `--algorithm split-kv`.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array2, ArrayD, Axis, Ix3, Ix4, IxDyn};

use crate::attention::npz_out::{NpyArray, write_npz};
use crate::attention::{Input, Precision, Real, Shape};
use crate::machine::language::{Fault, Given, Outcome, carry_out, column};
use crate::schedule::algorithm::BlockRule;
use crate::schedule::language::{
    self, Algorithm, Axis as Letter, Role, Setting, Tally, closed_form, counted, element_bytes, peak, visits,
};
use crate::schedule::tiling::largest;
use crate::schedule::{Plan, TileCounts, Tiling, algorithm};

use super::failure::warn;
use super::options::{InputOptions, TilingOptions};
use super::progress::Progress;
use super::traffic::refuse_too_large;
use super::traffic_report::{Blocks, Elements, MOST_COUNTED, Moved, Report, Sram, Tiles, not_counted};
use super::{Failure, files};

/// How the name of a text ends.
const EXTENSION: &str = ".tile";
/// More places than this would take minutes to walk.
const MOST_VISITS: u64 = 10 << 30;

/// Splits of query blocks: above this the closed form would take seconds.
const MOST_PARTS: usize = 20_000_000;

/// An algorithm as a text.
pub struct Text<'n> {
    /// The file, or the name, as it was asked for.
    name: &'n str,
    algorithm: Algorithm,
}

/// The text that `name` asks for; `None` for an algorithm that every command has, and for what there is not.
pub fn asked_for(name: &str) -> Option<Result<Text<'_>, Failure>> {
    if is_file(name) {
        return Some(open(name));
    }
    let text = language::by_name(name).filter(|_| algorithm::by_name(name).is_none())?;
    Some(read(name, text))
}

/// The name of a text of one's own.
pub fn is_file(name: &str) -> bool {
    name.ends_with(EXTENSION)
}

fn open(name: &str) -> Result<Text<'_>, Failure> {
    let bytes = files::read_file(Path::new(name))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::bad(name, "this is no text: it is not UTF-8"))?;
    read(name, &text)
}

/// Reads a text. What is wrong with it is told as `FILE:LINE:COLUMN: what`.
fn read<'n>(name: &'n str, text: &str) -> Result<Text<'n>, Failure> {
    let algorithm = language::read(text).map_err(|wrong| {
        let more = match wrong.len() {
            0 | 1 => String::new(),
            all => format!(" (and {} more)", all - 1),
        };
        Failure::Bad(format!("{name}:{}{more}", wrong[0]))
    })?;
    for note in &algorithm.notes {
        warn(&format!("{name}:{note}"));
    }
    Ok(Text { name, algorithm })
}

impl Text<'_> {
    /// The block sizes that the text's header and the options lead to.
    fn tiling(&self, options: &TilingOptions, shape: &Shape, precision: Precision) -> Tiling {
        let shared = options.hardware.shared_bytes_per_block;
        let of_chip = match self.algorithm.blocks {
            BlockRule::Paper => Tiling::paper(shape.d, shared / precision.element_bytes()),
            BlockRule::Largest => largest(|tiling| {
                let plan = Plan { d_v: shape.d_v, ..Plan::new(shape.n_q, shape.n_k, shape.d, tiling, precision) };
                peak(&self.algorithm, &Setting::new(plan)).fits(&options.hardware)
            }),
        };
        options.or_given(of_chip, shape)
    }

    /// The parts that the keys are cut into.
    fn splits(&self, options: &TilingOptions) -> Result<usize, Failure> {
        let has_splits = self.algorithm.lines.iter().any(|line| line.axes().has(Letter::S));
        if !has_splits {
            options.refuse_splits(self.name)?;
        }
        Ok(options.splits.map_or(1, |splits| splits as usize))
    }

    fn warn_if_too_large_for_chip(&self, setting: &Setting, options: &TilingOptions) {
        let needed = peak(&self.algorithm, setting);
        if !self.algorithm.is_ideal && !needed.fits(&options.hardware) {
            let Plan { br, bc, .. } = setting.plan;
            let (shared, registers) = (needed.shared, needed.registers);
            warn(&format!(
                "{} at blocks {br} x {bc} takes {shared} B of shared memory and {registers} B of registers, more than a \
                 thread block of {} has",
                self.name, options.hardware.name,
            ));
        }
    }

    fn fault(&self, fault: &Fault) -> Failure {
        let advice = match fault {
            Fault::NotGiven { .. } if self.algorithm.after.is_none() => {
                "; a text that needs what a forward pass leaves says so: after flash2"
            }
            _ => "",
        };
        Failure::Bad(format!("{}: {fault}{advice}", self.name))
    }
}

/// `tilescope run` with a text: every output that it names, as an .npz. Gives the input, for what is said of it.
pub fn run(text: &Text<'_>, options: &InputOptions, backend: &str) -> Result<(Input, Vec<u8>), Failure> {
    if backend != "cpu" {
        let what = format!("--backend {backend}: {} has no kernel of its own; it runs on the cpu", text.name);
        return Err(Failure::Bad(what));
    }
    let splits = text.splits(&options.tiling)?;
    let input = options.open()?;
    let tiling = text.tiling(&options.tiling, &input.problem.shape, options.precision);
    let first = Setting::new(Plan::of_problem(&input.problem, 0, tiling, options.precision));
    text.warn_if_too_large_for_chip(&first, &options.tiling);
    let settings = (0..input.problem.shape.batch).map(|batch| Setting {
        heads: input.problem.shape.group(),
        splits,
        ..Setting::new(Plan::of_problem(&input.problem, batch, tiling, options.precision))
    });
    let settings: Vec<Setting> = settings.collect();
    let bytes = match options.precision {
        Precision::F64 => outputs::<f64>(text, &input, &settings, options.precision)?,
        precision => outputs::<f32>(text, &input, &settings, precision)?,
    };
    Ok((input, bytes))
}

/// The results of all heads by name, in the order of the input's axes: shape and values.
type Results = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// `settings`: of each batch entry.
fn outputs<T: Real>(
    text: &Text<'_>,
    input: &Input,
    settings: &[Setting],
    precision: Precision,
) -> Result<Vec<u8>, Failure> {
    let shape = input.problem.shape;
    let forward = forward_of(text, input)?;
    let steps: u64 = settings.iter().map(|setting| closed_form(&text.algorithm, setting).total().steps).sum();
    let (mut progress, mut done) = (Progress::new("stepping", steps * shape.kv_heads as u64), 0);
    let mut results = Results::new();
    for (batch, setting) in settings.iter().enumerate() {
        for kv_head in 0..shape.kv_heads {
            let heads = kv_head * shape.group()..(kv_head + 1) * shape.group();
            let given: Result<Vec<Given<T>>, Failure> =
                heads.map(|head| given(text, forward.as_ref(), input, setting, batch, head)).collect();
            let given = given?;
            let outcome = carry_out(&text.algorithm, setting, &given, |_| {
                done += 1;
                progress.at(done);
                true
            });
            let outcome = outcome.map_err(|fault| text.fault(&fault))?;
            collect(&text.algorithm, setting, &outcome, &mut results);
        }
    }
    Ok(npz(input, results, precision))
}

/// The text of the forward pass that a backward pass comes after.
fn forward_of(text: &Text<'_>, input: &Input) -> Result<Option<Algorithm>, Failure> {
    let Some(name) = &text.algorithm.after else { return Ok(None) };
    let Some((_, forward)) = language::TEXTS.into_iter().find(|(known, _)| known == name) else {
        let names = language::TEXTS.map(|(name, _)| name).join(", ");
        return Err(Failure::bad(text.name, format!("it comes after {name}, which is not there; there are {names}")));
    };
    if input.problem.dropout.is_some()
        && text.algorithm.tensor("P").is_some_and(|p| text.algorithm.tensors[p].role == Role::In)
    {
        let what = format!("{name} leaves P after dropout, and a gradient needs it before: run it without --dropout");
        return Err(Failure::bad(text.name, what));
    }
    language::read(forward).map(Some).map_err(|wrong| Failure::Bad(format!("{name}:{}", wrong[0])))
}

/// What one query head is given: dO from the input, or ones, and what the forward pass leaves.
fn given<T: Real>(
    text: &Text<'_>,
    forward: Option<&Algorithm>,
    input: &Input,
    setting: &Setting,
    batch: usize,
    head: usize,
) -> Result<Given<T>, Failure> {
    let problem = &input.problem;
    let d_o = match &input.d_o {
        Some(d_o) => d_o.slice(ndarray::s![batch, head, .., ..]).mapv(T::narrow),
        None => Array2::ones((problem.shape.n_q, problem.shape.d_v)),
    };
    let inputs = problem.head::<T>(batch, head, setting.plan.precision);
    let mut given = Given::new(inputs.clone()).with("dO", d_o);
    if let Some(forward) = forward {
        let one = Setting::new(setting.plan.clone());
        let alone = [Given::new(inputs)];
        let left = carry_out(forward, &one, &alone, |_| true).map_err(|fault| text.fault(&fault))?;
        let wanted = text.algorithm.tensors.iter().filter(|tensor| tensor.role == Role::In);
        for name in wanted.map(|tensor| tensor.name.as_str()).filter(|name| !matches!(*name, "Q" | "K" | "V" | "dO")) {
            if let Some(values) = left.reported(name, 0) {
                given = given.with(name, column(values));
            } else if let Some(values) = left.tensor(name, 0) {
                given = given.with(name, values.to_owned());
            }
        }
    }
    Ok(given)
}

/// Appends the results of one group of heads. What each query head makes of keys is summed over the group.
fn collect<T: Real>(algorithm: &Algorithm, setting: &Setting, outcome: &Outcome<'_, T>, results: &mut Results) {
    for tensor in algorithm.tensors.iter().filter(|tensor| tensor.role == Role::Out) {
        let of_keys = !tensor.axes().has(Letter::I);
        let mut all: Vec<Vec<f64>> = Vec::new();
        let mut shape = Vec::new();
        for head in 0..if tensor.is_of_group { 1 } else { setting.heads } {
            let Some(values) = outcome.tensor(&tensor.name, head) else { continue };
            let (rows, cols) = values.dim();
            let splits = if tensor.axes().has(Letter::S) { setting.splits } else { 1 };
            shape =
                [(splits > 1).then_some(splits), Some(rows / splits), (cols > 1 || !is_column(tensor)).then_some(cols)]
                    .into_iter()
                    .flatten()
                    .collect();
            all.push(values.iter().map(|value| value.widen()).collect());
        }
        if of_keys && let Some((first, others)) = all.split_first_mut() {
            for other in others {
                first.iter_mut().zip(other).for_each(|(sum, value)| *sum += *value);
            }
            all.truncate(1);
        }
        let (_, values) = results.entry(tensor.name.clone()).or_insert((shape, Vec::new()));
        values.extend(all.into_iter().flatten());
    }
    for name in algorithm.report.iter().map(|&name| &algorithm.names[name]) {
        let is_out = algorithm.tensors.iter().any(|tensor| tensor.name == *name && tensor.role == Role::Out);
        for head in (0..setting.heads).filter(|_| !is_out) {
            let Some(rows) = outcome.reported(name, head) else { continue };
            let (_, values) = results.entry(name.clone()).or_insert((vec![rows.len()], Vec::new()));
            values.extend(rows.iter().map(|value| value.widen()));
        }
    }
}

fn is_column(tensor: &language::Tensor) -> bool {
    tensor.shape().cols == language::Extent::One
}

/// Results in the rank and layout of the input.
fn npz(input: &Input, results: Results, precision: Precision) -> Vec<u8> {
    let batch = input.problem.shape.batch;
    let arrays = results.into_iter().map(|(name, (shape, values))| {
        let heads = values.len() / shape.iter().product::<usize>().max(1) / batch;
        let full: Vec<usize> = [batch, heads].into_iter().chain(shape).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&full), values).expect("as many values for each batch and head");
        (name, as_the_input_is(input, array))
    });
    let arrays: Vec<(String, ArrayD<f64>)> = arrays.collect();
    let entries: Vec<(&str, NpyArray<'_>)> =
        arrays.iter().map(|(name, values)| (name.as_str(), NpyArray { values: values.view(), precision })).collect();
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, &entries).expect("writing to memory does not fail");
    bytes.into_inner()
}

/// An array `[batch, heads, ..]` as the file of the input would have it; one with an axis of splits, which no file has,
/// only leaves out axes of size 1.
fn as_the_input_is(input: &Input, array: ArrayD<f64>) -> ArrayD<f64> {
    let rank = input.rank;
    // Of packed sequences, what has no row for each query stays apart for each.
    if input.packed.is_some() && array.shape().get(2) != Some(&input.problem.shape.n_q) {
        return array;
    }
    match array.ndim() {
        4 => input.restore(array.into_dimensionality::<Ix4>().expect("four axes")),
        3 => input.restore_rows(array.into_dimensionality::<Ix3>().expect("three axes")),
        _ if input.packed.is_some() => array,
        _ => (rank..4).fold(array, |array, _| array.index_axis_move(Axis(0), 0)),
    }
}

/// What `tilescope traffic` says of a text: its closed form, and counted beside it where its steps are few or `must_count`
/// says so; and whether its buffers fit the chip.
pub fn report(
    text: &Text<'_>,
    options: &TilingOptions,
    mut plan: Plan,
    must_count: bool,
) -> Result<(Report, bool), Failure> {
    let shape = Shape { d_v: plan.d_v, ..Shape::single(plan.n_q, plan.n_k, plan.d) };
    let tiling = text.tiling(options, &shape, plan.precision);
    (plan.br, plan.bc) = (tiling.br, tiling.bc);
    let splits = text.splits(options)?;
    refuse_too_large(text.name, &plan, (text.algorithm.lines.len() * splits) as u128)?;
    if splits * plan.t_r() > MOST_PARTS {
        let what = format!("--splits: {} query blocks in {splits} splits are too many; take larger blocks", plan.t_r());
        return Err(Failure::bad(text.name, what));
    }
    let setting = Setting { splits, ..Setting::new(plan) };
    let closed = closed_form(&text.algorithm, &setting);
    let (total, on_chip) = (closed.total(), peak(&text.algorithm, &setting));
    let visits = visits(&text.algorithm, &setting);
    if must_count && visits > MOST_VISITS {
        let what = format!("--count: {visits} places are too many to walk one by one; take larger blocks");
        return Err(Failure::bad(text.name, what));
    }
    let counts = must_count || total.steps.max(visits) <= MOST_COUNTED;
    let counted = counts.then(|| counted(&text.algorithm, &setting));
    let (read, write) = moved(text, &setting, &closed);
    let (plan, tiles) = (&setting.plan, TileCounts::of_plan(&setting.plan));
    let sram = |tally: &Tally| Moved { read: tally.total().sram_read, write: tally.total().sram_write };
    let report = Report {
        name: text.name.to_owned(),
        tiling: Blocks { br: plan.br, bc: plan.bc, t_r: plan.t_r(), t_c: plan.t_c() },
        steps: total.steps,
        counted: counted.as_ref().map(|tally| elements(text, tally)),
        counted_reason: counted.is_none().then(|| not_counted(total.steps.max(visits))),
        closed_form: elements(text, &closed),
        bytes: Moved { read, write },
        sram: Sram { counted: counted.as_ref().map(sram), closed_form: sram(&closed) },
        tiles: Tiles { full: tiles.full, partial: tiles.partial, skipped: tiles.skipped },
        flops: total.flops.into(),
        on_chip_bytes: on_chip,
        differs: counted.map_or(Vec::new(), |counted| differences(text, &counted, &closed)),
    };
    Ok((report, text.algorithm.is_ideal || on_chip.fits(&options.hardware)))
}

/// The names of the totals that were counted otherwise than the closed form has them.
fn differences(text: &Text<'_>, counted: &Tally, closed: &Tally) -> Vec<&'static str> {
    let pairs = [
        ("elements by tensor", tensors(text, counted) == tensors(text, closed)),
        ("totals", counted.total() == closed.total()),
    ];
    pairs.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

/// HBM elements read and written of each tensor that moved.
fn tensors<'t>(text: &'t Text<'_>, tally: &Tally) -> Vec<(&'t str, u64, u64)> {
    let of = |(n, tensor): (usize, &'t language::Tensor)| {
        let (read, write) = tally.of_tensor(&text.algorithm, n);
        (tensor.name.as_str(), read, write)
    };
    text.algorithm.tensors.iter().enumerate().map(of).filter(|(_, read, write)| read + write > 0).collect()
}

fn elements(text: &Text<'_>, tally: &Tally) -> Elements {
    let side = |pick: fn(&(&str, u64, u64)) -> u64| -> BTreeMap<String, u64> {
        let all = tensors(text, tally).into_iter().map(|row| (row.0.to_owned(), pick(&row)));
        all.filter(|(_, elements)| *elements > 0).collect()
    };
    Elements { read: side(|row| row.1), write: side(|row| row.2) }
}

/// HBM bytes read and written.
fn moved(text: &Text<'_>, setting: &Setting, tally: &Tally) -> (u64, u64) {
    let each = text.algorithm.tensors.iter().enumerate().map(|(n, tensor)| {
        let (read, write) = tally.of_tensor(&text.algorithm, n);
        let size = element_bytes(tensor.kind, &setting.plan);
        (read * size, write * size)
    });
    each.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}
