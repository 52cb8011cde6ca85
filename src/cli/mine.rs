//! `tilescope check MINE`: the output of another program beside exact attention, and whose bug it is.

use std::path::Path;

use ndarray::{Array3, Array4, ArrayD, Axis};
use serde::Serialize;

use crate::attention::Input;
use crate::attention::diagnosis::{
    At, BUDGET, Batch, Cause, Comparison, Diagnosis, LSE, Mine, OfGradients, OfSinks, Off, OtherKey, Rounding, Wrong,
    WrongGradient, WrongSink,
};
use crate::attention::expected::{FORWARD, SINKS};
use crate::attention::input::{Packed, Varlen, read_one_of};
use crate::number::{apart, short};
use crate::schedule::spec::{ALGORITHM, MASK, READING};
use crate::schedule::{Algorithm, Plan, RunSpec, algorithm};
use crate::sentence::Sentence;

use super::Failure;
use super::failure::{print, print_json};
use super::options::{self, Takes};

/// Products of two numbers that the gradients of learned sinks may take: some ten seconds.
const MOST_OF_SINKS: usize = 1 << 34;

/// What `check` chooses of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfMine;

impl Takes for OfMine {
    fn takes(name: &str) -> bool {
        let others = ["softcap", "scale", "dropout", "grad", "varlen", "br", "bc", "hardware"];
        READING.contains(&name) || MASK.contains(&name) || others.contains(&name)
    }
}

/// What is told of a file: of its output, and of its gradients.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    output: Option<Diagnosis>,
    /// Of the first wrong number of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    tile: Option<Tile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gradients: Option<OfGradients>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sinks: Option<OfSinks>,
    /// Of the first wrong gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    gradient_tile: Option<Tile>,
}

/// The blocks that hold a number, as a run with the same options numbers them.
#[derive(Clone, Copy, Serialize)]
struct Tile {
    br: usize,
    bc: usize,
    query_block: Option<usize>,
    key_block: Option<usize>,
}

/// What is checked, and how it is laid out.
struct Subject<'a> {
    /// Each sequence a batch entry.
    input: &'a Input,
    spec: &'a RunSpec,
    algorithm: &'a Algorithm,
    batch: Batch<'a>,
}

pub fn check(spec: &RunSpec, json: bool) -> Result<(), Failure> {
    // One schedule changes no number: sequences are held against attention one by one.
    let input = options::open(&RunSpec { varlen: None, ..spec.clone() })?;
    let name = options::name_of(spec);
    spec.check_problem(&input).map_err(|what| Failure::bad(&name, what))?;
    let has_gradients = input.about.gradients.iter().any(Option::is_some);
    let has_sinks = input.about.d_sinks.is_some();
    if input.about.o.is_none() && !has_gradients && !has_sinks {
        let what = "it has no output to be checked: an array O (or out, output, attn_output), [batch, heads, n_q, d_v]; \
            or gradients dQ, dK, dV, dSinks beside dO";
        return Err(Failure::bad(name, what));
    }
    if input.problem.dropout.as_ref().is_some_and(|dropout| !dropout.is_materialised()) {
        return Err(Failure::bad(
            name,
            "which weights were dropped is not known: it needs a `keep` mask beside --dropout",
        ));
    }
    let lse = match &spec.input[..] {
        [path] if input.about.o.is_some() => lse(path, &input).map_err(|what| Failure::bad(&name, what))?,
        _ => None,
    };
    let algorithm = algorithm::by_name(ALGORITHM).expect("a text of the program");
    let subject = Subject::new(&input, spec, algorithm);
    let output = input.about.o.as_ref().map(|o| subject.output(o, lse.as_ref()));
    let gradients = if has_gradients { Some(subject.gradients(&name)?) } else { None };
    let sinks = if has_sinks { Some(subject.sinks(&name)?) } else { None };
    let tile = output.as_ref().and_then(|output| subject.tile(output));
    let gradient_tile = gradients.as_ref().and_then(|of| of.first).map(|first| subject.tile_of_gradient(&first));
    let report = Report { output, tile, gradients, sinks, gradient_tile };
    if json {
        print_json(&report)?;
    } else {
        print(&subject.as_text(&report))?;
    }
    let output = report.output.as_ref().filter(|output| !output.is_right());
    let output = output.map(|output| format!("{} of {} rows are wrong", output.wrong_rows, output.compared));
    let wrong_sinks = report.sinks.iter().filter(|sinks| !sinks.off.is_right()).map(|_| SINKS);
    let wrong: Vec<&str> = report.gradients.iter().flat_map(OfGradients::wrong).chain(wrong_sinks).collect();
    let gradients = (!wrong.is_empty()).then(|| format!("wrong gradients: {}", wrong.join(", ")));
    match output.into_iter().chain(gradients).reduce(|all, more| format!("{all}; {more}")) {
        None => Ok(()),
        Some(faults) => Err(Failure::Check(format!("{name}: {faults}"))),
    }
}

