//! Query heads that share keys: for them a backward text runs with dK and dV of each head in HBM, in the format of the
//! accumulators, and with a kernel that sums them once. Counts by hand, sums bit by bit, seeks, formats.

use ndarray::{Array2, Array4, s};
use proptest::prelude::*;
use tilescope::attention::input::random;
use tilescope::attention::{Format, Precision, Problem, gradients};
use tilescope::machine::{Meter, MeterIndex, Run};
use tilescope::schedule::{Algorithm, Plan, Schedule, Setting, Tensor, Tiling, algorithm, each_step};

use crate::common::{self, any_plans, any_problems};

fn backward() -> impl Iterator<Item = &'static Algorithm> {
    algorithm::of_program().filter(|text| text.is_backward())
}

fn tensor(name: &str) -> Tensor {
    Tensor::named(name).expect("a name")
}

/// A run of the query heads `heads` of batch entry 0.
fn run(text: &Algorithm, plan: Plan, problem: &Problem, d_o: &Array4<f64>, head: usize, heads: usize) -> Run {
    let schedule = Schedule::of(text, Setting { heads, ..Setting::new(plan) });
    let run = Run::with_gradient(schedule, problem, Some(d_o.slice(s![0, .., .., ..])), 0, head, |_| true);
    run.unwrap_or_else(|fault| panic!("{}: {fault}", text.name()))
}

