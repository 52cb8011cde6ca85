//! Random numbers in a batch, in a scene of a lesson: each entry has its own, and its own length.

use ndarray::s;
use tilescope::attention::input::random;
use tilescope::playback::lesson::expr::{self, Value};
use tilescope::playback::lesson::{Engine, check, parse};

const SPEC: &str = "random:6,5,4,2,1,3";

fn lesson(scene: &str, question: &str) -> String {
    format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\n{scene}\nshow: map\n```\n{question}")
}

#[test]
fn a_scene_has_the_numbers_of_its_entry() {
    let input = random::read(SPEC, 5).expect("an input").problem;
    for (batch, length) in [5, 4, 2].into_iter().enumerate() {
        let lines = format!("input: {SPEC} seed 5\nkv-lengths: 5,4,2\nhead: 1\nbatch: {batch}");
        let scene = parse(&lesson(&lines, "")).expect("a lesson").beats[0].scene.clone();
        let number = |source: &str| match Engine::new().eval(&expr::parse(source, 1, 1).expect("it parses"), &scene) {
            Ok(Value::Number(number)) => number,
            other => panic!("{source}: {other:?}"),
        };
        // Both query heads share the one head of keys; the scale is 1 / sqrt(4).
        let (q, k) = (input.q.slice(s![batch, 1, 3, ..]), input.k.slice(s![batch, 0, 1, ..]));
        let score: f64 = q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>() / 2.0;
        assert!((number("row(3).s(1)") - score).abs() < 1e-9, "entry {batch}: {} and {score}", number("row(3).s(1)"));
        assert_eq!(number("keys_seen(3)"), f64::from(length), "entry {batch}");
    }
}

/// A worksheet may take another entry for each seed; one that the batch has not is named.
#[test]
fn a_question_is_varied_over_its_entries() {
    let question = "```predict\nkind: number\nquestion: Entry {batch}: how many keys does query 3 see?\n\
        answer: keys_seen(3)\ntolerance: 0\nwrong: n_k + 1 | There are {n_k}.\nfeedback: {keys_seen(3)}.\n\
        vary: batch: 0 | 1 | 2\n```\n";
    let text = lesson(&format!("input: {SPEC}\nkv-lengths: 5,4,2"), question);
    assert_eq!(check::check(&parse(&text).expect("a lesson"), &Engine::new()).faults, []);
    let faults = check::check(&parse(&text.replace("| 2", "| 3")).expect("a lesson"), &Engine::new()).faults;
    assert!(faults.iter().any(|fault| fault.to_string().contains("there is no batch entry 3")), "{faults:?}");
}
