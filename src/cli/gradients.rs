//! The gradients that a kernel gives beside what they should be.

use std::ops::Range;

use ndarray::{Array4, s};

use crate::attention::{Compared, Precision, Problem, Stored};
use crate::gpu::GpuGradients;
use crate::machine::Group;
use crate::sentence::Sentence;

use super::judge::{Gradients, Rule};

/// What the gradients of a problem should be.
pub struct Exact {
    /// `[batch, heads, n_q, d_v]`.
    pub d_o: Array4<f64>,
    /// The query heads of each group.
    groups: Vec<(usize, Range<usize>, Gradients)>,
}

impl Exact {
    /// By `rule`, for a kernel that computes in `precision` and stores nothing on its way. Errors with why no rule tells.
    pub fn of(rule: &impl Rule, problem: &Problem, d_o: Array4<f64>, precision: Precision) -> Result<Self, Sentence> {
        let shape = problem.shape;
        let mut groups = Vec::new();
        for (batch, kv_head) in (0..shape.batch).flat_map(|batch| (0..shape.kv_heads).map(move |head| (batch, head))) {
            let heads = kv_head * shape.group()..(kv_head + 1) * shape.group();
            let group = Group { problem, d_o: Some(d_o.view()), batch, heads: heads.clone() };
            groups.push((batch, heads, rule.backward(&group, precision, Stored::default())?));
        }
        Ok(Self { d_o, groups })
    }

    /// dQ of each head, and dK and dV of each group.
    pub fn compare(&self, got: &GpuGradients) -> Vec<Compared> {
        let of = |all: &Array4<f64>, batch: usize, head: usize| all.slice(s![batch, head, .., ..]).to_owned();
        let compared = self.groups.iter().enumerate().flat_map(|(at, (batch, heads, (of_queries, [of_k, of_v])))| {
            let kv_head = at % got.dk.dim().1.max(1);
            let queries = heads
                .clone()
                .zip(of_queries)
                .map(|(head, expected)| expected.compare(of(&got.dq, *batch, head).view()));
            let keys =
                [of_k.compare(of(&got.dk, *batch, kv_head).view()), of_v.compare(of(&got.dv, *batch, kv_head).view())];
            queries.chain(keys).collect::<Vec<_>>()
        });
        compared.collect()
    }
}
