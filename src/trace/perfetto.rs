//! A timeline in the Trace Event format of Chrome, which Perfetto opens: <https://ui.perfetto.dev>.
//!
//! Time is steps, not time: one microsecond of the timeline is one step. A kernel is a process, a program (thread block)
//! a thread, a step a slice; a counter holds the HBM bytes so far.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::TraceError;
use super::describe::{Export, head_of};
use super::format::Step;
use super::json::Summary;
use super::sink::Sink;
use super::walk::{Tiles, walk};
use crate::attention::TileClass;
use crate::schedule::Schedule;

/// Viewers fail above a million events.
const MOST_EVENTS: u64 = 1_000_000;

/// What one slice stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Step,
    /// All steps of a program at one tile, one after the other.
    Visit,
    /// An iteration of the outer loop of a program, or a program without one.
    Section,
}

impl Grain {
    /// The finest of which no viewer gets too many.
    fn fitting(schedule: &Schedule, most: u64) -> Self {
        let (mut moves, mut visits, mut last) = (0, 0, None);
        schedule.for_each(|_, step| {
            moves += u64::from(schedule.facts(step).tensor.is_some() && !step.free);
            visits += u64::from(last != Some(step.place));
            last = Some(step.place);
        });
        // A slice, and a sample of the counter where bytes moved.
        if schedule.len() + moves <= most {
            Self::Step
        } else if 2 * visits <= most {
            Self::Visit
        } else {
            Self::Section
        }
    }

    fn about(self) -> &'static str {
        match self {
            Grain::Step => "a slice is a step",
            Grain::Visit => "a slice is a visit: there are too many steps for a viewer",
            Grain::Section => "a slice is an iteration of the outer loop: there are too many steps for a viewer",
        }
    }
}

/// Writes the steps of `export` as a timeline. `go_on`, errors and panics are those of [`super::write_json`].
///
/// Above a million events, steps are joined into visits, and visits into iterations of the outer loop.
pub fn write_perfetto(
    out: impl Write,
    export: &Export<'_>,
    go_on: impl FnMut(u64) -> bool,
) -> Result<Summary, TraceError> {
    write_at(Grain::fitting(export.schedule, MOST_EVENTS), out, export, go_on)
}

fn write_at(
    grain: Grain,
    out: impl Write,
    export: &Export<'_>,
    go_on: impl FnMut(u64) -> bool,
) -> Result<Summary, TraceError> {
    let mut timeline = Timeline { sink: Sink::new(out), grain, open: None, named: None, read: 0, write: 0 };
    timeline.begin(export)?;
    let end = walk(export, Tiles::None, go_on, |step| Ok(timeline.step(export.schedule, step)?))?;
    timeline.close()?;
    timeline.sink.text("\n]}\n")?;
    Ok(Summary { steps: end.totals.steps, bytes: timeline.sink.finish()?, check: end.check, fault: end.fault })
}

struct Timeline<W: Write> {
    sink: Sink<W>,
    grain: Grain,
    /// The slice that may still grow.
    open: Option<Slice>,
    /// Kernel and program of the last track that was named.
    named: Option<(usize, usize)>,
    /// HBM bytes so far.
    read: u64,
    write: u64,
}

struct Slice {
    key: Key,
    title: String,
    category: &'static str,
    first: u64,
    args: Args,
}

/// Steps with the same key make one slice.
#[derive(PartialEq, Eq)]
struct Key {
    kernel: usize,
    program: usize,
    part: (Option<usize>, Option<usize>),
}

/// What a click on a slice shows.
#[derive(Serialize)]
struct Args {
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    j: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<TileClass>,
    steps: u64,
    hbm_read_bytes: u64,
    hbm_write_bytes: u64,
    flops: u64,
}

