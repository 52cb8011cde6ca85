//! Writes a trace as JSON, one step per line, and never holds more than one step.

use std::io::{self, Write};

use serde::Serialize;

use super::TraceError;
use super::describe::{Export, head_of};
use super::format::{Check, Totals, Trace};
use super::sink::Sink;
use super::walk::{End, Tiles, walk};
use crate::sentence::Sentence;

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub steps: u64,
    pub bytes: u64,
    /// Absent where nothing was computed.
    pub check: Option<Check>,
    /// Where the result is not within the error rule.
    pub fault: Option<Sentence>,
}

/// Writes the trace of `export` to `out`: the same bytes each time.
///
/// `go_on` gets the number of steps done now and then; `false` stops the export. Errors when it was stopped, or when
/// `out` fails; what was written by then is not a whole trace.
///
/// Panics if `batch` or `head` is out of range, or the schedule is not one of the problem.
pub fn write_json(
    out: impl Write,
    export: &Export<'_>,
    tiles: Tiles,
    go_on: impl FnMut(u64) -> bool,
) -> Result<Summary, TraceError> {
    let mut sink = Sink::new(out);
    begin(&mut sink, &head_of(export))?;
    let End { totals, check, fault } = walk(export, tiles, go_on, |step| Ok(line(&mut sink, step.n, step)?))?;
    end(&mut sink, &totals, check.as_ref())?;
    Ok(Summary { steps: totals.steps, bytes: sink.finish()?, check, fault })
}

impl Trace {
    /// The trace as it is written to a file: what was read from one gives the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.rewrite(&mut bytes).expect("memory takes every byte");
        bytes
    }

    fn rewrite(&self, out: impl Write) -> io::Result<u64> {
        let mut sink = Sink::new(out);
        begin(&mut sink, self)?;
        for (n, step) in (0..).zip(&self.steps) {
            line(&mut sink, n, step)?;
        }
        end(&mut sink, &self.totals, self.check.as_ref())?;
        sink.finish()
    }
}

fn begin(sink: &mut Sink<impl Write>, trace: &Trace) -> io::Result<()> {
    sink.text("{\n\"format\":")?;
    sink.json(&trace.format)?;
    field(sink, "version", &trace.version)?;
    field(sink, "generator", &trace.generator)?;
    field(sink, "input", &trace.input)?;
    field(sink, "problem", &trace.problem)?;
    field(sink, "algorithm", &trace.algorithm)?;
    if let Some(text) = &trace.text {
        field(sink, "text", text)?;
    }
    field(sink, "tiling", &trace.tiling)?;
    if let Some(hardware) = &trace.hardware {
        field(sink, "hardware", hardware)?;
    }
    field(sink, "head", &trace.head)?;
    field(sink, "conventions", &trace.conventions)?;
    sink.text(",\n\"steps\":[")
}

fn line(sink: &mut Sink<impl Write>, n: u64, step: &impl Serialize) -> io::Result<()> {
    sink.text(if n == 0 { "\n" } else { ",\n" })?;
    sink.json(step)
}

fn end(sink: &mut Sink<impl Write>, totals: &Totals, check: Option<&Check>) -> io::Result<()> {
    sink.text("\n]")?;
    field(sink, "totals", totals)?;
    if let Some(check) = check {
        field(sink, "check", check)?;
    }
    sink.text("\n}\n")
}

fn field(sink: &mut Sink<impl Write>, name: &str, value: &impl Serialize) -> io::Result<()> {
    sink.text(",\n\"")?;
    sink.text(name)?;
    sink.text("\":")?;
    sink.json(value)
}
