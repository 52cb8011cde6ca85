//! Reads a trace from bytes that nobody vouches for.

use serde::Deserialize;
use serde_json::error::Category;
use serde_path_to_error::Path;

use super::TraceError;
use super::error::one_line;
use super::format::{FORMAT, Trace, VERSION};
use super::number::Values;
use super::validate::validate;
use crate::attention::Precision;
use crate::number::short;
use crate::sentence::Sentence;

/// Reads a trace, of this version or an older one, and checks that it agrees with itself.
///
/// Every fault of the bytes is an error of one line. Fields that are not known are passed over. Statistics and tiles
/// come back bit by bit as they were computed.
pub fn read(bytes: &[u8]) -> Result<Trace, TraceError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(TraceError::Empty);
    }
    let mut trace = parse(bytes).map_err(|error| explain_version(bytes).unwrap_or(error))?;
    check_version(Some(&trace.format), Some(trace.version))?;
    if trace.problem.precision != Precision::F64 {
        narrow(&mut trace)?;
    }
    validate(&trace)?;
    Ok(trace)
}

fn parse(bytes: &[u8]) -> Result<Trace, TraceError> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let trace = serde_path_to_error::deserialize(&mut source).map_err(|error| fault(error.path(), error.inner()))?;
    source.end().map_err(|error| TraceError::NotJson {
        fault: "something follows the trace".into(),
        line: error.line(),
        column: error.column(),
    })?;
    Ok(trace)
}

fn fault(path: &Path, error: &serde_json::Error) -> TraceError {
    let text = error.to_string();
    let fault = one_line(text.rsplit_once(" at line ").map_or(text.as_str(), |(fault, _)| fault));
    let (line, column) = (error.line(), error.column());
    let is_root = path.iter().next().is_none();
    let place = if is_root { "the trace".into() } else { Sentence::verbatim(one_line(&path.to_string())) };
    match error.classify() {
        Category::Eof => TraceError::CutOff { line, place },
        Category::Data => TraceError::Type { place, fault, line, column },
        Category::Syntax | Category::Io => TraceError::NotJson { fault: Sentence::verbatim(fault), line, column },
    }
}

/// The two fields that every version has.
#[derive(Deserialize)]
struct Label {
    format: Option<String>,
    version: Option<u64>,
}

/// When the bytes did not parse: whether that is because they are something else, or newer.
fn explain_version(bytes: &[u8]) -> Option<TraceError> {
    let Label { format, version } = serde_json::from_slice(bytes).ok()?;
    check_version(format.as_deref(), version).err()
}

fn check_version(format: Option<&str>, version: Option<u64>) -> Result<(), TraceError> {
    match (format, version) {
        (Some(FORMAT), Some(version)) if version > VERSION => Err(TraceError::Newer { version }),
        (Some(FORMAT), Some(0)) => {
            Err(TraceError::invalid(Sentence::verbatim("version"), "0 is no version: the first is 1"))
        }
        (Some(FORMAT), _) => Ok(()),
        (Some(format), _) => {
            let found = Sentence::new("its format is {0}").with(format!("{:?}", one_line(format)));
            Err(TraceError::NotATrace { found })
        }
        (None, _) => Err(TraceError::NotATrace { found: "it has no format".into() }),
    }
}

/// Makes every statistic and tile the f32 that it was before it was written.
fn narrow(trace: &mut Trace) -> Result<(), TraceError> {
    for (n, step) in trace.steps.iter_mut().enumerate() {
        let narrow = |values: &mut Values, name: &str| {
            values.narrow().map_err(|(index, x)| {
                let place = Sentence::verbatim(format!("steps[{n}].{name}[{index}]"));
                let fault = Sentence::new("{0} is outside the range of f32, which this run computed in");
                TraceError::invalid(place, fault.with(short(x)))
            })
        };
        for (name, values) in step.statistics_mut() {
            narrow(values, name)?;
        }
        for (name, values) in &mut step.values {
            narrow(values, &format!("values.{name}"))?;
        }
        for (name, tile) in [("s", &mut step.s), ("p", &mut step.p), ("o", &mut step.o)] {
            for (row, values) in tile.iter_mut().flatten().enumerate() {
                narrow(values, &format!("{name}[{row}]"))?;
            }
        }
        for (name, block) in &mut step.blocks {
            for (row, values) in block.iter_mut().enumerate() {
                narrow(values, &format!("blocks.{name}[{row}]"))?;
            }
        }
    }
    Ok(())
}