impl<W: Write> Timeline<W> {
    fn begin(&mut self, export: &Export<'_>) -> io::Result<()> {
        let head = head_of(export);
        let about = json!({
            "time": "steps, not time: one microsecond is one step, and programs that run at once stand in a row",
            "grain": self.grain.about(),
            "generator": head.generator,
            "input": head.input,
            "algorithm": head.algorithm,
            "tiling": head.tiling,
            "head": head.head,
        });
        self.sink.text("{\"otherData\":")?;
        self.sink.json(&about)?;
        self.sink.text(",\n\"traceEvents\":[")?;
        self.sink.text("\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":0,\"args\":{\"name\":\"HBM\"}}")?;
        for (kernel, grid) in export.schedule.kernels.iter().enumerate() {
            let name = format!("{} / {} (time is steps)", head.algorithm, grid.name);
            self.event(&json!({ "name": "process_name", "ph": "M", "pid": kernel + 1, "args": { "name": name } }))?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Value) -> io::Result<()> {
        self.sink.text(",\n")?;
        self.sink.json(event)
    }

    fn step(&mut self, schedule: &Schedule, step: &Step<'_>) -> io::Result<()> {
        let part = match self.grain {
            Grain::Step => (Some(step.n as usize), None),
            Grain::Visit => (step.i, step.j),
            Grain::Section => (Some(schedule.section_of(step.n)), None),
        };
        let key = Key { kernel: step.kernel, program: step.program, part };
        if self.open.as_ref().is_none_or(|open| open.key != key) {
            self.close()?;
            self.open = Some(self.grain.start(key, step));
        }
        if let Some(Slice { args, .. }) = &mut self.open {
            args.steps += 1;
            args.hbm_read_bytes += step.hbm_read_bytes;
            args.hbm_write_bytes += step.hbm_write_bytes;
            args.flops += step.flops.matmul + step.flops.exp + step.flops.other;
        }
        Ok(())
    }

    /// Writes the open slice, the name of its track where that is new, and the counter where it changed.
    fn close(&mut self) -> io::Result<()> {
        let Some(Slice { key, title, category, first, args }) = self.open.take() else { return Ok(()) };
        let (pid, tid) = (key.kernel + 1, key.program + 1);
        if self.named.replace((pid, tid)) != Some((pid, tid)) {
            let name = format!("program {}", key.program);
            self.event(&json!({ "name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": { "name": name } }))?;
        }
        self.event(&json!({
            "name": title, "cat": category, "ph": "X", "ts": first, "dur": args.steps, "pid": pid, "tid": tid, "args": args,
        }))?;
        self.read += args.hbm_read_bytes;
        self.write += args.hbm_write_bytes;
        if args.hbm_read_bytes + args.hbm_write_bytes > 0 {
            let so_far = json!({ "read": self.read, "write": self.write });
            let ts = first + args.steps;
            self.event(&json!({ "name": "HBM bytes", "ph": "C", "ts": ts, "pid": 0, "args": so_far }))?;
        }
        Ok(())
    }
}

impl Grain {
    fn start(self, key: Key, step: &Step<'_>) -> Slice {
        let (i, j) = if self == Grain::Section { (None, None) } else { (step.i, step.j) };
        let title = match (self, i, j) {
            (Grain::Step, ..) => step.title(),
            (Grain::Section, ..) => format!("program {}, from step {}", step.program, step.n),
            (_, Some(i), Some(j)) => format!("tile ({i}, {j})"),
            (_, Some(i), None) => format!("query block {i}"),
            (_, None, Some(j)) => format!("key block {j}"),
            _ => "whole".into(),
        };
        let category = if self == Grain::Step && step.tensor.is_some() { "hbm" } else { "chip" };
        let class = i.zip(j).and(step.class);
        let args = Args { i, j, class, steps: 0, hbm_read_bytes: 0, hbm_write_bytes: 0, flops: 0 };
        Slice { key, title, category, first: step.n, args }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Precision, input};
    use crate::schedule::{Plan, Tiling, algorithm};
    use crate::trace::Origin;

    #[test]
    fn every_grain_covers_the_same_steps_and_bytes() {
        let input = input::random::read("random:20,20,4", 0).unwrap();
        let plan = Plan::of_problem(&input.problem, 0, Tiling { br: 8, bc: 8 }, Precision::F32);
        for algorithm in *algorithm::ALL {
            let schedule = Schedule::new(algorithm, plan.clone());
            let export = Export {
                origin: Origin::of(&input, None),
                problem: &input.problem,
                schedule: &schedule,
                batch: 0,
                head: 0,
                hardware: None,
                kernel_source: None,
                d_o: None,
            };
            let sums = [Grain::Step, Grain::Visit, Grain::Section].map(|grain| {
                let mut out = Vec::new();
                write_at(grain, &mut out, &export, |_| true).unwrap();
                let json: Value = serde_json::from_slice(&out).unwrap();
                let events = json["traceEvents"].as_array().unwrap();
                let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
                let sum = |at: &str| slices.iter().map(|s| s["args"][at].as_u64().unwrap()).sum::<u64>();
                let mut end = 0;
                for slice in &slices {
                    assert_eq!(slice["ts"], end, "slices follow one another");
                    end += slice["dur"].as_u64().unwrap();
                }
                assert_eq!(end, schedule.len());
                let counter = events.iter().rfind(|event| event["ph"] == "C").unwrap();
                assert_eq!(counter["args"]["read"], sum("hbm_read_bytes"));
                (sum("steps"), sum("hbm_read_bytes"), sum("hbm_write_bytes"), sum("flops"))
            });
            assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
            assert_eq!(Grain::fitting(&schedule, 10_000), Grain::Step);
            assert_eq!(Grain::fitting(&schedule, 2), Grain::Section);
        }
    }
}
