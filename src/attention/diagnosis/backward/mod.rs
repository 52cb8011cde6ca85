//! Whose bug is it, of gradients: dQ, dK and dV of another program against exact ones by the error rule, and against what
//! known bugs make of the same inputs.

mod head;
mod slips;
mod trial;

use ndarray::{Array2, Array4, ArrayView2, s};
use serde::Serialize;

use super::comparison::spread;
use super::{Batch, Cause, MOST_NEAR, NEAR, Off};
use crate::attention::error_rule::floor;
use crate::attention::expected::{self, Expected, GRADIENTS};
use crate::attention::{Precision, Problem, Stored};
use crate::sentence::Sentence;
use trial::Trial;

/// The gradients that another program computed, each where it has it: dQ `[batch, heads, n_q, d]`, dK and dV
/// `[batch, kv_heads, n_k, ..]`.
#[derive(Clone, Copy, Debug)]
pub struct MyGradients<'a> {
    /// The gradient of the output, `[batch, heads, n_q, d_v]`.
    pub d_o: &'a Array4<f64>,
    pub tensors: [Option<&'a Array4<f64>>; 3],
    /// The coarsest format of inputs and gradients; f64 is held to f32, in which programs compute.
    pub precision: Precision,
}

/// A gradient that is not within its bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WrongGradient {
    pub tensor: &'static str,
    pub batch: usize,
    /// A query head, or of dK and dV a key/value head.
    pub head: usize,
    /// A query, or of dK and dV a key.
    pub row: usize,
    pub component: usize,
    pub got: f64,
    pub exact: f64,
}

/// How far a tensor is off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OfTensor {
    pub name: &'static str,
    #[serde(flatten)]
    pub off: Off,
}

/// The verdict.
#[derive(Clone, Debug, Serialize)]
pub struct OfGradients {
    /// Of each tensor that there is, where it takes the largest share of its bound.
    pub tensors: Vec<OfTensor>,
    /// By batch entry and key/value head; in each dQ, dK, dV.
    pub first: Option<WrongGradient>,
    /// Key/value heads that were compared, of those of all batch entries.
    pub compared: usize,
    pub groups: usize,
    /// The search for a cause would take too long.
    pub is_too_large: bool,
    /// What gives these numbers, the closest first.
    pub causes: Vec<Cause>,
    /// Where nothing does: what comes nearer than exact gradients.
    pub near: Vec<Cause>,
}

/// Pairs of a head of which a cause is looked for, at most: a matrix of them is 32 MiB.
const MOST_PAIRS: usize = 1 << 22;
/// Products of two numbers that the gradients of one key/value head may take: some ten seconds.
const MOST_PER_GROUP: usize = 1 << 34;
/// Key/value heads that suspects are tried on, at most.
const MOST_TRIED: usize = 4;

/// Gradients of the query heads that share a key/value head: dQ of each, dK and dV of all.
#[derive(Clone, Debug)]
struct OfGroup {
    d_q: Vec<Array2<f64>>,
    d_k: Array2<f64>,
    d_v: Array2<f64>,
}

impl OfGroup {
    /// Those of one name: dQ, dK, dV.
    fn tensor(&self, n: usize) -> &[Array2<f64>] {
        match n {
            0 => &self.d_q,
            1 => std::slice::from_ref(&self.d_k),
            _ => std::slice::from_ref(&self.d_v),
        }
    }
}

/// A key/value head of a batch entry, what its gradients should be, and how far each may be off.
struct Judged {
    batch: usize,
    kv_head: usize,
    exact: OfGroup,
    bounds: [f64; 3],
    first: Option<WrongGradient>,
    offs: [Option<Off>; 3],
}

/// Products of two numbers that the gradients of one key/value head take.
fn per_group(problem: &Problem) -> usize {
    let shape = problem.shape;
    5usize.saturating_mul(shape.group()).saturating_mul(shape.n_q).saturating_mul(shape.n_k).saturating_mul(shape.d)
}