impl<'a> Subject<'a> {
    fn new(input: &'a Input, spec: &'a RunSpec, algorithm: &'a Algorithm) -> Self {
        let batch = match spec.setting(algorithm, input, 0).plan.band.sequences {
            Some(of) if input.packed.is_none() => {
                let sizes = |starts: &[usize]| starts.windows(2).map(|of| of[1] - of[0]).collect::<Vec<_>>();
                let (queries, keys) = (sizes(of.query_starts()), sizes(of.key_starts()));
                Batch::packed(&input.problem, queries.into_iter().zip(keys).map(|(q, k)| [q, k]).collect())
            }
            _ => input.batch(),
        };
        Self { input, spec, algorithm, batch }
    }

    fn output(&self, o: &Array4<f64>, lse: Option<&Array3<f64>>) -> Diagnosis {
        let told = &self.input.told;
        let of_inputs = told.arrays.iter().map(|(_, element)| *element);
        let rounding = Rounding::coarsest(of_inputs.chain(told.output.as_ref().map(|(_, element)| *element)));
        let compared = Comparison::of(&self.batch, Mine { o, lse, rounding }, BUDGET);
        Diagnosis::of(&self.batch, &compared, BUDGET)
    }

    /// Those of the file, for its dO.
    fn gradients(&self, name: &str) -> Result<OfGradients, Failure> {
        let Some(mine) = self.input.own_gradients() else {
            let what = "its gradients need the gradient of the output: an array dO, or --grad ones where O was summed";
            return Err(Failure::bad(name, what));
        };
        OfGradients::of(&self.batch, mine, BUDGET).map_err(|why| Failure::bad(name, why))
    }

    /// dSinks of the file, for its dO.
    fn sinks(&self, name: &str) -> Result<OfSinks, Failure> {
        let Some(mine) = self.input.own_sinks() else {
            let what = "its gradients need the gradient of the output: an array dO, or --grad ones where O was summed";
            return Err(Failure::bad(name, what));
        };
        OfSinks::of(&self.batch, mine, MOST_OF_SINKS).map_err(|why| Failure::bad(name, why))
    }

    /// The plan that a batch entry is run by, and its first query and key there.
    fn plan(&self, batch: usize) -> (Plan, [usize; 2]) {
        let is_one = self.spec.is_varlen();
        let plan = self.spec.setting(self.algorithm, self.input, if is_one { 0 } else { batch }).plan;
        let start = plan.band.sequences.as_ref().map(|all| [all.query_starts()[batch], all.key_starts()[batch]]);
        (plan, start.unwrap_or_default())
    }

    fn tile_at(&self, batch: usize, query: Option<usize>, key: Option<usize>) -> Tile {
        let (plan, [first_query, first_key]) = self.plan(batch);
        Tile {
            br: plan.br,
            bc: plan.bc,
            query_block: query.map(|query| plan.query_block(first_query + query)),
            key_block: key.map(|key| plan.key_block(first_key + key)),
        }
    }

    /// Of the first wrong number; the key block is that of the first key that its cause sees otherwise.
    fn tile(&self, output: &Diagnosis) -> Option<Tile> {
        let at = output.first?.at;
        let key = output.causes.first().and_then(|cause| cause.key).filter(|key| key.batch == at.batch);
        // What lies beyond the sequence is in none of its tiles.
        let (plan, [_, first]) = self.plan(at.batch);
        let key = key.filter(|key| first + key.key < plan.n_k).map(|key| key.key);
        Some(self.tile_at(at.batch, Some(at.query), key))
    }

