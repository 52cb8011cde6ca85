//! Texts over a group of query heads, and programs in another order.

use ndarray::Array2;
use tilescope::attention::error_rule::max_error;
use tilescope::attention::{Precision, oracle};
use tilescope::machine::{Given, column};
use tilescope::schedule::language::{Algorithm, Role, Setting, TEXTS, closed_form};
use tilescope::schedule::{Plan, Tiling};

use tilescope::machine::Run;
use tilescope::schedule::{Algorithm as Named, Schedule, algorithm};

use super::common::golden::{self, Case};
use super::outcome::carry_out;
use super::read;

/// The backward pass in two kernels with dK and dV summed over the query heads by a kernel of the group.
fn reducing() -> Algorithm {
    read(&reducing_text())
}

fn reducing_text() -> String {
    let (_, text) = TEXTS.into_iter().find(|(name, _)| *name == "two-kernel-backward").expect("a text of the program");
    let text = text
        .replace("hbm      D\n", "hbm      D dK_head[h,j]:acc of d dV_head[h,j]:acc of d_v\n")
        .replace("registers dK, dV, S P", "registers dK_head, dV_head, S P")
        .replace("dK = 0 per key of d; dV = 0", "dK_head = 0 per key of d; dV_head = 0")
        .replace("dV = dV + P", "dV_head = dV_head + P")
        .replace("dK = dK + scale", "dK_head = dK_head + scale")
        .replace("store dK[j]", "store dK_head[h,j]")
        .replace("store dV[j]", "store dV_head[h,j]");
    format!(
        "{text}
kernel reduce-heads
registers dK, dV, dK_head, dV_head
parallel for j in key blocks
  start-keys: dK = 0 per key of d; dV = 0 per key of d_v
  for h in heads of the group
    load dK_head[h,j]
    load dV_head[h,j]
    add-heads: dK = dK + dK_head; dV = dV + dV_head
  store dK[j]
  store dV[j]
"
    )
}

/// A head with what its forward pass leaves.
fn given(case: &Case, batch: usize, head: usize) -> Given<f64> {
    let inputs = case.problem.head::<f64>(batch, head, Precision::F64);
    let d_o = case.tensor("dO").slice(ndarray::s![batch, head, .., ..]).to_owned();
    let exact: Vec<oracle::Row> = (0..inputs.n_q()).map(|i| oracle::row(&inputs, i)).collect();
    let p = Array2::from_shape_fn((exact.len(), inputs.n_k()), |(i, j)| exact[i].p[j]);
    let o = Array2::from_shape_fn((exact.len(), inputs.v.ncols()), |(i, c)| exact[i].o[c]);
    let each = |pick: fn(&oracle::Row) -> f64| column(&exact.iter().map(pick).collect::<Vec<_>>());
    let (m, l, lse) = (each(|row| row.m), each(|row| row.l), each(|row| row.lse));
    Given::new(inputs).with("dO", d_o).with("O", o).with("P", p).with("m", m).with("l", l).with("L", lse)
}

#[test]
fn a_kernel_of_the_group_sums_over_its_heads() {
    let algorithm = reducing();
    let mut ran = 0;
    for case in golden::cases().into_iter().filter(|case| case.problem.shape.group() > 1) {
        let shape = case.problem.shape;
        for batch in 0..shape.batch {
            let plan = Plan::of_problem(&case.problem, batch, Tiling { br: 5, bc: 7 }, Precision::F64);
            let setting = Setting { heads: shape.group(), ..Setting::new(plan) };
            for kv_head in 0..shape.kv_heads {
                let heads = (0..shape.group()).map(|n| given(&case, batch, kv_head * shape.group() + n));
                let heads: Vec<Given<f64>> = heads.collect();
                let outcome = carry_out(&algorithm, &setting, &heads).unwrap_or_else(|fault| panic!("{fault}"));
                assert_eq!(outcome.tally.total(), closed_form(&algorithm, &setting).total(), "{}", case.name);
                for name in ["dK", "dV"] {
                    let want = case.tensor(name);
                    let want = want.slice(ndarray::s![batch, kv_head, .., ..]);
                    let got = outcome.tensor(name, 0).expect("an output");
                    let error = max_error(got.iter(), want.iter());
                    assert!(error <= case.bound_of(name, Precision::F64), "{}: {name} is off by {error:e}", case.name);
                    ran += 1;
                }
                // One read of each head's part, one write of the sum.
                let elements = |width| (setting.plan.n_k * width) as u64;
                let group = shape.group() as u64;
                let parts = (group * elements(shape.d), group * elements(shape.d));
                assert_eq!(outcome.tally.of_name(&algorithm, "dK_head"), parts, "{}", case.name);
                assert_eq!(outcome.tally.of_name(&algorithm, "dK"), (0, elements(shape.d)), "{}", case.name);
            }
        }
    }
    println!("{ran} gradients of groups");
    assert!(ran >= 20, "{ran} is too few: the golden data is not all there");
}

