//! What a place asks for that its input does not have, or that is too much to carry out: told in a sentence before
//! anything is drawn, so that no picture is that of another place.

use crate::attention::{Input, ProblemError};
use crate::schedule::Plan;
use crate::sentence::Sentence;

use super::place::Place;
use super::settings::Settings;

/// Bytes that a run may take for S and P in HBM.
const MOST_BYTES: u64 = 4 << 30;
/// Steps that one run may have: a first pass of a minute or so.
pub const MOST_STEPS: u64 = 50_000_000;

/// Errors with the first thing of `place`, which led to `settings`, that is not there.
pub fn not_there(place: &Place, settings: &Settings, input: &Input) -> Result<(), Sentence> {
    let shape = input.problem.shape;
    let error = |error: ProblemError| Err(error.sentence());
    if let Some(prefix) = place.prefix.filter(|&prefix| prefix > shape.n_q) {
        let need = Sentence::new("a number from 1 to {0}, the length of the input").with(shape.n_q);
        return error(ProblemError::Prefix { prefix, need });
    }
    for (name, size) in [("br", place.br), ("bc", place.bc)] {
        if size == Some(0) {
            return error(ProblemError::Empty { name });
        }
    }
    key_lengths(settings, input).or_else(error)?;
    input.check_mask(&settings.mask(shape.n_k)).or_else(error)?;
    let (n_q, n_k) = settings.lengths(&shape);
    for (name, asked, count) in [
        ("batch entry", place.batch, shape.batch),
        ("head", place.head, shape.heads),
        ("row", place.row, n_q),
        ("key", place.key, n_k),
    ] {
        if let Some(asked) = asked.filter(|&asked| asked >= count) {
            return Err(past(name, asked, count - 1));
        }
    }
    let plan = settings.plan_on(input);
    too_large(settings, &plan)?;
    let steps = settings.algorithm.step_count(&plan);
    place.at.filter(|&at| at > steps).map_or(Ok(()), |at| Err(past("step", at, steps)))
}

fn past(name: &'static str, asked: impl ToString, last: impl ToString) -> Sentence {
    Sentence::new("there is no {0} {1}; the last is {2}").and(name).with(asked.to_string()).with(last.to_string())
}

/// One length for each batch entry, of keys that are there.
fn key_lengths(settings: &Settings, input: &Input) -> Result<(), ProblemError> {
    let (Some(lengths), shape) = (&settings.key_lengths, input.problem.shape) else { return Ok(()) };
    if lengths.len() != shape.batch {
        let expected = Sentence::new("one length for each of the batch entries ({0})").with(shape.batch);
        return Err(ProblemError::Shape { name: "key lengths", found: vec![lengths.len()], expected });
    }
    match lengths.iter().find(|&&length| length > shape.n_k) {
        Some(length) => {
            let (name, need) = ("a key length", "it must not be above n_k");
            Err(ProblemError::Value { name, value: length.to_string(), need })
        }
        None => Ok(()),
    }
}

/// Errors where a run would keep more in memory, or take more steps, than a window can wait for.
pub fn too_large(settings: &Settings, plan: &Plan) -> Result<(), Sentence> {
    let algorithm = &settings.algorithm;
    // A schedule that keeps its scores in HBM needs memory for all of them, twice.
    let in_hbm = algorithm.stores_scores(&algorithm.closed_form(plan));
    let bytes =
        2 * (plan.n_q as u64).saturating_mul(plan.n_k as u64).saturating_mul(plan.precision.accumulator_bytes());
    if in_hbm && bytes > MOST_BYTES {
        let gib = bytes as f64 / (1u64 << 30) as f64;
        let fault =
            "{0} would keep S and P of {1} x {2} in memory, {3} GiB, and 4 GiB is the limit here; flash2 needs neither";
        let fault = Sentence::new(fault).with(settings.algorithm.name()).with(plan.n_q).with(plan.n_k);
        return Err(fault.with(format!("{gib:.1}")));
    }
    let steps = algorithm.steps_of(&settings.setting(plan.clone()));
    if steps > MOST_STEPS {
        let fault = "{0} steps are too many to carry out (at most {1}); choose larger blocks";
        return Err(Sentence::new(fault).with(steps).with(MOST_STEPS));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::random;

    fn fault(spec: &str, place: Place) -> String {
        let input = random::read(spec, 0).unwrap();
        place.settings(Settings::for_input(&input), &input).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let place = Place::default;
        let cases = [
            (Place { row: Some(9), ..place() }, "there is no row 9; the last is 8"),
            (Place { key: Some(11), ..place() }, "there is no key 11; the last is 10"),
            (Place { head: Some(4), ..place() }, "there is no head 4; the last is 3"),
            (Place { batch: Some(1), ..place() }, "there is no batch entry 1; the last is 0"),
            (Place { at: Some(1_000_000_000_000), ..place() }, "there is no step 1000000000000; the last is"),
            (Place { br: Some(0), ..place() }, "br is 0"),
            (Place { bc: Some(0), ..place() }, "bc is 0"),
            (Place { kv_lengths: Some("3,3".into()), ..place() }, "key lengths has shape [2]"),
            (Place { kv_lengths: Some("12".into()), ..place() }, "a key length is 12"),
            (Place { prefix: Some(4), ..place() }, "only a causal input"),
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
        let steps = base.algorithm.step_count(&base.plan_on(&input));
        let last =
            Place { row: Some(8), key: Some(10), head: Some(3), batch: Some(0), at: Some(steps), ..Place::default() };
        assert!(last.settings(base.clone(), &input).is_ok());
        assert!(Place { at: Some(steps + 1), ..last }.settings(base, &input).is_err());
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_walked() {
        let standard = Place { algorithm: Some("standard".into()), ..Place::default() };
        assert!(fault("random:65536,65536,1", standard).contains("GiB is the limit"));
        let flash1 = Place { algorithm: Some("flash1".into()), br: Some(16), bc: Some(16), ..Place::default() };
        assert!(fault("random:262144,262144,1", flash1).contains("too many to carry out"));
    }
}