    fn tile_of_gradient(&self, first: &WrongGradient) -> Tile {
        let (query, key) = if first.is_of_key() { (None, Some(first.row)) } else { (Some(first.row), None) };
        self.tile_at(first.batch, query, key)
    }

    /// A batch entry in words, with the number that a query or key of it has among those of all.
    fn sequence(&self, batch: usize, token: (&str, usize)) -> String {
        let (what, at) = token;
        let start = self.batch.start(batch)[usize::from(what == "key")];
        match self.batch.is_packed() {
            true => format!("sequence {batch} ({what} {} of all)", start + at),
            false => format!("batch entry {batch}"),
        }
    }

    fn as_text(&self, report: &Report) -> String {
        let mut lines = report.output.as_ref().map_or_else(Vec::new, |output| self.output_as_text(output, report.tile));
        lines.extend(report.gradients.iter().flat_map(|of| self.gradients_as_text(of, report.gradient_tile)));
        lines.extend(report.sinks.iter().flat_map(sinks_as_text));
        lines.join("\n") + "\n"
    }

    fn output_as_text(&self, diagnosis: &Diagnosis, tile: Option<Tile>) -> Vec<String> {
        let [o, .., l] = FORWARD;
        let mut lines = vec![told(o, diagnosis.o)];
        lines.extend(diagnosis.lse.map(|lse| told(l, lse)));
        if diagnosis.compared < diagnosis.rows {
            lines.push(format!("compared in {} of {} rows", diagnosis.compared, diagnosis.rows));
        }
        if diagnosis.is_right() {
            return lines;
        }
        lines.push(format!("{} of {} rows are wrong", diagnosis.wrong_rows, diagnosis.compared));
        lines.extend(diagnosis.first.map(|wrong| self.first(wrong)));
        let key = diagnosis.causes.first().and_then(|cause| cause.key);
        lines.extend(tile.map(|tile| self.place(tile, key)));
        if let Some(format) = diagnosis.as_rounded_to {
            lines.push(format!("it is as far off as rounding to {} would make it", format.name()));
        }
        lines.extend(causes(&diagnosis.causes, "no bug or convention that is known here gives these numbers"));
        lines.extend(diagnosis.near.iter().map(|cause| format!("nearer than exact attention: {}", of_cause(cause))));
        lines
    }

    fn first(&self, Wrong { at: At { batch, head, query, component }, got, exact }: Wrong) -> String {
        let [got, exact] = apart(got, exact);
        let [o, .., l] = FORWARD;
        let what = component.map_or_else(|| l.to_owned(), |component| format!("component {component} of {o}"));
        let sequence = self.sequence(batch, ("query", query));
        format!("first wrong number: {what} at query {query}, head {head}, {sequence}: {got}, and exactly {exact}")
    }

    /// The tile of a number, and the key that makes it wrong.
    fn place(&self, tile: Tile, key: Option<OtherKey>) -> String {
        let Tile { br, bc, query_block, key_block } = tile;
        let at = match (query_block, key_block) {
            (Some(i), Some(j)) => format!("tile {i},{j} (query block, key block)"),
            (Some(i), None) => format!("query block {i}"),
            (None, Some(j)) => format!("key block {j}"),
            (None, None) => String::new(),
        };
        let key = key.map_or_else(String::new, |OtherKey { batch, key, is_seen }| {
            let is = if is_seen { "is seen and should not be" } else { "is not seen and should be" };
            format!("; there, key {key} of {} {is}", self.sequence(batch, ("key", key)))
        });
        format!("it is in {at} of blocks of {br} x {bc}{key}")
    }

    fn gradients_as_text(&self, of: &OfGradients, tile: Option<Tile>) -> Vec<String> {
        let mut lines: Vec<String> = of.tensors.iter().map(|tensor| told(tensor.name, tensor.off)).collect();
        if of.compared < of.groups {
            lines.push(format!("gradients compared of {} of {} key/value heads", of.compared, of.groups));
        }
        if let Some(first) = of.first {
            let [got, exact] = apart(first.got, first.exact);
            let WrongGradient { head, batch, row, .. } = first;
            let sequence = self.sequence(batch, (if first.is_of_key() { "key" } else { "query" }, row));
            let place = first.place();
            lines.push(format!("first wrong gradient: {place}, head {head}, {sequence}: {got}, and exactly {exact}"));
            lines.extend(tile.map(|tile| self.place(tile, None)));
        }
        if of.is_too_large {
            lines.push("it is too large for a search for what gives these gradients".into());
        } else if !of.is_right() {
            lines.extend(causes(&of.causes, "no bug or convention that is known here gives these gradients"));
        }
        lines.extend(of.near.iter().map(|cause| format!("nearer than exact gradients: {}", of_cause(cause))));
        lines
    }
}