fn result(run: &Run, name: &str) -> Array2<f64> {
    run.results().get(name).expect("an output").clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Of g heads each writes g N_k d elements of its own dK, which are read once, and N_k d are written; of every other
    /// tensor g heads move as much as g times one. What is counted step by step is what the closed form says.
    #[test]
    fn what_heads_make_of_keys_is_counted_by_hand(plan in any_plans(), heads in 2usize..6) {
        for text in backward() {
            let one = text.closed_form(&plan);
            let setting = Setting { heads, ..Setting::new(plan.clone()) };
            let schedule = Schedule::walked(text, setting.clone());
            let (form, meters) = (text.closed_form_of(&setting), MeterIndex::new(&schedule));
            prop_assert_eq!(&meters.total().traffic, &form, "{}", text.name());
            prop_assert_eq!(schedule.len(), text.steps_of(&setting), "{}", text.name());
            let runs = text.for_heads(heads);
            let mut streamed = Meter::of_plan(runs, &plan);
            each_step(text, &setting, |_, step| streamed.add(step));
            prop_assert_eq!(&streamed.totals().traffic, &form, "{}", text.name());
            if let Some(added_up) = Schedule::added_up(text, &setting) {
                prop_assert_eq!(added_up.len(), schedule.len(), "{}", text.name());
            }
            let g = heads as u64;
            for (name, part, d) in [("dK", "dK_head", plan.d), ("dV", "dV_head", plan.d_v)] {
                let keys = (plan.n_k * d) as u64;
                // flash1 begins them with zeros in HBM, too.
                let times = if text.name() == "flash1-backward" { 2 } else { 1 };
                let moved = |name: &str| (form.read.get(tensor(name)), form.write.get(tensor(name)));
                prop_assert_eq!(moved(part), (g * keys, times * g * keys), "{} {}", text.name(), part);
                prop_assert_eq!(moved(name), (0, keys), "{} {}", text.name(), name);
            }
            for of in one.tensors().into_iter().filter(|of| !["dK", "dV"].contains(&of.name())) {
                let of_one = (g * one.read.get(of), g * one.write.get(of));
                prop_assert_eq!((form.read.get(of), form.write.get(of)), of_one, "{} {}", text.name(), of.name());
            }
            prop_assert_eq!(form.flops.matmul, g * one.flops.matmul);
            prop_assert_eq!(form.flops.exp, g * one.flops.exp);
            // One addition for each element of each head.
            let sums = g * (plan.n_k * (plan.d + plan.d_v)) as u64;
            prop_assert_eq!(form.flops.other, g * one.flops.other + sums, "{}", text.name());
        }
    }

    /// dK and dV of the group are those of its heads, unrounded, summed in their order in the format of the accumulators and
    /// rounded once: bit for bit, and each a number of the format. dQ is that of the head alone.
    #[test]
    fn the_sum_is_rounded_once((problem, tiling, precision) in any_problems(), seed in 0u64..1000) {
        let (shape, d_o) = (problem.shape, random::d_o(&problem.shape, seed));
        let group = shape.group();
        prop_assume!(group > 1);
        let first = seed as usize % shape.kv_heads * group;
        for text in backward() {
            let plan = Plan::of_problem(&problem, 0, tiling, precision);
            let of_group = run(text, plan.clone(), &problem, &d_o, first + group - 1, group);
            let mut apart = precision;
            if precision != Precision::F64 {
                for name in ["dK", "dV"] {
                    apart = apart.with(name, Some(Format::F32)).expect("a format of its own");
                }
            }
            let plan = Plan { precision: apart, ..plan };
            let alone = |head: usize| run(text, plan.clone(), &problem, &d_o, head, 1);
            let heads: Vec<Run> = (first..first + group).map(alone).collect();
            for name in ["dK", "dV"] {
                let got = result(&of_group, name);
                let parts: Vec<Array2<f64>> = heads.iter().map(|run| result(run, name)).collect();
                for (at, got) in got.indexed_iter() {
                    let want = match precision {
                        Precision::F64 => parts.iter().fold(0.0, |sum, part| sum + part[at]),
                        _ => {
                            let sum = parts.iter().fold(0.0f32, |sum, part| sum + part[at] as f32);
                            f64::from(precision.format_of(name).round(sum))
                        }
                    };
                    let is_it = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                    prop_assert!(is_it, "{}: {name} {at:?} is {got}, not {want}", text.name());
                }
            }
            let own = heads.last().expect("a head");
            prop_assert_eq!(result(&of_group, "dQ").mapv(f64::to_bits), result(own, "dQ").mapv(f64::to_bits));
        }
    }

    /// A look at any step has the bits of a walk up to there, also after looks elsewhere.
    #[test]
    fn a_seek_has_the_bits_of_a_walk((problem, tiling, precision) in any_problems(), at in 0.0..1.0f64) {
        let group = problem.shape.group();
        prop_assume!(group > 1);
        let ones = Array4::ones((problem.shape.batch, problem.shape.heads, problem.shape.n_q, problem.shape.d_v));
        for text in backward() {
            let plan = Plan::of_problem(&problem, 0, tiling, precision);
            let run = run(text, plan, &problem, &ones, group - 1, group);
            // The last steps are those of the sum.
            for at in [at, 1.0 - at / 50.0, at] {
                let cursor = (at * run.schedule.len() as f64) as u64;
                let (seen, stepped) = (run.view(cursor), common::stepped(&run, &problem, cursor));
                prop_assert_eq!(common::bits(&seen), common::bits(&stepped), "{} at {}", text.name(), cursor);
            }
        }
    }

    /// dQ, dK and dV are the sums of what exact attention has for each head.
    #[test]
    fn gradients_of_a_group_are_exact((problem, tiling, _) in any_problems(), seed in 0u64..1000) {
        let (shape, d_o) = (problem.shape, random::d_o(&problem.shape, seed));
        let group = shape.group();
        prop_assume!(group > 1);
        let exact: Vec<_> = (0..group)
            .map(|head| {
                gradients::gradients(&problem.head::<f64>(0, head, Precision::F64), d_o.slice(s![0, head, .., ..]))
            })
            .collect();
        let sum = |of: fn(&gradients::Gradients) -> &Array2<f64>| {
            exact.iter().skip(1).fold(of(&exact[0]).clone(), |sum, one| sum + of(one))
        };
        for text in backward() {
            let plan = Plan::of_problem(&problem, 0, tiling, Precision::F64);
            let run = run(text, plan, &problem, &d_o, 1, group);
            for (name, want) in [("dQ", exact[1].d_q.clone()), ("dK", sum(|of| &of.d_k)), ("dV", sum(|of| &of.d_v))] {
                let got = result(&run, name);
                prop_assert_eq!(got.dim(), want.dim());
                for (got, want) in got.iter().zip(&want) {
                    prop_assert!((got - want).abs() <= 1e-10 * (1.0 + want.abs()), "{}: {} {} {}", text.name(), name, got, want);
                }
            }
        }
    }
}

/// One token, one tile less, one tile, one more, primes; groups of all sizes; and one head, for which nothing changes.
#[test]
fn awkward_sizes_and_groups() {
    let mut ran = 0;
    for (n_q, n_k) in [(1, 1), (1, 7), (7, 1), (3, 3), (4, 4), (5, 5), (13, 11)] {
        for heads in [1, 2, 3, 5] {
            for text in backward() {
                let plan = Plan::new(n_q, n_k, 3, Tiling { br: 4, bc: 4 }, Precision::F16);
                let setting = Setting { heads, ..Setting::new(plan.clone()) };
                let schedule = Schedule::of(text, setting.clone());
                let has_sum = schedule.kernels.iter().any(|kernel| kernel.name == "reduce-heads");
                assert_eq!(has_sum, heads > 1, "{} of {heads}", text.name());
                let last = schedule.kernels.last().expect("a kernel");
                assert!(!has_sum || last.programs == n_k.div_ceil(4), "a program for each key block");
                if heads == 1 {
                    assert_eq!(schedule.algorithm.text().text, text.text().text);
                }
                assert_eq!(
                    MeterIndex::new(&schedule).total().traffic,
                    text.closed_form_of(&setting),
                    "{}",
                    text.name()
                );
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 7 * 4 * 4);
}
