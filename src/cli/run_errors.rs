//! How far a run is off, in one line: its error beside that of plain attention in the same format, both from exact
//! attention in f64.

use ndarray::{Array4, s};

use crate::attention::expected::{self, Expected, FORWARD, GRADIENTS};
use crate::attention::oracle::Output;
use crate::attention::{Compared, Precision, Problem, Real, Shape, Stored};
use crate::machine::{Group, Machine};
use crate::number::short;
use crate::schedule::Schedule;

use super::judge::{Oracle, judge};

/// Multiplications that exact attention may take for this: a second or two.
const BUDGET: usize = 256 << 20;

/// Of each result the head that is furthest off.
#[derive(Default)]
pub struct RunErrors {
    worst: Vec<Compared>,
    /// Heads that were compared, of all.
    heads: usize,
    of_heads: usize,
    spent: usize,
}

impl RunErrors {
    /// Of the outputs of every (batch, head), in that order.
    pub fn of_outputs(problem: &Problem, outputs: &[Output], stored: Stored, precision: Precision) -> Self {
        let mut errors = Self::default();
        let heads = problem.shape.heads;
        for (at, output) in outputs.iter().enumerate() {
            if errors.takes(&problem.shape, 1) {
                let (reference, bound) = expected::forward(problem, (at / heads, at % heads), precision, stored);
                let all = Expected::of_forward(&reference, &bound);
                errors.add(all.iter().map(|expected| expected.compare_output(output)));
            }
        }
        errors
    }

    /// Of dQ `[batch, heads, n_q, d]`, dK and dV `[batch, kv_heads, n_k, ..]`, for this gradient of the output.
    pub fn of_gradients(
        problem: &Problem,
        d_o: &Array4<f64>,
        [d_q, d_k, d_v]: [&Array4<f64>; 3],
        stored: Stored,
        precision: Precision,
    ) -> Self {
        let mut errors = Self::default();
        let (shape, group) = (problem.shape, problem.shape.group());
        for (batch, kv_head) in (0..shape.batch).flat_map(|batch| (0..shape.kv_heads).map(move |head| (batch, head))) {
            let heads = kv_head * group..(kv_head + 1) * group;
            let of_output: Vec<_> = heads.clone().map(|head| d_o.slice(s![batch, head, .., ..])).collect();
            if !errors.takes(&shape, group) {
                continue;
            }
            let exact = expected::backward(problem, (batch, heads.clone()), &of_output, precision, stored);
            if let Ok((of_queries, of_keys)) = exact {
                let of_query = |(of, head): (&Expected, usize)| of.compare(d_q.slice(s![batch, head, .., ..]));
                errors.add(of_queries.iter().zip(heads).map(of_query));
                let of_key = |(of, got): (&Expected, &Array4<f64>)| of.compare(got.slice(s![batch, kv_head, .., ..]));
                errors.add(of_keys.iter().zip([d_k, d_v]).map(of_key));
            }
        }
        errors
    }

    /// Of the heads of a group, whatever its text puts out. Where no rule tells how far it may be off, nothing is compared.
    pub fn note<T: Real>(&mut self, group: &Group<'_>, schedule: &Schedule, machine: &Machine<'_, T>) {
        if self.takes(&group.problem.shape, group.heads.len())
            && let Ok(verdict) = judge(&Oracle(group.problem), group, schedule, machine)
        {
            self.add(verdict.compared);
        }
    }

    /// There is time for so many more heads.
    fn takes(&mut self, shape: &Shape, heads: usize) -> bool {
        let cost = [heads, shape.n_q, shape.n_k, shape.d + shape.d_v].into_iter().fold(1, usize::saturating_mul);
        let spent = self.spent.saturating_add(cost);
        self.of_heads += heads;
        if spent > BUDGET {
            return false;
        }
        (self.spent, self.heads) = (spent, self.heads + heads);
        true
    }

    fn add(&mut self, compared: impl IntoIterator<Item = Compared>) {
        // Statistics of rows have no place of their own in the line.
        let is_told = |name: &str| name == FORWARD[0] || GRADIENTS.contains(&name);
        for new in compared.into_iter().filter(|compared| is_told(compared.name)) {
            match self.worst.iter_mut().find(|known| known.name == new.name) {
                Some(known) if known.share() >= new.share() => {}
                Some(known) => *known = new,
                None => self.worst.push(new),
            }
        }
    }

    /// Nothing where nothing was compared.
    pub fn line(&self, precision: Precision) -> Option<String> {
        let told = |compared: &Compared| {
            let plain = compared.plain.filter(|_| precision != Precision::F64);
            let plain = plain.map_or_else(String::new, |plain| format!(" (plain attention by {})", short(plain)));
            format!("{} by {}{plain}", compared.name, short(compared.error))
        };
        let all: Vec<String> = self.worst.iter().map(told).collect();
        let part = match self.heads < self.of_heads {
            true => format!("; the first {} of {} heads compared", self.heads, self.of_heads),
            false => String::new(),
        };
        let name = precision.name();
        (!all.is_empty()).then(|| format!("in {name}, off from exact attention: {}{part}", all.join(", ")))
    }
}