/// The logsumexp that an .npz has beside O.
fn lse(path: &Path, input: &Input) -> Result<Option<Array3<f64>>, Sentence> {
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("npz")) {
        return Ok(None);
    }
    let bytes = crate::files::read(path, crate::attention::input::BUDGET)?;
    let Some((name, values)) = read_one_of(&bytes, &LSE).map_err(|error| error.sentence())? else { return Ok(None) };
    let shape = input.problem.shape;
    // Of packed sequences, one after the other: [heads, total], or [total, heads] as the layout thd has it.
    let laid = input.packed.as_ref().map(|Packed { queries, keys }| Varlen {
        queries: queries.clone(),
        keys: keys.clone(),
        n_q: shape.n_q,
        n_k: shape.n_k,
    });
    let wanted = match &laid {
        Some(laid) => (1, shape.heads, laid.queries.iter().sum()),
        None => (shape.batch, shape.heads, shape.n_q),
    };
    let found = values.shape().to_vec();
    let is_turned = laid.is_some() && found == [wanted.2, wanted.1] && wanted.1 != wanted.2;
    let values = if is_turned { values.reversed_axes().as_standard_layout().into_owned() } else { values };
    let rows = of_heads(values, wanted).ok_or_else(|| {
        let (batch, heads, n_q) = wanted;
        let needed = format!("[{batch}, {heads}, {n_q}] is needed (batch, heads, n_q)");
        Sentence::verbatim(format!("{name} has shape {found:?}, but {needed}"))
    })?;
    Ok(Some(match laid {
        Some(laid) => laid.split_queries(&rows.insert_axis(Axis(3))).remove_axis(Axis(3)),
        None => rows,
    }))
}

/// One number for each row; axes of 1 may be missing.
fn of_heads(values: ArrayD<f64>, wanted: (usize, usize, usize)) -> Option<Array3<f64>> {
    let has = |size: &&usize| **size != 1;
    let sizes = [wanted.0, wanted.1, wanted.2];
    let fits = values.shape().iter().filter(has).eq(sizes.iter().filter(has));
    fits.then(|| values.into_shape_with_order(wanted).ok())?
}

fn told(name: &str, Off { error, bound }: Off) -> String {
    let is = if error <= bound { "right" } else { "wrong" };
    if error.is_nan() {
        return format!("{name} is wrong: it is NaN or infinite where attention is not, or the other way round");
    }
    format!("{name} is {is}: off by {}, and rounding explains {}", short(error), short(bound))
}

fn sinks_as_text(of: &OfSinks) -> Vec<String> {
    let mut lines = vec![told(SINKS, of.off)];
    if let Some(WrongSink { head, got, exact }) = of.first {
        let [got, exact] = apart(got, exact);
        lines.push(format!("first wrong gradient: {SINKS} of head {head}: {got}, and exactly {exact}"));
        lines.extend(causes(&of.causes, "no bug or convention that is known here gives these gradients"));
    }
    lines.extend(of.near.iter().map(|cause| format!("nearer than exact gradients: {}", of_cause(cause))));
    lines
}

/// What gives the numbers; `none` where nothing does.
fn causes(causes: &[Cause], none: &str) -> Vec<String> {
    match causes {
        [] => vec![none.into()],
        [cause, others @ ..] => {
            let first = format!("it is what this gives: {}", of_cause(cause));
            let others = others.iter().map(|cause| format!("so does this: {}", of_cause(cause)));
            [first].into_iter().chain(others).collect()
        }
    }
}

/// The cause with its distance, its name, and the text that shows it.
fn of_cause(cause: &Cause) -> String {
    let text = cause.text.map_or_else(String::new, |text| format!("; see it run: --algorithm {text}"));
    format!("{} (off by {}) [{}{text}]", cause.sentence(), short(cause.off), cause.name)
}
