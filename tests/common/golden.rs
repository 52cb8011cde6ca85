//! The golden data: inputs with their exact results, and the error that its manifest allows.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array2, ArrayD, Axis, s};
use serde_json::Value;
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, Input};
use tilescope::attention::oracle::{self, Output};
use tilescope::attention::{Align, Head, Precision, Problem};

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// One golden file with what the manifest says of it.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub problem: Problem,
    /// O `[batch, heads, n_q, d]`, then m, l and L `[batch, heads, n_q]`.
    results: [ArrayD<f64>; 4],
    entry: Value,
}

/// The names of the results.
const RESULTS: [&str; 4] = ["O", "m", "l", "L"];
const GRADIENTS: [&str; 3] = ["dQ", "dK", "dV"];

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

fn matrix(all: &ArrayD<f64>, batch: usize, head: usize) -> Array2<f64> {
    let of_head = all.index_axis(Axis(0), batch).index_axis_move(Axis(0), head);
    of_head.to_owned().into_dimensionality().expect("a matrix")
}

/// What roundings of P, dS, O and D change in dQ, dK and dV, squared and in units of a rounding, as matrix products; O is
/// also rounded after each block of `keys`.
fn squares(head: &Head<f64>, d_o: &Array2<f64>, keys: Option<usize>) -> [Array2<f64>; 3] {
    let square = |matrix: &Array2<f64>| matrix.mapv(|x| x * x);
    let (n_q, n_k) = (head.n_q(), head.n_k());
    let p = (0..n_q).flat_map(|i| oracle::row(head, i).p).collect();
    let p = Array2::from_shape_vec((n_q, n_k), p).expect("a weight a pair");
    let keep = Array2::from_shape_fn((n_q, n_k), |(i, j)| head.dropout_factor(i, j));
    let dots = head.q.dot(&head.k.t()) * head.scale;
    let slope = dots.mapv(|s| head.softcap.map_or(1.0, |cap| 1.0 - (s / cap).tanh().powi(2)));
    let weights = &p * &keep;
    let o = weights.dot(&head.v);
    let delta = (&o * d_o).sum_axis(Axis(1)).insert_axis(Axis(1));
    let of_delta = p * slope * head.scale;
    let d_s = &of_delta * &(d_o.dot(&head.v.t()) * &keep - &delta);
    let mut of_o = square(&o) + square(&weights).dot(&square(&head.v));
    // Not after the last block that a query sees.
    for (i, end) in
        (0..n_q).flat_map(|i| keys.into_iter().flat_map(move |keys| (keys..n_k).step_by(keys)).map(move |end| (i, end)))
    {
        let is_seen = |mut keys: std::ops::Range<usize>| keys.any(|j| head.sees(i, j));
        let block = end - keys.expect("blocks")..end;
        if is_seen(block) && is_seen(end..n_k) {
            let so_far = weights.slice(s![i, ..end]).dot(&head.v.slice(s![..end, ..]));
            of_o.row_mut(i).zip_mut_with(&so_far, |sum, o| *sum += o * o);
        }
    }
    let of_d = (of_o * square(d_o)).sum_axis(Axis(1)).insert_axis(Axis(1));
    let (scores, of_keys) = (square(&d_s), square(&of_delta) * &of_d);
    let d_q = scores.dot(&square(&head.k)) + square(&of_delta.dot(&head.k)) * &of_d;
    let d_k = (scores + of_keys).t().dot(&square(&head.q));
    [d_q, d_k, square(&weights).t().dot(&square(d_o))]
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
        self.bound_after(name, precision, None)
    }

    /// The same where O is rounded after each block of so many keys.
    pub fn bound_after(&self, name: &str, precision: Precision, keys: Option<usize>) -> f64 {
        if let Some(result) = RESULTS.iter().position(|result| *result == name) {
            return self.bound(result, precision);
        }
        let scores = self.largest_score();
        let format = if scores > 5e3 { Precision::F32.name() } else { precision.name() };
        let baseline = self.entry["naive_baseline_max_abs_err"][format.as_ref()][name].as_f64().unwrap_or(0.0);
        let (floor, epsilon, baseline) = match precision {
            Precision::F64 => (1e-11_f64, f64::EPSILON, 0.0),
            Precision::F32 => (2e-6, f64::from(f32::EPSILON), baseline),
            Precision::F16 => (1e-3, f64::from(f32::EPSILON), baseline),
            _ => (8e-3, f64::from(f32::EPSILON), baseline),
        };
        let gradient = GRADIENTS.iter().position(|gradient| *gradient == name).expect("a result or a gradient");
        // P = exp(S - L) carries the rounding of L.
        3.0 * baseline + floor.max(epsilon * scores) * self.sizes(keys)[gradient]
    }

    /// The largest number of dQ, dK and dV, or of the random walk of what is rounded on the way to each.
    fn sizes(&self, keys: Option<usize>) -> [f64; 3] {
        let (problem, d_o) = (&self.problem, self.tensor("dO"));
        let shape = problem.shape;
        let mut walks = GRADIENTS.map(|name| ArrayD::<f64>::zeros(self.tensor(name).raw_dim()));
        for (batch, head) in (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head))) {
            let d_o = matrix(&d_o, batch, head);
            let squares = squares(&problem.head::<f64>(batch, head, Precision::F64), &d_o, keys);
            for (n, squares) in squares.into_iter().enumerate() {
                let at = if n == 0 { head } else { shape.kv_head(head) };
                let mut walk = walks[n].index_axis_mut(Axis(0), batch);
                walk.index_axis_mut(Axis(0), at).zip_mut_with(&squares.into_dyn(), |sum, square| *sum += square);
            }
        }
        let largest = |values: &ArrayD<f64>| -> f64 { values.iter().fold(0.0, |most: f64, x| most.max(x.abs())) };
        [0, 1, 2].map(|n: usize| largest(&self.tensor(GRADIENTS[n])).max(largest(&walks[n]).sqrt()))
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
