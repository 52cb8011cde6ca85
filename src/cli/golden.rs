//! Golden data: a folder of `.npz` files with exact results, and a manifest that says how far a result may be off.

use std::path::Path;

use ndarray::{Array4, ArrayD, Axis, Ix4};
use serde::Deserialize;

use crate::attention::dropout::Keep;
use crate::attention::error_rule::{self, Errors};
use crate::attention::input;
use crate::attention::oracle::Output;
use crate::attention::{Align, Dropout, Precision, Problem, Shape, Stored};
use crate::files::shown;

use super::gradients::Gradients;
use super::{Failure, files};

/// `manifest.json`, as far as it is used.
#[derive(Deserialize)]
struct Manifest {
    cases: Vec<Entry>,
}

#[derive(Clone, Deserialize)]
struct Entry {
    file: String,
    scale: f64,
    causal: bool,
    align: String,
    /// Left and right; -1 is unbounded.
    window: [i64; 2],
    kv_len: Option<Vec<usize>>,
    softcap: f64,
    dropout_p: f64,
    max_abs_score: f64,
    naive_baseline_max_abs_err: std::collections::BTreeMap<String, Baseline>,
}

/// How far plain attention in a format is off; a null is a format that cannot hold the case.
#[derive(Clone, Copy, Deserialize)]
struct Baseline {
    #[serde(rename = "O")]
    o: Option<f64>,
    #[serde(rename = "L")]
    lse: Option<f64>,
    #[serde(rename = "dQ")]
    dq: Option<f64>,
    #[serde(rename = "dK")]
    dk: Option<f64>,
    #[serde(rename = "dV")]
    dv: Option<f64>,
}

/// One file with what the manifest says of it.
pub struct Golden {
    pub name: String,
    pub problem: Problem,
    /// O `[batch, heads, n_q, d_v]`, then m, l and L `[batch, heads, n_q]`.
    results: [ArrayD<f64>; 4],
    /// dO, dQ, dK and dV in the shapes of O, Q, K and V, where the file has them.
    gradients: Option<[Array4<f64>; 4]>,
    entry: Entry,
}

/// Every case of the folder's manifest.
pub fn read(folder: &Path) -> Result<Vec<Golden>, Failure> {
    let path = folder.join("manifest.json");
    let text = files::read_file(&path)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| Failure::bad(shown(&path), error))?;
    manifest.cases.into_iter().map(|entry| golden(folder, entry)).collect()
}

fn golden(folder: &Path, entry: Entry) -> Result<Golden, Failure> {
    let path = folder.join(&entry.file);
    let bad = |error: &dyn std::fmt::Display| Failure::bad(shown(&path), error);
    let bytes = files::read_file(&path)?;
    let mut input = input::read(&entry.file, &bytes).map_err(|error| bad(&error))?;
    let results = input::read_named(&bytes, ["O", "m", "l", "L"]).map_err(|error| bad(&error))?;
    let keep = input.keep.take();
    let problem = &mut input.problem;
    problem.scale = entry.scale;
    problem.softcap = Some(entry.softcap).filter(|&cap| cap > 0.0);
    problem.mask.causal = entry.causal;
    problem.mask.align = if entry.align == "top_left" { Align::TopLeft } else { Align::BottomRight };
    let side = |keys: i64| usize::try_from(keys).ok();
    (problem.mask.window_left, problem.mask.window_right) = (side(entry.window[0]), side(entry.window[1]));
    problem.mask.key_lengths = entry.kv_len.clone();
    problem.dropout = keep.map(|keep| Dropout { rate: entry.dropout_p, keep: Keep::Given(keep) });
    problem.validate().map_err(|error| bad(&error))?;
    let shape = problem.shape;
    let rows = [shape.batch, shape.heads, shape.n_q];
    let wanted = [&[&rows[..], &[shape.d_v]].concat()[..], &rows, &rows, &rows];
    if let Some(at) = (0..4).find(|&at| results[at].shape() != wanted[at]) {
        return Err(bad(&format!(
            "{} has shape {:?}, not {:?}",
            ["O", "m", "l", "L"][at],
            results[at].shape(),
            wanted[at]
        )));
    }
    let gradients = gradients(&bytes, &input.problem, shape.d_v);
    Ok(Golden { name: entry.file.clone(), problem: input.problem, results, gradients, entry })
}

