//! Mixed batches of programs that mistake their sequences, made in NumPy row by row (`museum/packed.py`): the diagnosis names
//! the mistake, of the output and of gradients, and none for right numbers.

use std::collections::BTreeMap;
use std::fs;

use ndarray::{Array4, ArrayD, Ix3, Ix4};
use serde::Deserialize;
use tilescope::attention::diagnosis::{
    BUDGET, Batch, Cause, Comparison, Diagnosis, Mine, MyGradients, OfGradients, Rounding,
};
use tilescope::attention::input::{diagonals, read_one_of};
use tilescope::attention::{Align, Diagonal, Mask, Problem};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/museum/");

#[derive(Deserialize)]
struct Case {
    case: String,
    cause: String,
    format: String,
    packed: bool,
    sequences: Vec<[usize; 2]>,
    causal: bool,
    align: Align,
    diagonal: String,
}

impl Case {
    fn array(&self, bytes: &[u8], name: &str) -> Option<ArrayD<f64>> {
        let name: &'static str = Box::leak(format!("{}.{name}", self.case).into());
        read_one_of(bytes, &[name]).expect("the file can be read").map(|(_, array)| array)
    }

    fn four(&self, bytes: &[u8], name: &str) -> Option<Array4<f64>> {
        self.array(bytes, name).map(|array| array.into_dimensionality::<Ix4>().expect("four axes"))
    }

    fn problem(&self, bytes: &[u8]) -> Problem {
        let [q, k, v] = ["q", "k", "v"].map(|name| self.four(bytes, name).expect(name));
        let mut problem = Problem::new(q, k, v).expect("the shapes fit");
        problem.mask = Mask {
            causal: self.causal,
            align: self.align,
            key_lengths: Some(self.sequences.iter().map(|of| of[1]).collect()),
            // As the reader of a file has it.
            sequences: if self.packed { diagonals(self.sequences.iter().copied()) } else { None },
            diagonal: match self.packed {
                true => Diagonal::Whole,
                false => Diagonal::parse(&self.diagonal).expect("a diagonal"),
            },
            ..Mask::default()
        };
        problem.validate().expect("a problem");
        problem
    }

    /// It is among `causes`, and none is much closer: on some batches two mistakes give the same numbers.
    fn is_named(&self, causes: &[Cause]) -> bool {
        causes.first().is_some_and(|best| {
            causes.iter().any(|cause| cause.name == self.cause && cause.off <= 1.01 * best.off + 1e-9)
        })
    }
}

#[test]
fn each_mistake_about_sequences_is_named_and_a_right_batch_has_none() {
    let bytes = fs::read(format!("{FOLDER}packed.npz")).expect("the numbers");
    let cases = fs::read_to_string(format!("{FOLDER}packed.json")).expect("what they are");
    let cases: Vec<Case> = serde_json::from_str(&cases).expect("a list of cases");
    let (mut faults, mut named) = (Vec::new(), BTreeMap::<&str, [usize; 2]>::new());
    for case in &cases {
        let problem = case.problem(&bytes);
        let batch = match case.packed {
            true => Batch::packed(&problem, case.sequences.clone()),
            false => Batch::of(&problem),
        };
        let o = case.four(&bytes, "o").expect("an output");
        let lse = case.array(&bytes, "lse").map(|lse| lse.into_dimensionality::<Ix3>().expect("three axes"));
        let mine = Mine { o: &o, lse: lse.as_ref(), rounding: Rounding::of_element(&case.format) };
        let found = Diagnosis::of(&batch, &Comparison::of(&batch, mine, BUDGET), BUDGET);
        let count = named.entry(&case.cause).or_default();
        let mut judge = |n: usize, is_right: bool, causes: &[Cause], what: String| {
            let is_named =
                if case.cause.is_empty() { is_right && causes.is_empty() } else { !is_right && case.is_named(causes) };
            count[n] += usize::from(is_named);
            if !is_named {
                let causes: Vec<String> =
                    causes.iter().map(|cause| format!("{} {:e}", cause.name, cause.off)).collect();
                faults.push(format!("{} {} ({}): {what}: {causes:?}", case.case, case.cause, case.format));
            }
        };
        judge(0, found.is_right(), &found.causes, format!("{:?} {:?}", found.o, found.near));
        if let Some(d_o) = case.four(&bytes, "do") {
            let gradients = ["dq", "dk", "dv"].map(|name| case.four(&bytes, name).expect(name));
            let mine = MyGradients {
                d_o: &d_o,
                tensors: gradients.each_ref().map(Some),
                precision: MyGradients::coarsest([case.format.as_str()]),
            };
            let found = OfGradients::of(&batch, mine, BUDGET).expect("a rule");
            judge(1, found.is_right(), &found.causes, format!("{:?} {:?}", found.tensors, found.near));
        }
        // A leak is told with the key of the other sequence.
        if let (true, Some(key)) = (case.cause.ends_with("-sequence"), found.causes.first().and_then(|cause| cause.key))
        {
            let at = found.first.expect("a wrong number").at;
            let step = if case.cause == "next-sequence" { 1 } else { -1 };
            assert!(key.is_seen && key.batch as i64 == at.batch as i64 + step, "{}: {at:?} {key:?}", case.case);
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    assert_eq!(named.len(), 18, "each mistake, and none");
    assert!(named.values().all(|[outputs, gradients]| *outputs >= 8 && *gradients >= 4), "{named:?}");
}