impl<'a> MyGradients<'a> {
    /// The coarsest format of some element kinds as files name them.
    pub fn coarsest<'e>(elements: impl IntoIterator<Item = &'e str>) -> Precision {
        let of = |element: &str| match element {
            "f16" => Precision::F16,
            "bf16" => Precision::BF16,
            name if name.starts_with("f8") => Precision::E4M3,
            _ => Precision::F32,
        };
        let coarser = |a: Precision, b: Precision| if floor(b) > floor(a) { b } else { a };
        elements.into_iter().map(of).fold(Precision::F32, coarser)
    }

    /// The tensor of a name in one group: dQ of each of its heads, or dK or dV.
    fn of_group(&self, n: usize, batch: usize, kv_head: usize, group: usize) -> Option<Vec<ArrayView2<'a, f64>>> {
        let tensor = self.tensors[n]?;
        let heads = if n == 0 { kv_head * group..(kv_head + 1) * group } else { kv_head..kv_head + 1 };
        Some(heads.map(|head| tensor.slice(s![batch, head, .., ..])).collect())
    }

    fn judge(&self, problem: &Problem, batch: usize, kv_head: usize) -> Result<Judged, Sentence> {
        let group = problem.shape.group();
        let heads = kv_head * group..(kv_head + 1) * group;
        let d_o: Vec<ArrayView2<'_, f64>> = heads.clone().map(|head| self.d_o.slice(s![batch, head, .., ..])).collect();
        let (of_q, of_k) = expected::backward(problem, (batch, heads), &d_o, self.precision, Stored::default())?;
        let largest = |all: &[Expected]| all.iter().map(|expected| expected.bound).fold(0.0, f64::max);
        let bounds = [largest(&of_q), of_k[0].bound, of_k[1].bound];
        let (mut offs, mut first) = ([None; 3], None);
        for (n, expected) in [&of_q[..], &of_k[..1], &of_k[1..]].into_iter().enumerate() {
            let Some(got) = self.of_group(n, batch, kv_head, group) else { continue };
            for (at, (expected, got)) in expected.iter().zip(got).enumerate() {
                let compared = expected.compare(got);
                let off = Off { error: compared.error, bound: expected.bound };
                offs[n] = Some(worse(offs[n], off));
                let head = if n == 0 { kv_head * group + at } else { kv_head };
                first = first.or_else(|| {
                    let wrong = compared.wrong?;
                    let (row, component) = (wrong.row, wrong.component?);
                    Some(WrongGradient {
                        tensor: GRADIENTS[n],
                        batch,
                        head,
                        row,
                        component,
                        got: wrong.got,
                        exact: wrong.want,
                    })
                });
            }
        }
        let [d_k, d_v] = of_k.map(|expected| expected.exact);
        let exact = OfGroup { d_q: of_q.into_iter().map(|expected| expected.exact).collect(), d_k, d_v };
        Ok(Judged { batch, kv_head, exact, bounds, first, offs })
    }
}

/// The one that takes the larger share of its bound; a NaN is more than any.
fn worse(a: Option<Off>, b: Off) -> Off {
    let share = |off: Off| if off.error.is_nan() { f64::INFINITY } else { off.error / off.bound };
    a.filter(|a| share(*a) >= share(b)).unwrap_or(b)
}

impl OfGradients {
    /// Of `mine` for the right problem of `batch`, in about `budget` products of two numbers: as many key/value heads as that allows
    /// are compared, evenly.
    ///
    /// Errors with why nothing tells: an input that is not finite, a format without a rule, a head that is too large.
    /// Panics if the shapes do not fit, which whoever reads the file has made sure of.
    pub fn of(batch: &Batch<'_>, mine: MyGradients<'_>, budget: usize) -> Result<Self, Sentence> {
        let problem = batch.problem;
        let (shape, cost) = (problem.shape, per_group(problem));
        if cost > MOST_PER_GROUP {
            let fault = "gradients of {0} queries and {1} keys are too many to be checked in a short time";
            return Err(Sentence::new(fault).with(shape.n_q).with(shape.n_k));
        }
        let groups = shape.batch * shape.kv_heads;
        let judged = spread(groups, (budget / cost).max(1))
            .map(|at| mine.judge(problem, at / shape.kv_heads, at % shape.kv_heads))
            .collect::<Result<Vec<Judged>, Sentence>>()?;
        let of_tensor = |n: usize| {
            let off = judged.iter().filter_map(|group| group.offs[n]).fold(None, |a, b| Some(worse(a, b)))?;
            Some(OfTensor { name: GRADIENTS[n], off })
        };
        let mut found = Self {
            tensors: (0..3).filter_map(of_tensor).collect(),
            first: judged.iter().find_map(|group| group.first),
            compared: judged.len(),
            groups,
            is_too_large: false,
            causes: Vec::new(),
            near: Vec::new(),
        };
        found.is_too_large = !found.is_right() && shape.n_q * shape.n_k * shape.group() > MOST_PAIRS;
        if !found.is_right() && !found.is_too_large {
            found.search(batch, mine, judged, budget);
        }
        Ok(found)
    }

    pub fn is_right(&self) -> bool {
        self.tensors.iter().all(|tensor| tensor.off.is_right())
    }

    /// The tensors that are wrong.
    pub fn wrong(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.tensors.iter().filter(|tensor| !tensor.off.is_right()).map(|tensor| tensor.name)
    }

    /// Groups that are wrong tell what it is; those that are right tell what it is not.
    fn search(&mut self, batch: &Batch<'_>, mine: MyGradients<'_>, judged: Vec<Judged>, budget: usize) {
        let most = (budget / trial::SUSPECTS / per_group(batch.problem)).clamp(1, MOST_TRIED);
        let (wrong, right): (Vec<Judged>, Vec<Judged>) = judged.into_iter().partition(|group| group.first.is_some());
        let of_right = most / 4;
        let tried = wrong.into_iter().take(most - of_right).chain(right.into_iter().take(of_right)).collect();
        let (fits, others) = Trial::new(batch, mine, tried).suspects();
        if fits.is_empty() {
            self.near =
                others.into_iter().filter(|(_, left)| *left < NEAR).map(|(cause, _)| cause).take(MOST_NEAR).collect();
        }
        self.causes = fits;
    }
}

impl WrongGradient {
    /// Its row is that of a key.
    pub fn is_of_key(&self) -> bool {
        self.tensor != GRADIENTS[0]
    }

    /// Its place in words.
    pub fn place(&self) -> Sentence {
        expected::place(self.tensor, self.row, Some(self.component), self.is_of_key())
    }
}