/// dO, dQ, dK and dV of a file that has them, in the shapes that they must have.
fn gradients(bytes: &[u8], problem: &Problem, d_v: usize) -> Option<[Array4<f64>; 4]> {
    let Shape { batch, heads, n_q, .. } = problem.shape;
    let wanted = [(batch, heads, n_q, d_v), problem.q.dim(), problem.k.dim(), problem.v.dim()];
    let [d_o, dq, dk, dv] = input::read_named(bytes, ["dO", "dQ", "dK", "dV"]).ok()?;
    let [d_o, dq, dk, dv] = [d_o, dq, dk, dv].map(|read| read.into_dimensionality::<Ix4>().ok());
    let all = [d_o?, dq?, dk?, dv?];
    all.iter().map(Array4::dim).eq(wanted).then_some(all)
}

impl Golden {
    /// Its gradients, and what the manifest's rule allows those of f32; `None` where it has none.
    pub fn gradients(&self) -> Option<Gradients> {
        let [d_o, dq, dk, dv] = self.gradients.clone()?;
        let baseline = self.entry.naive_baseline_max_abs_err.get("f32")?;
        // The manifest has the rounding of L only where it is most of the error.
        let max_abs_score = if self.entry.max_abs_score > 5e3 { self.entry.max_abs_score } else { 0.0 };
        Some(Gradients::new(d_o, [dq, dk, dv], [baseline.dq?, baseline.dk?, baseline.dv?], max_abs_score))
    }

    /// Errors of one head, and what the manifest's rule allows a result that was made with these stores; `None` where the
    /// format cannot hold what is stored.
    pub fn compare(
        &self,
        (batch, head): (usize, usize),
        got: &Output,
        precision: Precision,
        stored: Stored,
    ) -> Option<(Errors, Errors)> {
        let exact = |at: usize| -> Vec<f64> {
            let result = &self.results[at];
            result.index_axis(Axis(0), batch).index_axis(Axis(0), head).iter().copied().collect()
        };
        let error = |at: usize, got: &mut dyn Iterator<Item = &f64>| {
            error_rule::max_error(&got.copied().collect::<Vec<_>>(), &exact(at))
        };
        // Not every kernel tells m and l.
        let told = |at: usize, got: &[f64]| if got.is_empty() { 0.0 } else { error(at, &mut got.iter()) };
        let errors = Errors {
            o: error(0, &mut got.o.iter()),
            m: told(1, &got.m),
            l: told(2, &got.l),
            lse: error(3, &mut got.lse.iter()),
        };
        let bound = self.bound(precision, stored.scores)?;
        let of_output = stored.of_output(&self.problem.head(batch, head, Precision::F64), precision);
        Some((errors, Errors { o: bound.o + of_output, ..bound }))
    }

    /// The rule of the manifest. Above scores of 5000 the baseline of f32 stands for those of lower formats, but for an
    /// algorithm that stores its scores in them, as the baseline does.
    fn bound(&self, precision: Precision, stores_scores: bool) -> Option<Errors> {
        let keeps_apart = self.entry.max_abs_score > 5e3 && precision != Precision::F64 && !stores_scores;
        let format = if keeps_apart { "f32" } else { precision.name() };
        let baseline = match precision {
            Precision::F64 => Errors::ZERO,
            _ => {
                let baseline = self.entry.naive_baseline_max_abs_err.get(format)?;
                let (o, lse) = (baseline.o?, baseline.lse?);
                Errors { o, m: lse, l: lse, lse }
            }
        };
        let largest =
            |at: usize| self.results[at].iter().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
        let largest = Errors { o: largest(0), m: largest(1), l: largest(2), lse: largest(3) };
        let bounds = error_rule::bounds(precision, &baseline, &largest, self.entry.max_abs_score);
        // The manifest has no term for the rounding of the scores in l, but in f32; stored scores need one.
        let is_rounded = precision == Precision::F32 || stores_scores;
        let l = if is_rounded { bounds.l } else { bound_of_l(precision, baseline.lse, largest.l).min(bounds.l) };
        Some(Errors { l, ..bounds })
    }
}

fn bound_of_l(precision: Precision, baseline: f64, largest: f64) -> f64 {
    let floor = match precision {
        Precision::F16 => 1e-3,
        Precision::Bf16 => 8e-3,
        Precision::F32 => 2e-6,
        Precision::F64 => 1e-11,
    };
    2.0 * baseline + floor * largest.max(1.0)
}