/// The bits of every output of one head of a case.
fn bits(text: &str, case: &Case) -> Vec<(String, Vec<u64>)> {
    let algorithm = read(text);
    let setting = Setting {
        splits: 3,
        ..Setting::new(Plan::of_problem(&case.problem, 0, Tiling { br: 5, bc: 7 }, Precision::F64))
    };
    let heads = [given(case, 0, 0)];
    let outcome = carry_out(&algorithm, &setting, &heads).unwrap_or_else(|fault| panic!("{fault}"));
    let outputs = algorithm.tensors.iter().filter(|tensor| tensor.role == Role::Out);
    outputs
        .map(|tensor| {
            let values = outcome.tensor(&tensor.name, 0).expect("an output");
            (tensor.name.clone(), values.iter().map(|value| value.to_bits()).collect())
        })
        .collect()
}

/// Without `add`, programs in any order give the same bits; with it, the same sums but for rounding, and the same bits for
/// the same order.
#[test]
fn programs_may_run_in_another_order() {
    let cases = golden::cases();
    let case = cases.iter().find(|case| case.name == "all_b2_h4_kv2_q64_k130_d8.npz").expect("it is there");
    let mut reversed = 0;
    for (name, text) in TEXTS {
        let mut other = text.to_owned();
        for over in ["i in query blocks", "j in key blocks", "s in splits"] {
            let (letter, blocks) = over.split_once(" in ").expect("a loop");
            let turned = format!("{letter} in reversed {blocks}");
            other = other
                .replace(&format!("parallel for {over}"), &format!("parallel for {turned}"))
                .replace(&format!(", {over}"), &format!(", {turned}"));
        }
        if other == text {
            assert!(name.starts_with("flash1"), "{name}: only a single program has no order");
            continue;
        }
        reversed += 1;
        let (one, two) = (bits(text, case), bits(&other, case));
        assert_eq!(two, bits(&other, case), "{name}: the same order, other bits");
        if !text.contains(": add ") {
            assert_eq!(one, two, "{name}");
            continue;
        }
        for ((output, one), (_, two)) in one.iter().zip(&two) {
            let values = |bits: &[u64]| bits.iter().map(|&bits| f64::from_bits(bits)).collect::<Vec<_>>();
            let error = max_error(&values(one), &values(two));
            assert!(error <= 1e-11, "{name}: {output} is off by {error:e}");
        }
    }
    assert_eq!(reversed, 8);
}

/// The golden groups in every format, by the rule of their file; what dK is in 16 bits is a number of 16 bits.
#[test]
fn gradients_of_groups_in_every_format() {
    let mut ran = 0;
    let of_program = ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"];
    for case in golden::cases().into_iter().filter(|case| case.problem.shape.group() > 1) {
        let (shape, d_o) = (case.problem.shape, case.tensor("dO"));
        for text in of_program.into_iter().filter_map(algorithm::by_name) {
            if case.problem.dropout.is_some() && text.name() == "standard-backward" {
                continue;
            }
            let given = (Precision::WITH_INFINITY, [Tiling { br: 5, bc: 7 }, Tiling { br: 64, bc: 16 }]);
            for (precision, tiling) in
                given.0.into_iter().flat_map(|precision| given.1.map(|tiling| (precision, tiling)))
            {
                let plan = Plan::of_problem(&case.problem, 0, tiling, precision);
                let schedule = Schedule::of(text, Setting { heads: shape.group(), ..Setting::new(plan) });
                let of_entry = d_o.slice(ndarray::s![0, .., .., ..]);
                let run = Run::with_gradient(schedule, &case.problem, Some(of_entry.view()), 0, 0, |_| true);
                let run = run.unwrap_or_else(|fault| panic!("{}, {}: {fault}", text.name(), case.name));
                for name in ["dQ", "dK", "dV"] {
                    let want = case.tensor(name);
                    let want = want.slice(ndarray::s![0, 0, .., ..]);
                    let got = run.results().get(name).expect("an output");
                    let (error, bound) = (max_error(got.iter(), want.iter()), case.bound_of(name, precision));
                    let place = format!("{}, {}, {}: {name}", text.name(), case.name, precision.name());
                    assert!(error <= bound, "{place} is off by {error:e}, the bound is {bound:e}");
                    let format = precision.format_of(name);
                    let is_number = |x: &f64| precision == Precision::F64 || f64::from(format.round(*x as f32)) == *x;
                    assert!(name == "dQ" || got.iter().all(is_number), "{place} is no number of the format");
                    ran += 1;
                }
            }
        }
    }
    assert!(ran >= 300, "{ran} is too few: the golden data is not all there");
}

