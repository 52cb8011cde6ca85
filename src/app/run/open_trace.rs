//! A trace opened in the window: it is checked, and the run that its header describes is set up again at its first step.

use std::borrow::Cow;

use crate::app::run::link::{Landing, Link, Opened};
use crate::app::run::settings::Settings;
use crate::attention::input::{Layout, Reading, bundled, preset, random};
use crate::attention::{Input, Problem};
use crate::playback::lesson::At;
use crate::schedule::{Algorithm, Hardware, RunSpec, Schedule, Setting, algorithm};
use crate::sentence::Sentence;
use crate::trace::{self, Export, Origin, ProblemFacts, Trace};

/// Reads a trace. `beside` reads the input of a name that lies where the trace does, in the way that it was read then.
///
/// Errors with what is wrong with the trace, or why its run cannot be set up here.
pub fn read(bytes: &[u8], beside: &ReadBeside<'_>) -> Result<Opened, Sentence> {
    let trace = trace::read(bytes).map_err(|error| error.sentence())?;
    let mut input = input_of(&trace, beside)?;
    let settings = settings_of(&trace, &input)?;
    let applied = settings.run.apply(Cow::Borrowed(&input)).map_err(|error| error.sentence())?;
    if !describes(&trace.problem, &applied.problem) {
        return Err(Sentence::new("its input {0} is not the one that the trace describes").with(&trace.input.name));
    }
    let setting = settings.setting(&applied);
    let is_of_group = trace.steps.iter().any(|step| step.head.is_some());
    let heads = if is_of_group { setting.heads } else { 1 };
    let schedule = Schedule::of(&settings.algorithm, Setting { heads, ..setting });
    if schedule.len() != trace.totals.steps {
        let fault = Sentence::new("the run that this version makes has {0} {0|step|steps}, and the trace says {1}");
        return Err(fault.with(schedule.len()).with(trace.totals.steps));
    }
    numbers_follow(&trace, &settings, &applied, &schedule, &mut input)?;
    let landing = Landing { at: Some(At::Step(1)), row: None, key: None };
    Ok(Opened { input, settings: Some(settings), landing: Some(landing), origin: Link::default() })
}

/// Reads a file of this name.
type ReadBeside<'a> = dyn Fn(&str, &Reading) -> Option<Input> + 'a;

/// Operations of a run that is carried out again only to hold the trace's numbers against it: some seconds.
const MOST_RECOMPUTED: u64 = 20_000_000_000;

/// Errors with the step whose numbers do not follow from the input; warns where the run is too long to find out.
fn numbers_follow(
    trace: &Trace,
    settings: &Settings,
    applied: &Input,
    schedule: &Schedule,
    input: &mut Input,
) -> Result<(), Sentence> {
    let flops = schedule.algorithm.closed_form(schedule.plan()).flops.total();
    if flops > MOST_RECOMPUTED {
        let warning = "the numbers of this trace were not recomputed: they take {0} {0|operation|operations}, and {1} \
            are the most";
        input.warnings.insert(0, Sentence::new(warning).with(flops).with(MOST_RECOMPUTED));
        return Ok(());
    }
    let export = Export::of(&settings.run, applied, schedule);
    trace::follows(trace, &export, |_| true).map_err(|error| error.sentence())
}

/// The numbers that the trace was made of.
fn input_of(trace: &Trace, beside: &ReadBeside<'_>) -> Result<Input, Sentence> {
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
    // Queries in place of the keys have key/value heads that the file does not.
    let kv_heads = layout.filter(|_| trace.input.keys.is_none()).map(|_| facts.kv_heads);
    let heads = layout.map(|_| facts.heads);
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

/// The run that the trace describes, of `input`.
fn settings_of(trace: &Trace, input: &Input) -> Result<Settings, Sentence> {
    if trace.problem.dropout.as_ref().is_some_and(|dropout| dropout.seed.is_none()) && input.keep.is_none() {
        return Err("its input has no dropout mask".into());
    }
    let base = Settings { algorithm: algorithm_of(trace)?, ..Settings::for_input(input) };
    // Whatever chip the input would open with, the trace was made for another or for none.
    let chip = RunSpec { hardware: Some(Hardware::default()), ..RunSpec::default() };
    Ok(base.with(&chip.overlaid(&trace.run()), input))
}

/// The sizes and modifiers are those of the trace.
fn describes(facts: &ProblemFacts, problem: &Problem) -> bool {
    let shape = problem.shape;
    let sizes = [facts.batch, facts.heads, facts.kv_heads, facts.n_q, facts.n_k, facts.d, facts.d_v];
    sizes == [shape.batch, shape.heads, shape.kv_heads, shape.n_q, shape.n_k, shape.d, shape.d_v]
        && facts.has_bias == problem.bias.is_some()
        && facts.has_sinks == problem.sinks.is_some()
        && facts.has_alibi == problem.alibi_slopes.is_some()
        && facts.pages.as_ref() == problem.pages.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::export;
    use crate::app::run::job::Signals;
    use crate::app::run::scene::FinishedRun;
    use crate::attention::Window;
    use crate::schedule::spec::KeySource;
    use std::sync::Arc;

    /// The bytes of the trace of `settings` on `input`.
    fn trace_of(input: Input, settings: Settings) -> Vec<u8> {
        let scene = FinishedRun::build(Arc::new(input), settings, &Signals::default()).unwrap();
        export::trace_bytes(&scene, false).unwrap()
    }

    #[test]
    fn a_run_comes_back_as_it_was() {
        let capture = bundled::CAPTURES[0].input();
        let chosen = |input: &Input, run: RunSpec| Settings::for_input(input).with(&run, input);
        let window = Some(Window { left: Some(3), right: Some(0) });
        let window = chosen(&capture, RunSpec { window, head: Some(2), ..RunSpec::default() });
        let (alibi, keys) = ("0.5".parse().ok(), Some(KeySource::Q));
        let own_keys = chosen(&capture, RunSpec { alibi, keys, head: Some(2), ..RunSpec::default() });
        let padded = preset::Preset::Padding.input(9, 12, 4, 5).unwrap();
        let random = random::read("random:7,10,3,4,2", 11).unwrap();
        for (input, settings) in [
            (capture.clone(), window),
            (capture, own_keys),
            (preset::row(), Settings::for_input(&preset::row())),
            (
                preset::toy(),
                Settings {
                    algorithm: algorithm::by_name("flash1").unwrap().clone(),
                    ..Settings::for_input(&preset::toy())
                },
            ),
            (padded.clone(), Settings::for_input(&padded)),
            (random.clone(), chosen(&random, RunSpec { head: Some(3), ..RunSpec::default() })),
            (random.clone(), chosen(&random, RunSpec { page_size: Some(3), ..RunSpec::default() })),
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
