//! The exact gradients of a head, as expressions see them: of Q, K and V, and those on the way, for the gradient of O that
//! the input brings, or for ones.

use std::rc::Rc;

use ndarray::{Array2, s};

use crate::attention::gradients::{Gradients, gradients};
use crate::attention::{Precision, oracle};
use crate::sentence::Sentence;

use super::engine::Engine;
use super::expr::{Arguments, Budget, Scope, Value};
use super::functions::Answer;
use super::scene::{Scene, Stage};

/// Gradients of one head; those of K and V summed over the heads that share them.
pub struct Exact {
    of_head: Gradients,
    of_keys: Gradients,
}

impl Exact {
    pub(super) fn new(stage: &Stage) -> Self {
        let (problem, batch, head) = (&stage.input.problem, stage.run.batch(), stage.run.head());
        let of = |head: usize| {
            let d_o = d_o(stage, head);
            gradients(&problem.head(batch, head, Precision::F64), d_o.view())
        };
        let (group, kv_head) = (problem.shape.group(), problem.shape.kv_head(head));
        let of_head = of(head);
        let mut of_keys = of_head.clone();
        let others = (kv_head * group..(kv_head + 1) * group).filter(|other| *other != head);
        others.for_each(|other| of_keys.add_keys_of(&of(other)));
        Self { of_head, of_keys }
    }

    /// dQ, dK or dV.
    pub(super) fn named(&self, name: &str) -> Option<&Array2<f64>> {
        match name {
            "dQ" => Some(&self.of_head.d_q),
            "dK" => Some(&self.of_keys.d_k),
            "dV" => Some(&self.of_keys.d_v),
            _ => None,
        }
    }
}

/// The gradient of the output of a head, `[n_q, d_v]`.
fn d_o(stage: &Stage, head: usize) -> Array2<f64> {
    let shape = stage.input.problem.shape;
    let own = stage.input.d_o.as_ref().map(|d_o| d_o.slice(s![stage.run.batch(), head, .., ..]).to_owned());
    own.unwrap_or_else(|| Array2::ones((shape.n_q, shape.d_v)))
}

/// The object that `gradient()` gives.
pub struct Gradient {
    stage: Rc<Stage>,
    exact: Rc<Exact>,
    d_o: Array2<f64>,
    budget: Rc<Budget>,
}

impl Gradient {
    pub fn new(engine: &Engine, scene: &Scene, budget: Rc<Budget>) -> Result<Self, Sentence> {
        let (stage, exact) = (engine.stage(scene)?, engine.gradients(scene)?);
        let d_o = d_o(&stage, stage.run.head());
        Ok(Self { stage, exact, d_o, budget })
    }

    /// One number of row `i`: D, the mean of dP under the weights, or of key `j` dP or dS.
    fn on_the_way(&self, name: &str, arguments: &mut Arguments) -> Answer {
        let (head, plan) = (self.stage.exact(), &self.stage.plan);
        let i = arguments.index("i")?;
        let j = if name == "D" { 0 } else { arguments.index("j")? };
        if i >= plan.n_q || j >= plan.n_k {
            let fault = Sentence::new("there {0|is|are} {0} {0|query|queries} and {1} {1|key|keys}");
            return Err(fault.with(plan.n_q).with(plan.n_k));
        }
        self.budget.spend(self.stage.work_of_row())?;
        let (row, d_o) = (oracle::row(head, i), self.d_o.row(i));
        let delta: f64 = d_o.iter().zip(&row.o).map(|(d_o, o)| d_o * o).sum();
        let d_p = if head.sees(i, j) { head.dropout_factor(i, j) * d_o.dot(&head.v.row(j)) } else { 0.0 };
        Ok(match name {
            "D" => delta,
            "dP" => d_p,
            // What a pair's weight answers to is its score after a softcap.
            _ if head.sees(i, j) => row.p[j] * (d_p - delta),
            _ => 0.0,
        }
        .into())
    }
}

