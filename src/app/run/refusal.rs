//! What a place asks for that its input does not have, or that is too much to carry out: told in a sentence before
//! anything is drawn, so that no picture is that of another place.

use crate::app::run::link::Link;
use crate::app::run::settings::Settings;
use crate::attention::{Input, ProblemError, Shape};
use crate::schedule::spec::past;
use crate::schedule::{Setting, language};
use crate::sentence::Sentence;

/// Steps that are walked one by one at most: a second or so.
pub const MOST_STEPS: u64 = 50_000_000;
/// Sections that a longer schedule may have, and blocks along an axis: a look writes a section of so many again.
const MOST_SECTIONS: usize = 1 << 19;
const MOST_BLOCKS: usize = 1 << 16;

/// Errors with the first thing of `place`, which led to `settings`, that is not there.
pub fn not_there(place: &Link, settings: &Settings, input: &Input) -> Result<(), Sentence> {
    let shape = input.problem.shape;
    let error = |error: ProblemError| Err(error.sentence());
    if let Some(prefix) = settings.run.prefix().filter(|&prefix| prefix > shape.n_q) {
        let need = Sentence::new("a number from 1 to {0}, the length of the input").with(shape.n_q);
        return error(ProblemError::Prefix { prefix, need });
    }
    settings.run.check_problem(input).or_else(error)?;
    place.run.check_head(&shape)?;
    let Shape { n_q, n_k, .. } = settings.run.shape(input);
    for (name, asked, count) in [("row", place.row, n_q), ("key", place.key, n_k)] {
        if let Some(asked) = asked.filter(|&asked| asked >= count) {
            return Err(past(name, asked, count - 1));
        }
    }
    let setting = settings.setting(input);
    too_large(settings, &setting)?;
    let steps = settings.algorithm.steps_of(&setting);
    place.at.filter(|&at| at > steps).map_or(Ok(()), |at| Err(past("step", at, steps)))
}

/// Errors where a schedule is longer than a window can wait for: one that is to be walked step by step, or one of too many
/// blocks.
pub fn too_large(settings: &Settings, setting: &Setting) -> Result<(), Sentence> {
    let (algorithm, plan) = (settings.algorithm.for_heads(setting.heads), &setting.plan);
    let steps = algorithm.steps_of(setting);
    if steps <= MOST_STEPS {
        return Ok(());
    }
    let fault = if language::reads_once(algorithm.text()) {
        let fault =
            "{0} steps of a text that reads blocks once are too many to walk (at most {1}); choose larger blocks";
        Sentence::new(fault).with(steps).with(MOST_STEPS)
    } else if plan.t_r().max(plan.t_c()) > MOST_BLOCKS
        || !language::has_sections(algorithm.text(), setting, MOST_SECTIONS)
    {
        let fault = "{0} steps over {1} x {2} blocks are too many; choose larger blocks";
        Sentence::new(fault).with(steps).with(plan.t_r()).with(plan.t_c())
    } else {
        return Ok(());
    };
    Err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::random;
    use crate::schedule::spec::{KeyLengths, RunSpec};

    fn run(run: RunSpec) -> Link {
        Link { run, ..Link::default() }
    }

    fn fault(spec: &str, place: Link) -> String {
        let input = random::read(spec, 0).unwrap();
        place.settings(Settings::for_input(&input), &input).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let (place, spec) = (Link::default, RunSpec::default);
        let cases = [
            (Link { row: Some(9), ..place() }, "there is no row 9; the last is 8"),
            (Link { key: Some(11), ..place() }, "there is no key 11; the last is 10"),
            (run(RunSpec { head: Some(4), ..spec() }), "there is no head 4; the last is 3"),
            (run(RunSpec { batch: Some(1), ..spec() }), "there is no batch entry 1; the last is 0"),
            (Link { at: Some(1_000_000_000_000), ..place() }, "there is no step 1000000000000; the last is"),
            (run(RunSpec { br: Some(0), ..spec() }), "br is 0"),
            (run(RunSpec { bc: Some(0), ..spec() }), "bc is 0"),
            (run(RunSpec { kv_lengths: Some(KeyLengths::Each(vec![3, 3])), ..spec() }), "key lengths has shape [2]"),
            (run(RunSpec { kv_lengths: Some(KeyLengths::Each(vec![12])), ..spec() }), "a key length is 12"),
            (run(RunSpec { prefix: Some(4), ..spec() }), "only a causal input"),
        ];
        for (place, expected) in cases {
            let text = fault("random:9,11,4,4,2", place);
            assert!(text.starts_with(expected), "{text}, not {expected}");
        }
    }

    /// The last of each is there, and one more is not.
    #[test]
    fn the_last_of_each_is_there() {
        let input = random::read("random:9,11,4,4,2", 0).unwrap();
        let base = Settings::for_input(&input);
        let steps = base.algorithm.steps_of(&base.setting(&input));
        let last = Link {
            row: Some(8),
            key: Some(10),
            at: Some(steps),
            ..run(RunSpec { head: Some(3), batch: Some(0), ..RunSpec::default() })
        };
        assert!(last.settings(base.clone(), &input).is_ok());
        assert!(Link { at: Some(steps + 1), ..last }.settings(base, &input).is_err());
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_walked() {
        let of = |name: &str, side: usize| {
            run(RunSpec { algorithm: Some(name.into()), br: Some(side), bc: Some(side), ..RunSpec::default() })
        };
        assert!(fault("random:262144,262144,1", of("standard", 16)).contains("too many to walk"));
        assert!(fault("random:262144,262144,1", of("flash1", 2)).contains("over 131072 x 131072 blocks"));
        let input = random::read("random:262144,262144,1", 0).unwrap();
        for place in [of("flash1", 16), of("flash2", 4)] {
            assert!(place.settings(Settings::for_input(&input), &input).is_ok());
        }
    }
}
