//! Golden data: a folder of `.npz` files with exact results, and a manifest that says how far a result may be off.

use std::path::Path;

use ndarray::{Array2, Array4, ArrayD, ArrayView2, Axis};
use serde::Deserialize;

use crate::attention::dropout::Keep;
use crate::attention::error_rule::{self, Errors, LARGE_SCORE};
use crate::attention::expected::{self, ExactGradients, Expected, FORWARD, GRADIENTS};
use crate::attention::input;
use crate::attention::{Align, Dropout, Format, Precision, Problem, Stored};
use crate::files::shown;
use crate::machine::Group;
use crate::sentence::Sentence;

use super::judge::{Gradients, Rule, cannot_hold};
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
    d_q: Option<f64>,
    #[serde(rename = "dK")]
    d_k: Option<f64>,
    #[serde(rename = "dV")]
    d_v: Option<f64>,
}

/// One file with what the manifest says of it.
pub struct Golden {
    pub name: String,
    pub problem: Problem,
    /// O `[batch, heads, n_q, d_v]`, then m, l and L `[batch, heads, n_q]`.
    results: [ArrayD<f64>; 4],
    /// The gradient of the output, and those of Q, K and V, where the file has them.
    gradients: Option<(Array4<f64>, [ArrayD<f64>; 3])>,
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
    let results = input::read_named(&bytes, FORWARD).map_err(|error| bad(&error))?;
    let gradients =
        input::read_named(&bytes, GRADIENTS).ok().zip(input.d_o.take()).map(|(gradients, d_o)| (d_o, gradients));
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
    let of_o = [&rows[..], &[shape.d_v]].concat();
    let named = FORWARD.into_iter().zip(results.iter().map(ArrayD::shape).zip([&of_o[..], &rows, &rows, &rows]));
    // A gradient has the shape of what it is of.
    let of_gradients = gradients.iter().flat_map(|(d_o, [d_q, d_k, d_v])| {
        let found = [d_o.shape(), d_q.shape(), d_k.shape(), d_v.shape()];
        let wanted = [&of_o[..], problem.q.shape(), problem.k.shape(), problem.v.shape()];
        let [q, k, v] = GRADIENTS;
        ["dO", q, k, v].into_iter().zip(found.into_iter().zip(wanted))
    });
    if let Some((name, (found, wanted))) = named.chain(of_gradients).find(|(_, (found, wanted))| found != wanted) {
        return Err(bad(&format!("{name} has shape {found:?}, not {wanted:?}")));
    }
    Ok(Golden { name: entry.file.clone(), problem: input.problem, results, gradients, entry })
}

impl Golden {
    /// The gradient of the output, `[batch, heads, n_q, d_v]`.
    pub fn d_o(&self) -> Option<&Array4<f64>> {
        self.gradients.as_ref().map(|(d_o, _)| d_o)
    }

    /// The rule of the manifest. Above scores of 5000 the baseline of f32 stands for those of lower formats, but for an
    /// algorithm that stores its scores in them, as the baseline does.
    fn bound(&self, precision: Precision, stores_scores: bool) -> Option<Errors> {
        let keeps_apart = self.entry.max_abs_score > LARGE_SCORE && precision != Precision::F64 && !stores_scores;
        let format = if keeps_apart { Precision::F32.name() } else { precision.name() };
        let baseline = match precision {
            Precision::F64 => Errors::ZERO,
            _ => {
                let baseline = self.entry.naive_baseline_max_abs_err.get(format.as_ref())?;
                let (o, lse) = (baseline.o?, baseline.lse?);
                Errors { o, m: lse, l: lse, lse }
            }
        };
        let [o, m, l, lse] = self.results.each_ref().map(error_rule::largest);
        let largest = Errors { o, m, l, lse };
        let bounds = error_rule::bounds(precision, &baseline, &largest, self.entry.max_abs_score);
        // The manifest has no term for the rounding of the scores in l, but in f32; stored scores need one.
        let is_rounded = precision == Precision::F32 || stores_scores;
        let l = if is_rounded { bounds.l } else { bound_of_l(precision, baseline.lse, largest.l).min(bounds.l) };
        Some(Errors { l, ..bounds })
    }
}

