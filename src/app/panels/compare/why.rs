//! Which of two runs moves more bytes, and why: read off what each moves of each tensor, whatever algorithm it is.

use eframe::egui::Context;

use crate::app::tongue::words::{fill, list};
use crate::number::{grouped, short};
use crate::schedule::{Plan, Tensor, Traffic};

/// One run as it is told about.
#[derive(Clone, Copy)]
pub struct RunTold<'a> {
    /// Such as `A (flash2)`.
    pub name: &'a str,
    pub plan: &'a Plan,
    /// Of the whole run.
    pub traffic: &'a Traffic,
}

/// Tensors that travel for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TensorGroup {
    Scores,
    Keys,
    Queries,
    Outputs,
    Extras,
    /// What one text alone has: parts of an output, gradients.
    Others,
}

impl TensorGroup {
    const ALL: [TensorGroup; 6] = [
        TensorGroup::Scores,
        TensorGroup::Keys,
        TensorGroup::Queries,
        TensorGroup::Outputs,
        TensorGroup::Extras,
        TensorGroup::Others,
    ];

    fn tensors(self) -> &'static [Tensor] {
        match self {
            TensorGroup::Scores => &[Tensor::S, Tensor::P],
            TensorGroup::Keys => &[Tensor::K, Tensor::V],
            TensorGroup::Queries => &[Tensor::Q],
            TensorGroup::Outputs => &[Tensor::O, Tensor::M, Tensor::SUM, Tensor::LSE],
            TensorGroup::Extras => &[Tensor::BIAS, Tensor::MASK, Tensor::KEEP],
            TensorGroup::Others => &[],
        }
    }

    fn of(tensor: Tensor) -> Self {
        let has = |group: &Self| group.tensors().contains(&tensor);
        Self::ALL.into_iter().find(has).unwrap_or(TensorGroup::Others)
    }
}

impl RunTold<'_> {
    fn bytes(self) -> u64 {
        self.traffic.hbm_bytes()
    }

    fn elements(self, tensor: Tensor) -> u64 {
        self.traffic.read.get(tensor) + self.traffic.write.get(tensor)
    }

    fn of_group(self, group: TensorGroup) -> u64 {
        self.tensors_of(group).into_iter().map(|tensor| self.elements(tensor)).sum()
    }

    fn tensors_of(self, group: TensorGroup) -> Vec<Tensor> {
        self.traffic.tensors().into_iter().filter(|tensor| TensorGroup::of(*tensor) == group).collect()
    }

    /// How often `tensor`, of `size` elements, went between HBM and the chip.
    fn times(self, tensor: Tensor, size: usize) -> String {
        let times = self.elements(tensor) as f64 / size.max(1) as f64;
        if times.fract() == 0.0 { grouped(times as u64) } else { short(times) }
    }
}

/// One sentence.
pub fn sentence(ctx: &Context, a: RunTold<'_>, b: RunTold<'_>) -> String {
    if a.bytes() == b.bytes() {
        return fill(ctx, "Both move the same {0} {0|byte|bytes}.", &[&grouped(a.bytes())]);
    }
    let (more, less) = if a.bytes() > b.bytes() { (a, b) } else { (b, a) };
    let ratio = short(more.bytes() as f64 / less.bytes().max(1) as f64);
    let why = reason(ctx, more, less);
    fill(ctx, "{0} moves {1} {1|time|times} the bytes of {2}: {3}.", &[&more.name, &ratio, &less.name, &why])
}

