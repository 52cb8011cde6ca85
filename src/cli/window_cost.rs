//! What the window costs: a frame while a long schedule plays, and a start until its first frame is on screen.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::app;
use crate::sentence::Sentence;

use super::Failure;
use super::bench::{Row, millis};
use super::failure::{print, warn};

/// Starts of each kind that are measured, in turns.
const STARTS: usize = 7;

type Measure = fn() -> Result<Vec<Row>, Sentence>;

const MEASUREMENTS: [(&str, Measure); 2] = [("frame", frames), ("start", start)];

/// The rows that are wanted; says why one could not be measured.
pub fn rows(wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
    let wanted = MEASUREMENTS.into_iter().filter(|(name, _)| wanted(name));
    wanted
        .filter_map(|(name, measure)| {
            let row = measure();
            row.map_err(|reason| warn(&format!("{name} is not measured: {reason}"))).ok()
        })
        .flatten()
        .collect()
}

/// Processor time of each view at its 95th percentile, against what keeps a slow laptop fluent.
fn frames() -> Result<Vec<Row>, Sentence> {
    let measured = app::frame_times(16384).ok_or("the run cannot be made")?;
    let row = |app::FrameTimes { view, steps, times }: &app::FrameTimes| {
        let late = times.get(times.len() * 95 / 100).ok_or("there are no frames")?;
        Ok(Row::against(&format!("frame, {view}, {steps} steps"), millis(*late), "ms, 95th percentile", 4.0))
    };
    measured.iter().map(row).collect()
}

/// Medians of starts of the window and of an empty one, each in a process of its own with the same library, renderer
/// and driver: from the start of the process to its first line, which says that a first frame was handed over.
fn start() -> Result<Vec<Row>, Sentence> {
    app::display()?;
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..2 * STARTS {
        times[n % 2].push(first_line_of(n % 2 == 1)?);
    }
    let [own, empty] = times.map(|mut times| {
        times.sort_unstable();
        millis(times[times.len() / 2])
    });
    Ok(vec![Row::against("start", own, "ms to the first frame, against an empty window", empty)])
}

fn first_line_of(is_empty: bool) -> Result<Duration, Sentence> {
    let program = std::env::current_exe().map_err(Sentence::verbatim)?;
    let mut command = Command::new(program);
    command.arg("first-frame").args(is_empty.then_some("--empty")).stdout(Stdio::piped()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().map_err(Sentence::verbatim)?;
    let mut line = String::new();
    let read = child.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
    let time = start.elapsed();
    let _ = child.wait();
    match read {
        Some(Ok(1..)) => Ok(time),
        _ => Err("a window did not come up".into()),
    }
}

/// The child's part of [`start`].
pub fn first_frame(is_empty: bool) -> Result<(), Failure> {
    let report = || {
        // Without a reader there is nobody to tell.
        let _ = print("shown\n");
    };
    app::first_frame(is_empty, report).map_err(|fault| Failure::Missing(fault.to_string()))
}
