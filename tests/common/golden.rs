//! The golden data: inputs with their exact results, and the error that its manifest allows.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use ndarray::{ArrayD, Axis};
use serde_json::Value;
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, Input};
use tilescope::attention::oracle::Output;
use tilescope::attention::{Align, Precision, Problem};

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// One golden file with what the manifest says of it.
pub struct Case {
    pub name: String,
    pub problem: Problem,
    /// O `[batch, heads, n_q, d]`, then m, l and L `[batch, heads, n_q]`.
    results: [ArrayD<f64>; 4],
    entry: Value,
}

/// The names of the results.
const RESULTS: [&str; 4] = ["O", "m", "l", "L"];

/// The entries of the manifest.
pub fn manifest() -> Vec<Value> {
    let text =
        fs::read_to_string(Path::new(FOLDER).join("manifest.json")).expect("the manifest is part of the project");
    let mut manifest: Value = serde_json::from_str(&text).expect("the manifest is JSON");
    serde_json::from_value(manifest["cases"].take()).expect("cases are a list")
}

/// Every case, ready to run.
pub fn cases() -> Vec<Case> {
    manifest().into_iter().map(case).collect()
}

fn case(entry: Value) -> Case {
    let file = entry["file"].as_str().expect("a file");
    let bytes = fs::read(Path::new(FOLDER).join(file)).expect("every file of the manifest is there");
    let mut input = input::read(file, &bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
    set_up(&mut input, &entry);
    Case { name: file.into(), results: RESULTS.map(|name| array(&bytes, name)), problem: input.problem, entry }
}

/// What a case says that its file does not.
fn set_up(input: &mut Input, entry: &Value) {
    let problem = &mut input.problem;
    problem.scale = entry["scale"].as_f64().expect("a scale");
    problem.softcap = entry["softcap"].as_f64().filter(|&cap| cap > 0.0);
    problem.mask.causal = entry["causal"] == true;
    problem.mask.align = if entry["align"] == "top_left" { Align::TopLeft } else { Align::BottomRight };
    let side = |side: usize| entry["window"][side].as_i64().and_then(|keys| usize::try_from(keys).ok());
    (problem.mask.window_left, problem.mask.window_right) = (side(0), side(1));
    problem.mask.key_lengths = serde_json::from_value(entry["kv_len"].clone()).expect("key lengths");
    let rate = entry["dropout_p"].as_f64().expect("a rate");
    problem.dropout = input.keep.clone().map(|keep| Dropout { rate, keep: Keep::Given(keep) });
    problem.validate().expect("a golden problem is valid");
}

/// An array of a golden file.
fn array(file: &[u8], name: &str) -> ArrayD<f64> {
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).expect("an npz is a zip");
    let entry = archive.by_name(&format!("{name}.npy")).expect("every case has this array");
    let npy = npyz::NpyFile::new(entry).expect("an npy");
    let shape: Vec<usize> = npy.shape().iter().map(|&size| size as usize).collect();
    ArrayD::from_shape_vec(shape, npy.into_vec::<f64>().expect("f64")).expect("as many values as its shape says")
}

impl Case {
    /// The exact O, m, l and L of one head.
    fn exact(&self, batch: usize, head: usize) -> [Vec<f64>; 4] {
        self.results
            .each_ref()
            .map(|result| result.index_axis(Axis(0), batch).index_axis(Axis(0), head).iter().copied().collect())
    }

    /// A tensor of the file, such as dO or dQ, as it is there.
    pub fn tensor(&self, name: &str) -> ArrayD<f64> {
        let bytes = fs::read(Path::new(FOLDER).join(&self.name)).expect("the file was there before");
        array(&bytes, name)
    }

    /// The largest score of any pair.
    pub fn largest_score(&self) -> f64 {
        self.entry["max_abs_score"].as_f64().expect("a largest score")
    }

    /// How far a result or a gradient may be off, by the manifest's rule.
    pub fn bound_of(&self, name: &str, precision: Precision) -> f64 {
        if let Some(result) = RESULTS.iter().position(|result| *result == name) {
            return self.bound(result, precision);
        }
        let scores = self.largest_score();
        let is_large = scores > 5e3;
        let format = if is_large { Precision::F32.name() } else { precision.name() };
        let baseline = self.entry["naive_baseline_max_abs_err"][format.as_ref()][name].as_f64().unwrap_or(0.0);
        let floor = match precision {
            Precision::F64 => 1e-11,
            // P = exp(S - L) carries the rounding of L.
            _ if is_large => f64::from(f32::EPSILON) * scores,
            Precision::F32 => 2e-6,
            Precision::F16 => 1e-3,
            _ => 8e-3,
        };
        let baseline = if precision == Precision::F64 { 0.0 } else { baseline };
        let largest = self.tensor(name).iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        3.0 * baseline + floor * largest
    }

    /// What is not within the bound of the manifest's `tolerance_rule`; empty when all is.
    pub fn compare(&self, batch: usize, head: usize, got: &Output, precision: Precision) -> Vec<String> {
        let got = [got.o.iter().copied().collect(), got.m.clone(), got.l.clone(), got.lse.clone()];
        let mut wrong = Vec::new();
        for (at, (got, exact)) in got.iter().zip(self.exact(batch, head)).enumerate() {
            // A kernel may tell neither m nor l.
            if got.is_empty() && ["m", "l"].contains(&RESULTS[at]) {
                continue;
            }
            let (error, bound) = (max_error(got, &exact), self.bound(at, precision));
            // A NaN is within no bound.
            let within = error <= bound;
            if !within {
                wrong.push(format!("{} is off by {error:e}, the bound is {bound:e}", RESULTS[at]));
            }
        }
        wrong
    }

    /// The rule of the manifest, written out once more, apart from the one in the program.
    fn bound(&self, result: usize, precision: Precision) -> f64 {
        let scores = self.largest_score();
        let floor = match precision {
            Precision::F64 => 1e-11,
            Precision::F32 => 2e-6,
            Precision::F16 => 1e-3,
            _ => 8e-3,
        };
        let format = if scores > 5e3 && precision != Precision::F64 { Precision::F32.name() } else { precision.name() };
        let of = if RESULTS[result] == "O" { "O" } else { "L" };
        // There is no plain baseline in f64: it is the exact result.
        let baseline = self.entry["naive_baseline_max_abs_err"][format.as_ref()][of].as_f64().unwrap_or(0.0);
        let finite = self.results[result].iter().filter(|x| x.is_finite());
        let largest = finite.fold(1.0, |most: f64, x| most.max(x.abs()));
        if RESULTS[result] == "l" && precision == Precision::F32 {
            return (2.0 * baseline + 2.0 * f64::from(f32::EPSILON) * scores + floor) * largest;
        }
        2.0 * baseline + floor * largest
    }
}
