//! `tilescope check MINE`: the output of another program beside exact attention, and whose bug it is.

use std::path::Path;

use ndarray::{Array3, Array4, ArrayD};
use serde::Serialize;

use crate::attention::Input;
use crate::attention::diagnosis::{
    At, BUDGET, Cause, Comparison, Diagnosis, LSE, Mine, OfGradients, Off, Rounding, Wrong, WrongGradient,
};
use crate::attention::expected::FORWARD;
use crate::attention::input::read_one_of;
use crate::number::{apart, short};
use crate::schedule::RunSpec;
use crate::schedule::spec::{MASK, READING};
use crate::sentence::Sentence;

use super::Failure;
use super::failure::{print, print_json};
use super::options::{self, Takes};

/// What `check` chooses of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfMine;

impl Takes for OfMine {
    fn takes(name: &str) -> bool {
        READING.contains(&name) || MASK.contains(&name) || ["softcap", "scale", "dropout", "grad"].contains(&name)
    }
}

/// What is told of a file: of its output, and of its gradients.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    output: Option<Diagnosis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gradients: Option<OfGradients>,
}

pub fn check(spec: &RunSpec, json: bool) -> Result<(), Failure> {
    let input = options::open(spec)?;
    let name = options::name_of(spec);
    let has_gradients = input.about.gradients.iter().any(Option::is_some);
    if input.about.o.is_none() && !has_gradients {
        let what = "it has no output to be checked: an array O (or out, output, attn_output), [batch, heads, n_q, d_v]; \
            or gradients dQ, dK, dV beside dO";
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
    let output = input.about.o.as_ref().map(|o| of_output(&input, o, lse.as_ref()));
    let gradients = if has_gradients { Some(of_gradients(&input, &name)?) } else { None };
    let report = Report { output, gradients };
    if json {
        print_json(&report)?;
    } else {
        let of_output = report.output.as_ref().map_or_else(String::new, as_text);
        print(&(of_output + &report.gradients.as_ref().map_or_else(String::new, gradients_as_text)))?;
    }
    let output = report.output.as_ref().filter(|output| !output.is_right());
    let output = output.map(|output| format!("{} of {} rows are wrong", output.wrong_rows, output.compared));
    let wrong: Vec<&str> = report.gradients.iter().flat_map(OfGradients::wrong).collect();
    let gradients = (!wrong.is_empty()).then(|| format!("wrong gradients: {}", wrong.join(", ")));
    match output.into_iter().chain(gradients).reduce(|all, more| format!("{all}; {more}")) {
        None => Ok(()),
        Some(faults) => Err(Failure::Check(format!("{name}: {faults}"))),
    }
}

fn of_output(input: &Input, o: &Array4<f64>, lse: Option<&Array3<f64>>) -> Diagnosis {
    let of_inputs = input.told.arrays.iter().map(|(_, element)| *element);
    let rounding = Rounding::coarsest(of_inputs.chain(input.told.output.as_ref().map(|(_, element)| *element)));
    let compared = Comparison::of(&input.problem, Mine { o, lse, rounding }, |batch| input.queries(batch), BUDGET);
    Diagnosis::of(&input.problem, &compared, BUDGET)
}

/// Those of the file, for its dO.
fn of_gradients(input: &Input, name: &str) -> Result<OfGradients, Failure> {
    let Some(mine) = input.own_gradients() else {
        let what = "its gradients need the gradient of the output: an array dO, or --grad ones where O was summed";
        return Err(Failure::bad(name, what));
    };
    OfGradients::of(&input.problem, mine, BUDGET).map_err(|why| Failure::bad(name, why))
}

/// The logsumexp that an .npz has beside O.
fn lse(path: &Path, input: &Input) -> Result<Option<Array3<f64>>, Sentence> {
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("npz")) {
        return Ok(None);
    }
    let bytes = crate::files::read(path, crate::attention::input::BUDGET)?;
    let Some((name, values)) = read_one_of(&bytes, &LSE).map_err(|error| error.sentence())? else { return Ok(None) };
    let shape = input.problem.shape;
    let wanted = (shape.batch, shape.heads, shape.n_q);
    let found = values.shape().to_vec();
    of_heads(values, wanted).map(Some).ok_or_else(|| {
        let (batch, heads, n_q) = wanted;
        let needed = format!("[{batch}, {heads}, {n_q}] is needed (batch, heads, n_q)");
        Sentence::verbatim(format!("{name} has shape {found:?}, but {needed}"))
    })
}

