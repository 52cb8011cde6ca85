//! Outputs with a known bug, made by programs of their own in NumPy (`museum/make.py`): the diagnosis names the bug that
//! made each, and none for a right output.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use crate::common::golden;
use ndarray::{Array4, ArrayD, Ix1, Ix2, Ix3, Ix4};
use serde::Deserialize;
use tilescope::attention::diagnosis::{
    BUDGET, Batch, Comparison, Diagnosis, Mine, MyGradients, MySinks, OfGradients, OfSinks, Rounding,
};
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::input::read_one_of;
use tilescope::attention::{Align, Diagonal, Mask, Problem};
use tilescope::schedule::algorithm::by_name;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/museum/");

#[derive(Deserialize)]
struct Case {
    case: String,
    cause: String,
    format: String,
    scale: f64,
    causal: bool,
    align: Align,
    window: [i64; 2],
    lengths: Option<Vec<usize>>,
    softcap: Option<f64>,
    rate: Option<f64>,
    #[serde(default)]
    diagonal: Diagonal,
    left_padding: Option<Vec<usize>>,
    #[serde(default)]
    prefix_keys: usize,
    #[serde(default)]
    sink_keys: usize,
    documents: Option<Vec<usize>>,
}

fn array(bytes: &[u8], case: &str, name: &str) -> Option<ArrayD<f64>> {
    let name: &'static str = Box::leak(format!("{case}.{name}").into());
    read_one_of(bytes, &[name]).expect("the file can be read").map(|(_, array)| array)
}

/// The problem of a case, and its output if it has one.
fn problem(bytes: &[u8], case: &Case) -> Problem {
    let given = |name: &str| array(bytes, &case.case, name);
    let four = |name: &str| given(name).map(|array| array.into_dimensionality::<Ix4>().expect("four axes"));
    let [q, k, v] = ["q", "k", "v"].map(|name| four(name).unwrap_or_else(|| panic!("{}.{name}", case.case)));
    let mut problem = Problem::new(q, k, v).expect("the shapes fit");
    let side = |keys: i64| usize::try_from(keys).ok();
    problem.scale = case.scale;
    problem.softcap = case.softcap;
    problem.mask = Mask {
        causal: case.causal,
        align: case.align,
        window_left: side(case.window[0]),
        window_right: side(case.window[1]),
        key_lengths: case.lengths.clone(),
        diagonal: case.diagonal,
        left_padding: case.left_padding.clone(),
        prefix_keys: case.prefix_keys,
        sink_keys: case.sink_keys,
        documents: case.documents.clone(),
        ..Mask::default()
    };
    problem.bias = four("bias");
    problem.alibi_slopes = given("slopes").map(|slopes| slopes.into_dimensionality::<Ix2>().expect("two axes"));
    problem.sinks = given("sinks").map(|sinks| sinks.into_dimensionality::<Ix1>().expect("one axis"));
    let keep = four("keep").map(|keep| Arc::new(keep.mapv(|x| x != 0.0)));
    problem.dropout = case.rate.zip(keep).map(|(rate, keep)| Dropout { rate, keep: Keep::Given(keep) });
    problem.validate().expect("a problem");
    problem
}

fn four(bytes: &[u8], case: &Case, name: &str) -> Array4<f64> {
    let found = array(bytes, &case.case, name).unwrap_or_else(|| panic!("{}.{name}", case.case));
    found.into_dimensionality::<Ix4>().expect("four axes")
}

fn diagnosed(bytes: &[u8], case: &Case) -> Diagnosis {
    let given = |name: &str| array(bytes, &case.case, name);
    let (problem, o) = (problem(bytes, case), four(bytes, case, "o"));
    let lse = given("lse").map(|lse| lse.into_dimensionality::<Ix3>().expect("three axes"));
    let mine = Mine { o: &o, lse: lse.as_ref(), rounding: Rounding::of_element(&case.format) };
    let batch = Batch::of(&problem);
    Diagnosis::of(&batch, &Comparison::of(&batch, mine, BUDGET), BUDGET)
}

