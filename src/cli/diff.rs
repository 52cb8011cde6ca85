//! `tilescope diff`: where two traces first differ, and how far.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::number::short;
use crate::sentence::Sentence;
use crate::trace::{self, Difference, Trace};

use super::Failure;
use super::failure::{print, print_json};
use super::files::read_file;

/// Compares what was run, then every step, then totals and check; not who wrote the traces, nor on what chip.
#[derive(Args)]
pub struct Arguments {
    /// A trace (.json)
    a: PathBuf,
    /// The trace that is held against it
    b: PathBuf,
    /// Two computed numbers are the same if they differ by at most this times max(1, |a|, |b|); counts must be equal
    #[arg(long, default_value_t = 0.0, value_parser = tolerance)]
    tolerance: f64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The first difference, as data.
#[derive(Serialize)]
struct Report<'a> {
    same: bool,
    steps: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<f64>,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    if [&arguments.a, &arguments.b].into_iter().all(|path| path == Path::new("-")) {
        return Err(Failure::Bad("standard input can be one of the two traces; name a file for the other".into()));
    }
    let (a, b) = (open(&arguments.a)?, open(&arguments.b)?);
    let difference = trace::diff(&a, &b, arguments.tolerance);
    match arguments.json {
        true => print_json(&Report::new(&a, &b, difference.as_ref()))?,
        false => print(&text(&a, &b, difference.as_ref()))?,
    }
    match difference {
        None => Ok(()),
        Some(difference) => Err(Failure::Check(format!("the traces differ: {difference}"))),
    }
}

fn open(path: &Path) -> Result<Trace, Failure> {
    trace::read(&read_file(path)?).map_err(|error| Failure::bad(crate::files::shown(path), error))
}

fn tolerance(text: &str) -> Result<f64, Sentence> {
    let value: f64 = text.parse().map_err(|_| Sentence::new("a number is needed, such as 1e-6"))?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("it must be finite and not below 0".into()) }
}

/// The operation of the step that differs, as the first trace calls it.
fn op<'a>(a: &'a Trace, difference: &Difference) -> Option<&'a str> {
    let step = usize::try_from(difference.step?).ok()?;
    a.steps.get(step).map(|step| &*step.op)
}

fn text(a: &Trace, b: &Trace, difference: Option<&Difference>) -> String {
    let of = |trace: &Trace| format!("{} of {} steps", trace.algorithm, trace.steps.len());
    let Some(difference) = difference else {
        return format!("the same: {} and {}\n", of(a), of(b));
    };
    let op = op(a, difference).map_or(String::new(), |op| format!(" ({op})"));
    let off = difference.distance().map_or(String::new(), |off| format!(", off by {}", short(off)));
    format!("{difference}{op}{off}\n")
}

impl<'a> Report<'a> {
    fn new(a: &'a Trace, b: &'a Trace, difference: Option<&'a Difference>) -> Self {
        Self {
            same: difference.is_none(),
            steps: [a.steps.len(), b.steps.len()],
            step: difference.and_then(|difference| difference.step),
            op: difference.and_then(|difference| op(a, difference)),
            field: difference.map(|difference| difference.field.as_str()),
            a: difference.map(|difference| difference.a.as_str()),
            b: difference.map(|difference| difference.b.as_str()),
            distance: difference.and_then(Difference::distance),
        }
    }
}