/// One number for each row; axes of 1 may be missing.
fn of_heads(values: ArrayD<f64>, wanted: (usize, usize, usize)) -> Option<Array3<f64>> {
    let has = |size: &&usize| **size != 1;
    let sizes = [wanted.0, wanted.1, wanted.2];
    let fits = values.shape().iter().filter(has).eq(sizes.iter().filter(has));
    fits.then(|| values.into_shape_with_order(wanted).ok())?
}

fn as_text(diagnosis: &Diagnosis) -> String {
    let [o, .., l] = FORWARD;
    let mut lines = vec![told(o, diagnosis.o)];
    lines.extend(diagnosis.lse.map(|lse| told(l, lse)));
    if diagnosis.compared < diagnosis.rows {
        lines.push(format!("compared in {} of {} rows", diagnosis.compared, diagnosis.rows));
    }
    if diagnosis.is_right() {
        return lines.join("\n") + "\n";
    }
    lines.push(format!("{} of {} rows are wrong", diagnosis.wrong_rows, diagnosis.compared));
    lines.extend(diagnosis.first.map(first));
    if let Some(format) = diagnosis.as_rounded_to {
        lines.push(format!("it is as far off as rounding to {} would make it", format.name()));
    }
    lines.extend(causes(&diagnosis.causes, "no bug or convention that is known here gives these numbers"));
    lines.extend(diagnosis.near.iter().map(|cause| format!("nearer than exact attention: {}", of_cause(cause))));
    lines.join("\n") + "\n"
}

fn told(name: &str, Off { error, bound }: Off) -> String {
    let is = if error <= bound { "right" } else { "wrong" };
    if error.is_nan() {
        return format!("{name} is wrong: it is NaN or infinite where attention is not, or the other way round");
    }
    format!("{name} is {is}: off by {}, and rounding explains {}", short(error), short(bound))
}

fn first(Wrong { at: At { batch, head, query, component }, got, exact }: Wrong) -> String {
    let [got, exact] = apart(got, exact);
    let [o, .., l] = FORWARD;
    let what = component.map_or_else(|| l.to_owned(), |component| format!("component {component} of {o}"));
    format!("first wrong number: {what} at query {query}, head {head}, batch entry {batch}: {got}, and exactly {exact}")
}

fn gradients_as_text(of: &OfGradients) -> String {
    let mut lines: Vec<String> = of.tensors.iter().map(|tensor| told(tensor.name, tensor.off)).collect();
    if of.compared < of.groups {
        lines.push(format!("gradients compared of {} of {} key/value heads", of.compared, of.groups));
    }
    if let Some(first) = of.first {
        let [got, exact] = apart(first.got, first.exact);
        let WrongGradient { head, batch, .. } = first;
        let place = first.place();
        lines.push(format!(
            "first wrong gradient: {place}, head {head}, batch entry {batch}: {got}, and exactly {exact}"
        ));
    }
    if of.is_too_large {
        lines.push("it is too large for a search for what gives these gradients".into());
    } else if !of.is_right() {
        lines.extend(causes(&of.causes, "no bug or convention that is known here gives these gradients"));
    }
    lines.extend(of.near.iter().map(|cause| format!("nearer than exact gradients: {}", of_cause(cause))));
    lines.join("\n") + "\n"
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