fn bound_of_l(precision: Precision, baseline: f64, largest: f64) -> f64 {
    2.0 * baseline + error_rule::floor(precision) * largest.max(1.0)
}

impl Rule for Golden {
    fn forward(
        &self,
        (batch, head): (usize, usize),
        precision: Precision,
        stored: Stored,
    ) -> Result<Vec<Expected>, Sentence> {
        let bound = self.bound(precision, stored.scores).ok_or_else(|| cannot_hold(precision))?;
        let of_output = stored.of_output(&self.problem.head(batch, head, Precision::F64), precision);
        let bounds = [bound.o + of_output, bound.m, bound.l, bound.lse];
        let all = FORWARD.into_iter().zip(&self.results).zip(bounds);
        let baseline = self.entry.naive_baseline_max_abs_err.get(precision.name().as_ref());
        let plain = |name: &str| match name {
            "O" => baseline?.o,
            "L" => baseline?.lse,
            _ => None,
        };
        let expected =
            |((name, all), bound)| Expected { name, exact: matrix(all, batch, head), bound, plain: plain(name) };
        Ok(all.map(expected).collect())
    }

    fn backward(&self, group: &Group<'_>, precision: Precision, stored: Stored) -> Result<Gradients, Sentence> {
        let (_, gradients) = self.gradients.as_ref().ok_or("the file has no dO, dQ, dK and dV")?;
        if precision.coarsest() == Format::E4m3 {
            return Err(Sentence::new("no rule for gradients in {0}").with(precision.name()));
        }
        let largest_score = self.entry.max_abs_score;
        expected::refuse_gradients(precision, largest_score)?;
        let baseline = self.entry.naive_baseline_max_abs_err.get(precision.name().as_ref());
        let baseline = |at: usize| match precision {
            Precision::F64 => Ok(0.0),
            _ => baseline.and_then(|of| [of.d_q, of.d_k, of.d_v][at]).ok_or_else(|| cannot_hold(precision)),
        };
        let d_o = group.gradients_of_output();
        let d_o: Vec<ArrayView2<'_, f64>> = d_o.iter().map(|d_o| d_o.view()).collect();
        let at = (group.batch, group.heads.clone());
        let (sizes, [size_of_k, size_of_v]) = ExactGradients::of(&self.problem, at, &d_o, stored, precision)?.sizes();
        let expected = |at: usize, head: usize, size: f64| {
            Ok(Expected {
                name: GRADIENTS[at],
                exact: matrix(&gradients[at], group.batch, head),
                bound: error_rule::bound_of_gradient(precision, baseline(at)?, size, largest_score),
                plain: baseline(at).ok(),
            })
        };
        let kv_head = self.problem.shape.kv_head(group.heads.start);
        let of_queries = group.heads.clone().zip(sizes).map(|(head, size)| expected(0, head, size));
        let of_queries = of_queries.collect::<Result<_, Sentence>>()?;
        Ok((of_queries, [expected(1, kv_head, size_of_k)?, expected(2, kv_head, size_of_v)?]))
    }
}

/// The values of one head as a matrix; values per row are a column.
fn matrix(all: &ArrayD<f64>, batch: usize, head: usize) -> Array2<f64> {
    let of_head = all.index_axis(Axis(0), batch).index_axis_move(Axis(0), head);
    let rows = of_head.len_of(Axis(0));
    let width = of_head.len() / rows.max(1);
    Array2::from_shape_fn(
        (rows, width),
        |(row, column)| if of_head.ndim() == 1 { of_head[[row]] } else { of_head[[row, column]] },
    )
}