/// What the window runs of a backward pass: all heads that share a key/value head, of which one is picked. dK and dV are
/// those of the group, dQ that of the head.
#[test]
fn a_run_is_of_the_group_and_shows_the_head_that_is_picked() {
    let mine = Named::read("mine", &reducing_text()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let of_program = ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"];
    let texts: Vec<Named> = of_program.into_iter().filter_map(algorithm::by_name).cloned().chain([mine]).collect();
    assert_eq!(texts.len(), 5);
    let mut ran = 0;
    for case in golden::cases().into_iter().filter(|case| case.problem.shape.group() > 1) {
        let (shape, d_o) = (case.problem.shape, case.tensor("dO"));
        for text in &texts {
            assert_eq!(text.heads(&shape), shape.group(), "{}", text.name());
            let batch = shape.batch - 1;
            let plan = Plan::of_problem(&case.problem, batch, Tiling { br: 5, bc: 7 }, Precision::F64);
            let setting = Setting { heads: shape.group(), ..Setting::new(plan.clone()) };
            // The text of one's own sums over one head, too; to those of the program six steps a key block come.
            let sums = if text.has_kernel_of_group() { 0 } else { 6 * plan.t_c() as u64 };
            let alone = Schedule::new(text, plan).len() + sums;
            let schedule = Schedule::of(text, setting);
            let d_o = d_o.slice(ndarray::s![batch, .., .., ..]);
            let head = shape.heads - 2;
            let run = Run::with_gradient(schedule.clone(), &case.problem, Some(d_o.view()), batch, head, |_| true);
            let run = run.unwrap_or_else(|fault| panic!("{}, {}: {fault}", text.name(), case.name));
            for (name, of) in [("dQ", head), ("dK", shape.kv_head(head)), ("dV", shape.kv_head(head))] {
                let want = case.tensor(name);
                let want = want.slice(ndarray::s![batch, of, .., ..]);
                let got = run.results().get(name).expect("an output");
                let error = max_error(got.iter(), want.iter());
                let place = format!("{}, {}: {name}", text.name(), case.name);
                assert!(error <= case.bound_of(name, Precision::F64), "{place} is off by {error:e}");
                ran += 1;
            }
            // Each head has its own steps; a kernel of the group belongs to all.
            let (mut own, mut all) = (0, 0);
            schedule.for_each(|_, step| {
                assert_eq!(run.head_of(step), head - schedule.setting.picked(head) + step.head);
                own += u64::from(run.is_shown(step));
                all += 1;
            });
            assert!(own == alone && all == run.schedule.len(), "{}: {own} of {alone}", text.name());
            assert!(own < all, "{}", text.name());
        }
        for forward in ["standard", "flash1", "flash2", "flash2-lazy", "split-kv"] {
            let forward = algorithm::by_name(forward).expect("a text of the program");
            assert_eq!(forward.heads(&shape), 1, "a forward pass is of one head");
        }
    }
    println!("{ran} gradients of groups in runs");
    assert!(ran >= 60, "{ran} is too few: the golden data is not all there");
}

/// What a kernel of the group stores outside its loop over heads is one for all of them: another loads it so.
#[test]
fn what_is_stored_for_the_group_is_one_for_all_heads() {
    let again = "kernel again\nregisters E, dK, dK_head\nparallel for j in key blocks\n  load dK[j]\n  \
                 start: E = 0 per key of d\n  for h in heads of the group\n    load dK_head[h,j]\n    \
                 add: E = E + dK + dK_head\n  store E[j]\n";
    let text = reducing_text().replace("out      dQ dK dV\n", "out      dQ dK dV E[j] of d\n") + again;
    let algorithm = read(&text);
    let of_group = |name: &str| algorithm.tensors[algorithm.tensor(name).expect("a tensor")].is_of_group;
    assert_eq!(["dK", "E", "dK_head", "dQ"].map(of_group), [true, true, false, false]);
}