/// Why `more` moves more: what it moves most elements more of, or its larger elements where it moves no more of them.
fn reason(ctx: &Context, more: RunTold<'_>, less: RunTold<'_>) -> String {
    let excess = |group: TensorGroup| more.of_group(group).saturating_sub(less.of_group(group));
    let group = TensorGroup::ALL.into_iter().max_by_key(|group| excess(*group)).filter(|group| excess(*group) > 0);
    let (plan, format) = (more.plan, more.plan.precision.element_bytes());
    let of_less = less.plan.precision.element_bytes();
    let moves_more = more.traffic.hbm_elements() > less.traffic.hbm_elements();
    let is_whole = plan.precision.is_whole() && less.plan.precision.is_whole();
    let Some(group) = group.filter(|_| moves_more) else {
        if !is_whole {
            let formats = [plan, less.plan].map(|plan| plan.precision.name());
            return fill(ctx, "its formats are {0}, those of the other {1}", &[&formats[0], &formats[1]]);
        }
        return fill(ctx, "its elements take {0} B each, those of the other {1} B", &[&format, &of_less]);
    };
    let times = |tensor: Tensor, size: usize| (more.times(tensor, size), less.times(tensor, size));
    let why = match group {
        TensorGroup::Scores => fill(
            ctx,
            "S and P go through HBM with {0} {0|element|elements}, in the other with {1}",
            &[&grouped(more.of_group(group)), &grouped(less.of_group(group))],
        ),
        TensorGroup::Keys => {
            let (own, other) = times(Tensor::K, plan.n_k * plan.d);
            fill(ctx, "K and V are loaded {0} {0|time|times} over, in the other {1}", &[&own, &other])
        }
        TensorGroup::Queries => {
            let (own, other) = times(Tensor::Q, plan.n_q * plan.d);
            fill(ctx, "Q is loaded {0} {0|time|times} over, in the other {1}", &[&own, &other])
        }
        TensorGroup::Outputs => {
            let (own, other) = times(Tensor::O, plan.n_q * plan.d_v);
            fill(
                ctx,
                "O and the statistics of its rows pass between HBM and the chip {0} {0|time|times}, in the other {1}",
                &[&own, &other],
            )
        }
        TensorGroup::Extras => fill(ctx, "the bias, a mask or the dropout mask is read more often", &[]),
        TensorGroup::Others => {
            let names: Vec<_> = more.tensors_of(group).into_iter().map(Tensor::name).collect();
            fill(
                ctx,
                "{2} go through HBM with {0} {0|element|elements}, in the other with {1}",
                &[&grouped(more.of_group(group)), &grouped(less.of_group(group)), &list(ctx, &names)],
            )
        }
    };
    if is_whole && format > of_less {
        let format = fill(ctx, "its elements take {0} B each, those of the other {1} B", &[&format, &of_less]);
        return fill(ctx, "{0}; and {1}", &[&why, &format]);
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::{Tiling, algorithm};

    fn told(a: (&str, usize, usize, Precision), b: (&str, usize, usize, Precision), n: usize, d: usize) -> String {
        let side = |(name, br, bc, precision)| {
            let plan = Plan::new(n, n, d, Tiling { br, bc }, precision);
            let traffic = algorithm::by_name(name).unwrap().closed_form(&plan);
            (plan, traffic)
        };
        let (left, right) = (side(a), side(b));
        sentence(
            &Context::default(),
            RunTold { name: "A", plan: &left.0, traffic: &left.1 },
            RunTold { name: "B", plan: &right.0, traffic: &right.1 },
        )
    }

    #[test]
    fn the_reason_is_what_moves_most_more() {
        let (f32, f16) = (Precision::F32, Precision::F16);
        // 1280 and 656 elements, of which S and P are 4 x 256.
        assert_eq!(
            told(("flash2", 4, 4, f32), ("standard", 4, 4, f32), 16, 4),
            "B moves 1.951 times the bytes of A: S and P go through HBM with 1,024 elements, in the other \
             with 0."
        );
        assert_eq!(
            told(("flash1", 4, 4, f32), ("flash2", 4, 4, f32), 16, 4),
            "A moves 1.902 times the bytes of B: O and the statistics of its rows pass between HBM and the chip 9 \
             times, in the other 1."
        );
        // The paper's own blocks: flash2 loads K and V for every block of 64 queries.
        let more = told(("flash2", 64, 326, f16), ("flash1", 64, 326, f16), 1024, 64);
        assert!(more.starts_with("A moves 2."), "{more}");
        assert!(more.ends_with("K and V are loaded 16 times over, in the other 1."), "{more}");
        // Each of 16 rows leaves 4 parts of O and of L, written and read once.
        let parts = told(("split-kv", 4, 4, f32), ("flash2", 4, 4, f32), 16, 4);
        assert!(parts.contains("O_part") && !parts.contains("Q is loaded"), "{parts}");
        // 656 x 8 bytes; 640 x 2, and the 16 of L in four bytes each.
        assert_eq!(
            told(("flash2", 4, 4, f16), ("flash2", 4, 4, Precision::F64), 16, 4),
            "B moves 3.905 times the bytes of A: its elements take 8 B each, those of the other 2 B."
        );
        assert_eq!(told(("flash2", 4, 4, f32), ("flash2", 4, 8, f32), 16, 4), "Both move the same 2,624 bytes.");
    }
}
