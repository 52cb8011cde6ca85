//! A trace opened in the window: it is checked, and the run that its header describes is set up again at its first step.

use crate::attention::dropout::{Dropout, Keep};
use crate::attention::input::{Layout, Reading, bundled, preset, random};
use crate::attention::{Input, Problem};
use crate::playback::lesson::{At, BUGS};
use crate::schedule::{Algorithm, Schedule, Setting, Tiling, algorithm, hardware};
use crate::sentence::Sentence;
use crate::trace::{self, Export, Origin, ProblemFacts, Trace};

use super::place::{Landing, Opened, Place};
use super::settings::{SPLITS, Settings};

/// Reads a trace. `beside` reads the input of a name that lies where the trace does, in the way that it was read then.
///
/// Errors with what is wrong with the trace, or why its run cannot be set up here.
pub fn read(bytes: &[u8], beside: &Beside<'_>) -> Result<Opened, Sentence> {
    let trace = trace::read(bytes).map_err(|error| error.sentence())?;
    let mut input = input_of(&trace, beside)?;
    modify(&mut input, &trace.problem)?;
    let settings = settings_of(&trace)?;
    let applied = settings.apply(&input).map_err(|error| error.sentence())?;
    if !describes(&trace.problem, &applied.problem) {
        return Err(Sentence::new("its input {0} is not the one that the trace describes").with(&trace.input.name));
    }
    let setting = settings.setting(settings.plan(&applied.problem));
    let is_of_group = trace.steps.iter().any(|step| step.head.is_some());
    let heads = if is_of_group { settings.algorithm.heads(&applied.problem.shape) } else { 1 };
    let schedule = Schedule::of(&settings.algorithm, Setting { heads, ..setting });
    if schedule.len() != trace.totals.steps {
        let fault = Sentence::new("the run that this version makes has {0} {0|step|steps}, and the trace says {1}");
        return Err(fault.with(schedule.len()).with(trace.totals.steps));
    }
    numbers_follow(&trace, &applied.problem, &schedule, &mut input)?;
    let landing = Landing { at: Some(At::Step(1)), row: None, key: None };
    Ok(Opened { input, settings: Some(settings), landing: Some(landing), origin: Place::default() })
}

/// Reads a file of this name.
type Beside<'a> = dyn Fn(&str, &Reading) -> Option<Input> + 'a;

/// Operations of a run that is carried out again only to hold the trace's numbers against it: some seconds.
const MOST_RECOMPUTED: u64 = 20_000_000_000;

/// Errors with the step whose numbers do not follow from the input; warns where the run is too long to find out.
fn numbers_follow(trace: &Trace, problem: &Problem, schedule: &Schedule, input: &mut Input) -> Result<(), Sentence> {
    let flops = schedule.algorithm.closed_form(schedule.plan()).flops.total();
    if flops > MOST_RECOMPUTED {
        let warning = "the numbers of this trace were not recomputed: they take {0} {0|operation|operations}, and {1} \
            are the most";
        input.warnings.insert(0, Sentence::new(warning).with(flops).with(MOST_RECOMPUTED));
        return Ok(());
    }
    let export = Export {
        origin: trace.input.clone(),
        problem,
        schedule,
        batch: trace.head.batch,
        head: trace.head.head,
        hardware: None,
        kernel_source: None,
        d_o: None,
    };
    trace::follows(trace, &export, |_| true).map_err(|error| error.sentence())
}

/// The numbers that the trace was made of.
fn input_of(trace: &Trace, beside: &Beside<'_>) -> Result<Input, Sentence> {
    let Origin { name, sha256, seed, .. } = &trace.input;
    let (facts, seed) = (&trace.problem, seed.unwrap_or(0));
    let is_it = |input: &Input| input.sha256 == *sha256;
    let made = |input: Result<Input, crate::attention::input::InputError>| input.map_err(|error| error.sentence());
    match name.as_str() {
        spec if spec.starts_with(random::PREFIX) => return made(random::read(spec, seed)),
        "toy" if sha256.is_none() => return Ok(preset::toy()),
        "row" if sha256.is_none() => return Ok(preset::row()),
        _ => {}
    }
    if let Some(preset) = preset::Preset::parse(name).filter(|_| sha256.is_none()) {
        return made(preset.input(facts.n_q, facts.n_k, facts.d, seed));
    }
    if let Some(capture) = bundled::CAPTURES.iter().find(|capture| capture.file == name) {
        let input = capture.input();
        if is_it(&input) {
            return Ok(input);
        }
    }
    let layout = trace.input.layout.as_deref().and_then(Layout::parse).map(|(layout, _)| layout);
    let (heads, kv_heads) = (layout.map(|_| facts.heads), layout.map(|_| facts.kv_heads));
    // A file of whole numbers where numbers are needed was asked for as bits.
    match beside(name, &Reading { layout, heads, kv_heads, bf16_bits: true }) {
        Some(input) if is_it(&input) => Ok(input),
        Some(_) => Err(Sentence::new("the {0} beside it is another file than the trace was made of").with(name)),
        None => {
            let fault = "the trace agrees with itself, but its numbers were not recomputed, since its input is not \
                         here: put {0} in the same folder";
            Err(Sentence::new(fault).with(name))
        }
    }
}

/// What the options of the command line changed about the input.
fn modify(input: &mut Input, facts: &ProblemFacts) -> Result<(), Sentence> {
    let problem = &mut input.problem;
    problem.scale = facts.scale.0;
    problem.softcap = facts.softcap.map(|cap| cap.0);
    // A prefix was taken of what was made causal.
    problem.mask.causal |= facts.mask.causal;
    problem.dropout = match &facts.dropout {
        None => None,
        Some(dropout) => {
            let given = input.keep.clone().map(Keep::Given);
            let keep = dropout.seed.map(Keep::Seed).or(given).ok_or("its input has no dropout mask")?;
            Some(Dropout { rate: dropout.rate.0, keep })
        }
    };
    problem.validate().map_err(|error| error.sentence())
}