#[test]
fn each_bug_is_named_and_a_right_output_has_none() {
    let bytes = fs::read(format!("{FOLDER}museum.npz")).expect("the outputs");
    let cases = fs::read_to_string(format!("{FOLDER}museum.json")).expect("what they are");
    let cases: Vec<Case> = serde_json::from_str(&cases).expect("a list of cases");
    assert!(cases.len() >= 200, "{}", cases.len());
    let (mut faults, mut named) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for case in &cases {
        let diagnosis = diagnosed(&bytes, case);
        let causes: Vec<String> =
            diagnosis.causes.iter().map(|c| format!("{} {:?} {:e}", c.name, c.block, c.off)).collect();
        let best = diagnosis.causes.first();
        let texts = diagnosis.causes.iter().chain(&diagnosis.near).filter_map(|cause| cause.text);
        texts.for_each(|text| assert!(by_name(text).is_some(), "there is no text {text}"));
        let is_named = match (case.cause.as_str(), best) {
            ("", _) => diagnosis.is_right() && causes.is_empty(),
            // On some inputs two bugs give the same numbers.
            (cause, Some(best)) => diagnosis.causes.iter().any(|c| c.name == cause && c.off <= 1.01 * best.off + 1e-9),
            (_, None) => false,
        };
        if is_named {
            *named.entry(&case.cause).or_default() += 1;
        } else {
            faults.push(format!(
                "{} {} ({}): o {:?}, lse {:?}: {causes:?}",
                case.case, case.cause, case.format, diagnosis.o, diagnosis.lse
            ));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    assert_eq!(named.len(), 55, "each bug, and none");
}

/// The golden results are right under their mask; held against a problem without its causal mask, they are what a causal
/// mask gives, and the other way round.
#[test]
fn golden_results_are_right_and_a_mask_that_is_missing_is_named() {
    let (mut right, mut named) = (0, 0);
    for case in golden::cases() {
        let whole = case.problem.shape;
        if whole.n_q * whole.n_k > 1 << 15 {
            continue;
        }
        let four = |name: &str| case.tensor(name).into_dimensionality::<Ix4>().expect("four axes");
        let lse = case.tensor("L").into_dimensionality::<Ix3>().expect("three axes");
        let o = four("O");
        let mine = Mine { o: &o, lse: Some(&lse), rounding: Rounding::of_element("f64") };
        let diagnose = |problem: &Problem| {
            let batch = Batch::of(problem);
            Diagnosis::of(&batch, &Comparison::of(&batch, mine, BUDGET), BUDGET)
        };
        let diagnosis = diagnose(&case.problem);
        assert!(diagnosis.is_right() && diagnosis.causes.is_empty(), "{}: {diagnosis:?}", case.name);
        right += 1;
        let mut problem = case.problem.clone();
        problem.mask.causal ^= true;
        let diagnosis = diagnose(&problem);
        if diagnosis.is_right() {
            // One query, which sees all keys either way.
            continue;
        }
        let wanted = if case.problem.mask.causal { "causal" } else { "no-causal" };
        let names: Vec<&str> = diagnosis.causes.iter().map(|cause| cause.name).collect();
        assert!(names.contains(&wanted), "{}: {names:?}, {diagnosis:?}", case.name);
        named += 1;
    }
    assert!(right >= 20 && named >= 15, "{right} right, {named} named");
}

/// The same of gradients (`museum/gradients.py`).
#[test]
fn each_bug_of_a_backward_pass_is_named_and_right_gradients_have_none() {
    let bytes = fs::read(format!("{FOLDER}gradients.npz")).expect("the gradients");
    let cases = fs::read_to_string(format!("{FOLDER}gradients.json")).expect("what they are");
    let cases: Vec<Case> = serde_json::from_str(&cases).expect("a list of cases");
    assert!(cases.len() >= 200, "{}", cases.len());
    let (mut faults, mut named) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for case in &cases {
        let problem = problem(&bytes, case);
        let [d_o, d_q, d_k, d_v] = ["do", "dq", "dk", "dv"].map(|name| four(&bytes, case, name));
        let mine = MyGradients {
            d_o: &d_o,
            tensors: [Some(&d_q), Some(&d_k), Some(&d_v)],
            precision: MyGradients::coarsest([case.format.as_str()]),
        };
        let found = OfGradients::of(&Batch::of(&problem), mine, BUDGET).expect("a rule");
        assert_eq!(found.is_right(), found.first.is_none(), "{found:?}");
        let best = found.causes.first();
        let is_named = match (case.cause.as_str(), best) {
            ("", _) => found.is_right() && found.causes.is_empty(),
            (cause, Some(best)) => found.causes.iter().any(|c| c.name == cause && c.off <= 1.01 * best.off + 1e-9),
            (_, None) => false,
        };
        if is_named {
            *named.entry(&case.cause).or_default() += 1;
        } else {
            let causes: Vec<String> =
                found.causes.iter().map(|c| format!("{} {:?} {:e}", c.name, c.block, c.off)).collect();
            let near: Vec<&str> = found.near.iter().map(|c| c.name).collect();
            let off: Vec<String> =
                found.tensors.iter().map(|t| format!("{} {:.2e}/{:.2e}", t.name, t.off.error, t.off.bound)).collect();
            faults.push(format!("{} {} ({}): {off:?}: {causes:?}, near {near:?}", case.case, case.cause, case.format));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    assert_eq!(named.len(), 62, "each bug, and none");
}

/// The same of the gradient of learned sinks (`museum/sinks.py`).
#[test]
fn each_bug_of_a_sum_of_sinks_is_named_and_a_right_one_has_none() {
    let bytes = fs::read(format!("{FOLDER}sinks.npz")).expect("the gradients");
    let cases = fs::read_to_string(format!("{FOLDER}sinks.json")).expect("what they are");
    let cases: Vec<Case> = serde_json::from_str(&cases).expect("a list of cases");
    let (mut faults, mut named) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for case in &cases {
        let (problem, d_o) = (problem(&bytes, case), four(&bytes, case, "do"));
        let d_sinks = array(&bytes, &case.case, "dsinks").expect("a gradient");
        let d_sinks = d_sinks.into_dimensionality::<Ix1>().expect("one axis");
        let precision = MyGradients::coarsest([case.format.as_str()]);
        let mine = MySinks { d_o: &d_o, d_sinks: &d_sinks, precision };
        let found = OfSinks::of(&Batch::of(&problem), mine, BUDGET).expect("a rule");
        assert_eq!(found.off.is_right(), found.first.is_none(), "{found:?}");
        let best = found.causes.first();
        let is_named = match (case.cause.as_str(), best) {
            ("", _) => found.off.is_right() && found.causes.is_empty(),
            (cause, Some(best)) => found.causes.iter().any(|c| c.name == cause && c.off <= 1.01 * best.off + 1e-9),
            (_, None) => false,
        };
        if is_named {
            *named.entry(&case.cause).or_default() += 1;
        } else {
            let causes: Vec<&str> = found.causes.iter().map(|cause| cause.name).collect();
            let near: Vec<&str> = found.near.iter().map(|cause| cause.name).collect();
            faults.push(format!(
                "{} {} ({}): {:?} {causes:?}, near {near:?}",
                case.case, case.cause, case.format, found.off
            ));
        }
        // A bound is no excuse: a tenth of the largest number more is wrong.
        let largest = d_sinks.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let moved = d_sinks.mapv(|x| x + 0.1 * largest);
        let found = OfSinks::of(&Batch::of(&problem), MySinks { d_sinks: &moved, ..mine }, BUDGET).expect("a rule");
        assert!(largest == 0.0 || !found.off.is_right(), "{}: {:?}", case.case, found.off);
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    assert_eq!(named.len(), 14, "each bug, and none");
}

/// Programs that ignore documents, left padding, a prefix, sink keys or the lengths of sequences (`museum/masks.py`): by their
/// outputs and by their gradients.
#[test]
fn a_mask_that_is_ignored_is_named_by_outputs_and_by_gradients() {
    let bytes = fs::read(format!("{FOLDER}masks.npz")).expect("what they made");
    let cases = fs::read_to_string(format!("{FOLDER}masks.json")).expect("what they are");
    let cases: Vec<Case> = serde_json::from_str(&cases).expect("a list of cases");
    assert!(cases.len() >= 200, "{}", cases.len());
    let (mut faults, mut named) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for case in &cases {
        let (problem, output) = (problem(&bytes, case), diagnosed(&bytes, case));
        let [d_o, d_q, d_k, d_v] = ["do", "dq", "dk", "dv"].map(|name| four(&bytes, case, name));
        let mine = MyGradients {
            d_o: &d_o,
            tensors: [Some(&d_q), Some(&d_k), Some(&d_v)],
            precision: MyGradients::coarsest([case.format.as_str()]),
        };
        let gradients = OfGradients::of(&Batch::of(&problem), mine, BUDGET).expect("a rule");
        for (what, is_right, causes) in
            [("output", output.is_right(), &output.causes), ("gradients", gradients.is_right(), &gradients.causes)]
        {
            let is_named = match (case.cause.as_str(), causes.first()) {
                ("", _) => is_right && causes.is_empty(),
                (cause, Some(best)) => causes.iter().any(|c| c.name == cause && c.off <= 1.01 * best.off + 1e-9),
                (_, None) => false,
            };
            if is_named {
                *named.entry(&case.cause).or_default() += 1;
            } else {
                let causes: Vec<String> = causes.iter().map(|c| format!("{} {:e}", c.name, c.off)).collect();
                let of = format!("{} {} ({}), {what}", case.case, case.cause, case.format);
                faults.push(format!("{of}: right {is_right}, {causes:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    assert!(named.len() == 7 && named.values().all(|&of| of >= 48), "each of them, and none: {named:?}");
}