/// Key blocks whose parts of dQ are added in every order, at most: 720 orders.
const MOST_BLOCKS: usize = 6;

impl Gradient {
    /// What comes of adding the parts of dQ that the key blocks make, each rounded to f32, in every order: how many
    /// different dQ, and how far two of them are apart at most.
    fn orders(&self) -> Result<(usize, f64), Sentence> {
        let (head, plan) = (self.stage.exact(), &self.stage.plan);
        if plan.t_c() > MOST_BLOCKS {
            let fault = Sentence::new("the orders of more than {0} key blocks are too many; take larger blocks");
            return Err(fault.with(MOST_BLOCKS));
        }
        if head.softcap.is_some() {
            return Err("the orders of additions are known without a softcap alone".into());
        }
        self.budget.spend(self.stage.work().saturating_mul(1 << plan.t_c()))?;
        let mut parts = vec![Array2::<f32>::zeros((plan.n_q, plan.d)); plan.t_c()];
        for i in 0..plan.n_q {
            let (row, d_o) = (oracle::row(head, i), self.d_o.row(i));
            let delta: f64 = d_o.dot(&ndarray::ArrayView1::from(&row.o));
            for (j, part) in parts.iter_mut().enumerate() {
                let mut exact = vec![0.0; plan.d];
                for key in plan.cols(j).filter(|&key| head.sees(i, key)) {
                    let d_s = row.p[key] * (head.dropout_factor(i, key) * d_o.dot(&head.v.row(key)) - delta);
                    exact.iter_mut().zip(head.k.row(key)).for_each(|(sum, k)| *sum += head.scale * d_s * k);
                }
                part.row_mut(i).iter_mut().zip(exact).for_each(|(part, exact)| *part = exact as f32);
            }
        }
        let mut sums: Vec<Array2<f32>> = Vec::new();
        each_order(&mut (0..parts.len()).collect::<Vec<_>>(), 0, &mut |order| {
            let zero = Array2::zeros((plan.n_q, plan.d));
            let sum = order.iter().fold(zero, |sum, &part| sum + &parts[part]);
            if !sums.contains(&sum) {
                sums.push(sum);
            }
        });
        let apart = |n: usize| {
            let of = |sum: &Array2<f32>| f64::from(sum.as_slice().map_or(0.0, |sum| sum[n]));
            let (low, high) =
                sums.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
            high - low
        };
        Ok((sums.len(), (0..plan.n_q * plan.d).map(apart).fold(0.0, f64::max)))
    }
}

/// Every order of what stands from `from` on.
fn each_order(order: &mut Vec<usize>, from: usize, visit: &mut dyn FnMut(&[usize])) {
    if from == order.len() {
        return visit(order);
    }
    for at in from..order.len() {
        order.swap(from, at);
        each_order(order, from + 1, visit);
        order.swap(from, at);
    }
}

/// The number of a matrix at the row that is given by this name, and component `c`, or the first.
pub(super) fn at(values: &Array2<f64>, arguments: &mut Arguments, name: &str) -> Answer {
    let (row, c) = (arguments.index(name)?, arguments.index_or("c", 0)?);
    let (rows, columns) = values.dim();
    let fault = || Sentence::new("there {0|is|are} {0} {0|row|rows} of {1}, from 0").with(rows).with(columns);
    values.get([row, c]).map(|&x| x.into()).ok_or_else(fault)
}

impl Scope for Gradient {
    fn name(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        Some(match name {
            "dQ" => at(&self.exact.of_head.d_q, arguments, "i"),
            "dK" => at(&self.exact.of_keys.d_k, arguments, "j"),
            "dV" => at(&self.exact.of_keys.d_v, arguments, "j"),
            "D" | "dP" | "dS" => self.on_the_way(name, arguments),
            "orders" => self.orders().map(|(different, _)| different.into()),
            "apart" => self.orders().map(|(_, apart)| apart.into()),
            _ => return None,
        })
    }
}