/// The algorithm of a trace: the program's where it has one of this name, else the text that the trace carries.
fn algorithm_of(trace: &Trace) -> Result<Algorithm, Sentence> {
    let name = &trace.algorithm;
    if let Some(known) = algorithm::by_name(name) {
        return Ok(known.clone());
    }
    let unknown = || Sentence::new("this version has no algorithm {0}").with(name);
    let text = trace.text.as_ref().ok_or_else(unknown)?;
    Algorithm::read(name, text).map_err(|wrong| match wrong.first() {
        Some(first) => {
            let (at, what) = (first.span, first.what.clone());
            Sentence::new("its text: {0}:{1}: {2}").with(at.line).with(at.column).and(what)
        }
        None => unknown(),
    })
}

fn settings_of(trace: &Trace) -> Result<Settings, Sentence> {
    let mask = &trace.problem.mask;
    let algorithm = algorithm_of(trace)?;
    let chip = trace.hardware.as_deref().and_then(hardware::by_name);
    Ok(Settings {
        algorithm,
        tiling: Tiling { br: trace.tiling.br, bc: trace.tiling.bc },
        splits: trace.steps.iter().filter_map(|step| step.split).max().map_or(SPLITS, |last| last + 1),
        batch: trace.head.batch,
        head: trace.head.head,
        precision: trace.problem.precision,
        causal: mask.causal,
        align: mask.align,
        window: mask.window,
        key_lengths: mask.key_lengths.clone(),
        prefix: trace.input.prefix,
        hardware: chip.map_or(hardware::DEFAULT, |chip| chip.name),
        bug: BUGS[0],
    })
}

/// The sizes and modifiers are those of the trace.
fn describes(facts: &ProblemFacts, problem: &Problem) -> bool {
    let shape = problem.shape;
    let sizes = [facts.batch, facts.heads, facts.kv_heads, facts.n_q, facts.n_k, facts.d, facts.d_v];
    sizes == [shape.batch, shape.heads, shape.kv_heads, shape.n_q, shape.n_k, shape.d, shape.d_v]
        && facts.has_bias == problem.bias.is_some()
        && facts.has_alibi == problem.alibi_slopes.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::export;
    use crate::app::job::Signals;
    use crate::app::scene::Scene;
    use std::sync::Arc;

    /// The bytes of the trace of `settings` on `input`.
    fn trace_of(input: Input, settings: Settings) -> Vec<u8> {
        let scene = Scene::build(Arc::new(input), settings, &Signals::default()).unwrap();
        export::trace_bytes(&scene, false).unwrap()
    }

    #[test]
    fn a_run_comes_back_as_it_was() {
        let capture = bundled::CAPTURES[0].input();
        let window = Settings { window: [Some(3), Some(0)], head: 2, ..Settings::for_input(&capture) };
        let padded = preset::Preset::Padding.input(9, 12, 4, 5).unwrap();
        let random = random::read("random:7,10,3,4,2", 11).unwrap();
        for (input, settings) in [
            (capture, window),
            (preset::row(), Settings::for_input(&preset::row())),
            (
                preset::toy(),
                Settings {
                    algorithm: algorithm::by_name("flash1").unwrap().clone(),
                    ..Settings::for_input(&preset::toy())
                },
            ),
            (padded.clone(), Settings::for_input(&padded)),
            (random.clone(), Settings { head: 3, ..Settings::for_input(&random) }),
        ] {
            let bytes = trace_of(input.clone(), settings.clone());
            let opened = read(&bytes, &|_, _| None).unwrap();
            assert_eq!(opened.settings, Some(settings.clone()), "{}", input.name);
            // The same run, number for number: its trace is the same text.
            assert_eq!(trace_of(opened.input, settings), bytes, "{}", input.name);
        }
    }

    #[test]
    fn what_cannot_be_set_up_says_why() {
        let mut capture = bundled::CAPTURES[0].input();
        capture.name = "mine.safetensors".into();
        let settings = Settings::for_input(&capture);
        let bytes = trace_of(capture.clone(), settings);
        let told = |bytes: &[u8], beside: Option<Input>| {
            read(bytes, &|name, _| beside.clone().filter(|_| name == "mine.safetensors"))
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        assert!(told(&bytes, None).contains("put mine.safetensors in the same folder"));
        let other = Input { sha256: Some("0".into()), ..capture.clone() };
        assert!(told(&bytes, Some(other)).contains("another file"));
        assert!(read(&bytes, &|_, _| Some(capture.clone())).is_ok());
        let text = String::from_utf8(bytes).unwrap();
        // One that this version does not know comes with its text; a trace of an older version had none.
        let unknown = text.replacen("\"flash2\"", "\"flash9\"", 1);
        assert!(read(unknown.as_bytes(), &|_, _| Some(capture.clone())).is_ok());
        let mut json: serde_json::Value = serde_json::from_str(&unknown).unwrap();
        json["text"] = "language 9".into();
        let told_of_text = told(json.to_string().as_bytes(), Some(capture.clone()));
        assert!(told_of_text.starts_with("its text: 1:"), "{told_of_text}");
        json.as_object_mut().unwrap().remove("text");
        assert!(told(json.to_string().as_bytes(), Some(capture.clone())).contains("no algorithm flash9"));
        assert!(told(&text.as_bytes()[..text.len() / 2], None).contains("cut off"));
        assert!(told(b"{}", None).contains("not a trace"));
    }
}
