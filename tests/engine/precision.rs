//! Formats of single tensors: each name is rounded where it should be and nowhere else, saturation is counted, bytes follow.

use half::{bf16, f16};
use ndarray::Array2;
use proptest::prelude::*;
use tilescope::attention::error_rule::{self, max_error};
use tilescope::attention::input::bundled::CAPTURES;
use tilescope::attention::input::random;
use tilescope::attention::{Precision, Problem, naive};
use tilescope::machine::{Meter, MeterIndex, Run, View};
use tilescope::schedule::algorithm::{self, by_name};
use tilescope::schedule::language::Action;
use tilescope::schedule::{Algorithm, Plan, Schedule, Setting, Tensor, Tiling, each_step};
use tilescope::trace::{self, Export, Origin, Tiles, write_json};

use crate::common::any_plans;

fn precision(text: &str) -> Precision {
    Precision::read(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn run(name: &str, problem: &Problem, tiling: Tiling, text: &str) -> Run {
    let plan = Plan::of_problem(problem, 0, tiling, precision(text));
    let schedule = Schedule::new(by_name(name).expect("a text"), plan);
    Run::new(schedule, problem, 0, 0, |_| true).expect("it runs")
}

/// The chip after the `nth` step of this name, from 0.
fn after(run: &Run, operation: &str, nth: usize) -> View {
    let is_it = |n: &u64| {
        let step = run.schedule.step(*n).expect("a step");
        run.schedule.algorithm.operation(step.line) == operation
    };
    let n = (0..run.schedule.len()).filter(is_it).nth(nth).expect("it has such a step");
    run.view(n + 1)
}

/// The numbers of e4m3, by the fields of their codes.
fn e4m3() -> Vec<f64> {
    let of = |code: u32| match (code >> 3, f64::from(code & 7) / 8.0) {
        (0, fraction) => fraction * 2f64.powi(-6),
        (exponent, fraction) => (1.0 + fraction) * 2f64.powi(exponent as i32 - 7),
    };
    (0..0x7f).map(of).collect()
}

fn is_of(format: &str, x: f64) -> bool {
    match format {
        "f16" => f16::from_f64(x).to_f64() == x,
        "bf16" => bf16::from_f64(x).to_f64() == x,
        "e4m3" => e4m3().contains(&x.abs()),
        _ => f64::from(x as f32) == x,
    }
}

/// All of it is of the format; and some of it is not of a narrower one, so that the test can tell.
fn has_format(what: &str, values: &Array2<f64>, format: &str, not_of: &str) {
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    assert!(finite().all(|x| is_of(format, x)), "{what} is in {format}");
    assert!(finite().any(|x| !is_of(not_of, x)), "{what} is not in {not_of}");
}

const TILING: Tiling = Tiling { br: 4, bc: 3 };

fn problem() -> Problem {
    random::read("random:10,11,8", 5).expect("a spec").problem
}

#[test]
fn a_name_on_chip_is_rounded_where_it_is_made() {
    let run = run("flash2", &problem(), TILING, "f32,S=f16,m=bf16,l=f16");
    has_format("S", after(&run, "scores", 1).get("S").unwrap(), "f16", "bf16");
    let view = after(&run, "accumulate", 2);
    has_format("m", view.get("m").unwrap(), "bf16", "e4m3");
    has_format("l", view.get("l").unwrap(), "f16", "bf16");
    has_format("O", view.get("O").unwrap(), "f32", "f16");
    has_format("P", view.get("P").unwrap(), "f32", "f16");
}

/// P keeps its bits on chip, and its product has those of the format.
#[test]
fn an_operand_is_rounded_at_its_product() {
    let problem = problem();
    let run = run("flash2", &problem, Tiling { br: 10, bc: 11 }, "f32,P=e4m3");
    let view = after(&run, "accumulate", 0);
    let p = view.get("P").unwrap();
    has_format("P", p, "f32", "f16");
    let codes = e4m3();
    let nearest = |x: f64| codes.iter().copied().min_by(|a, b| (a - x).abs().total_cmp(&(b - x).abs())).unwrap();
    let rounded = p.mapv(nearest);
    let v = Array2::from_shape_fn((11, 8), |(j, c)| problem.v[[0, 0, j, c]]);
    let error = max_error(view.get("O").unwrap(), &rounded.dot(&v));
    assert!(error < 1e-5, "{error}");
    assert!(max_error(view.get("O").unwrap(), &p.dot(&v)) > 1e-3, "and not that of P as it is");
    // l is the sum of what P was.
    let l: Vec<f64> = p.rows().into_iter().map(|row| row.sum()).collect();
    assert!(max_error(view.get("l").unwrap(), &l) < 1e-5);
}

#[test]
fn a_tensor_is_rounded_where_it_is_stored() {
    let of = |text: &str| run("flash2", &problem(), TILING, text).results().get("O").unwrap().clone();
    has_format("O", &of("bf16"), "bf16", "e4m3");
    has_format("O", &of("bf16,O=f16"), "f16", "bf16");
    has_format("O", &of("bf16,O=f32"), "f32", "f16");
    assert!(of("e4m3").iter().all(|x| is_of("e4m3", *x)));
}

/// The paper's line stores O rounded at each visit; kernels keep it in f32 between visits.
#[test]
fn flash1_rounds_o_at_every_visit_or_at_none() {
    let (rounded, kept) = (run("flash1", &problem(), TILING, "f16"), run("flash1", &problem(), TILING, "f16,O=f32"));
    for visit in 1..4 {
        let o = |run: &Run| after(run, "load O", 3 * visit).get("O").unwrap().clone();
        has_format("O", &o(&rounded), "f16", "bf16");
        has_format("O", &o(&kept), "f32", "f16");
    }
    let exact = error_rule::reference(&problem(), 0, 0, Precision::F16).exact.o;
    let error = |run: &Run| max_error(run.results().get("O").unwrap(), &exact);
    assert!(error(&kept) < error(&rounded));
}

#[test]
fn accumulators_are_what_acc_says() {
    let run = run("flash2", &problem(), TILING, "f16,acc=bf16");
    let view = after(&run, "accumulate", 1);
    for name in ["O", "l", "m"] {
        has_format(name, view.get(name).unwrap(), "bf16", "e4m3");
    }
}

/// A threshold of 2^12 lets one weight of this head become 2276, of which e4m3 keeps 448.
#[test]
fn a_late_rescale_saturates() {
    let capture = CAPTURES[0].input();
    let problem = capture.problem.prefix(16).expect("it is causal");
    let of = |name: &str, text: &str| {
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 4, bc: 4 }, precision(text));
        let run = Run::new(Schedule::new(by_name(name).unwrap(), plan), &problem, 0, 2, |_| true).unwrap();
        let error = max_error(run.results().get("O").unwrap(), &exact(&problem, 2));
        (run.results().saturated().to_vec(), error)
    };
    let (saturated, error) = of("flash2-lazy/late", "e4m3");
    assert_eq!(saturated, [("P".to_owned(), 1)]);
    assert!(error > 1.5, "{error}");
    for (name, text) in [("flash2-lazy", "e4m3"), ("flash2", "e4m3"), ("flash2-lazy/late", "f16")] {
        let (saturated, error) = of(name, text);
        assert!(saturated.is_empty() && error < 0.3, "{name} {text}: {saturated:?} {error}");
    }
}

fn exact(problem: &Problem, head: usize) -> Array2<f64> {
    error_rule::reference(problem, 0, head, Precision::F64).exact.o
}

/// What was worked out apart (numpy and ml_dtypes) for 16 tokens of head 8 of the first capture.
#[test]
fn errors_are_those_worked_out_apart() {
    let capture = CAPTURES[0].input();
    let problem = capture.problem.prefix(16).expect("it is causal");
    let exact = exact(&problem, 8);
    let flash2 = |text: &str| {
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 4, bc: 4 }, precision(text));
        let run = Run::new(Schedule::new(by_name("flash2").unwrap(), plan), &problem, 0, 8, |_| true).unwrap();
        max_error(run.results().get("O").unwrap(), &exact)
    };
    let plain = |text: &str| {
        let precision = precision(text);
        max_error(&naive::attention(&problem.head::<f32>(0, 8, precision), precision).o, &exact)
    };
    let near = |got: f64, want: f64| assert!((got - want).abs() < 0.005 * want, "{got} for {want}");
    near(flash2("f16"), 4.358e-4);
    near(plain("f16"), 1.192e-3);
    near(flash2("bf16"), 6.279e-3);
    near(plain("bf16"), 8.195e-3);
    near(flash2("e4m3"), 0.13748);
    near(plain("e4m3"), 0.13748);
    near(flash2("e4m3,O=f32"), 0.12012);
    near(flash2("e4m3,scales=block"), 0.13140);
    near(flash2("f16,S=f16"), 1.113e-3);
}

/// A scale brings what is far too large for e4m3 within reach.
#[test]
fn scales_keep_large_inputs() {
    let mut large = problem();
    large.v.mapv_inplace(|x| 1e5 * x);
    let largest = error_rule::largest(&exact(&large, 0));
    let of = |text: &str| {
        let run = run("flash2", &large, TILING, text);
        let error = max_error(run.results().get("O").unwrap(), &exact(&large, 0)) / largest;
        (run.results().saturated().iter().map(|(_, count)| count).sum::<u64>(), error)
    };
    let (without, lost) = of("e4m3,O=f32");
    assert!(without > 0 && lost > 0.5, "{without} {lost}");
    let (with, error) = of("e4m3,O=f32,scales=block");
    assert!(with == 0 && error < 0.2, "{with} {error}");
}

/// Loads of a run that move a block of one of `names`, step by step.
fn loads_of(of: &Algorithm, setting: &Setting, names: &[&str]) -> u64 {
    let (mut loads, of) = (0, of.for_heads(setting.heads));
    each_step(of, setting, |_, step| {
        let line = of.line(step.line);
        let is_load = matches!(line.statements[0].action, Action::Load { .. }) && !step.free;
        let tensor = line.tensor().map(|tensor| of.text().tensors[tensor].name.as_str());
        loads += u64::from(is_load && tensor.is_some_and(|name| names.contains(&name)));
    });
    loads
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A scale is read with each block of an input that has some, 4 bytes, by every text under every mask.
    #[test]
    fn scales_are_read_with_their_blocks(plan in any_plans(), splits in 1usize..4, heads in 1usize..3) {
        for (format, names) in [
            ("e4m3,scales=block", &["Q", "K", "V"][..]),
            ("bf16,K=e4m3,V=e4m3,scales=block", &["K", "V"]),
            ("e4m3,Q=f16,O=f32,scales=block", &["K", "V"]),
            ("e4m3", &[]),
        ] {
            let precision = Precision::read(format).expect(format);
            let setting = Setting { splits, heads, ..Setting::new(Plan { precision, ..plan.clone() }) };
            for of in algorithm::of_program() {
                let (closed, wanted) = (of.closed_form_of(&setting), loads_of(of, &setting, names));
                prop_assert_eq!(closed.read.get(Tensor::SCALES), wanted, "{} in {}", of.name(), format);
                prop_assert_eq!(closed.read.bytes_of(Tensor::SCALES), 4 * wanted, "{} in {}", of.name(), format);
                prop_assert_eq!(closed.write.get(Tensor::SCALES), 0);
                let schedule = Schedule::of(of, setting.clone());
                prop_assert_eq!(MeterIndex::new(&schedule).total().traffic, closed, "{} in {}", of.name(), format);
                let mut steps = 0;
                schedule.for_each(|_, step| steps += schedule.moved(step, Tensor::SCALES).0);
                prop_assert_eq!(steps, wanted, "{} in {}", of.name(), format);
            }
        }
    }
}

/// Of flash2 without a mask: one for each query block, and two for each tile. A trace adds them up, and one that was written
/// before they were counted is read as it is.
#[test]
fn scales_of_a_trace_add_up() {
    let problem = problem();
    let run = run("flash2", &problem, TILING, "e4m3,O=f32,scales=block");
    let plan = run.schedule.plan();
    let (t_r, t_c) = (plan.t_r() as u64, plan.t_c() as u64);
    let read_of = |tensor| run.totals(run.schedule.len()).traffic.read.get(tensor);
    assert_eq!(read_of(Tensor::SCALES), t_r + 2 * t_r * t_c);
    let export = Export {
        origin: Origin::default(),
        problem: &problem,
        schedule: &run.schedule,
        batch: 0,
        head: 0,
        hardware: None,
        kernel_source: None,
        d_o: None,
    };
    let mut bytes = Vec::new();
    write_json(&mut bytes, &export, Tiles::None, |_| true).expect("it is written");
    let trace = trace::read(&bytes).expect("a trace");
    assert_eq!(trace.totals.tensors[&Tensor::SCALES].read_bytes, 4 * (t_r + 2 * t_r * t_c));
    let mut before = trace.clone();
    for step in before.steps.iter_mut().filter(|step| step.hbm_read_bytes > 0) {
        step.hbm_read_bytes -= 4;
    }
    before.totals.hbm_read_bytes -= before.totals.tensors.remove(&Tensor::SCALES).expect("it has scales").read_bytes;
    assert!(trace::read(&before.to_json()).is_ok());
    before.steps[0].hbm_read_bytes += 4;
    assert!(trace::read(&before.to_json()).is_err());
}

/// Bytes of one element, written out apart.
fn bytes(format: &str) -> u64 {
    match format {
        "f64" => 8,
        "f32" => 4,
        "f16" | "bf16" => 2,
        "e4m3" => 1,
        other => panic!("{other}"),
    }
}

/// A text of formats, with the format of each tensor of the forward passes.
fn texts() -> impl Strategy<Value = (String, Vec<(&'static str, &'static str)>)> {
    const FORMATS: [&str; 4] = ["f32", "f16", "bf16", "e4m3"];
    let own = proptest::collection::vec(0..6usize, 8);
    (0..4usize, own, 0..6usize).prop_map(|(base, own, acc)| {
        let (mut text, mut of) = (FORMATS[base].to_owned(), Vec::new());
        for (name, at) in ["Q", "K", "V", "O", "S", "P", "m", "l"].into_iter().zip(own) {
            let is_row = ["m", "l"].contains(&name);
            let usual = if is_row { FORMATS.get(acc).copied().unwrap_or("f32") } else { FORMATS[base] };
            if let Some(format) = FORMATS.get(at) {
                text += &format!(",{name}={format}");
            }
            of.push((name, FORMATS.get(at).copied().unwrap_or(usual)));
        }
        if let Some(format) = FORMATS.get(acc) {
            text += &format!(",acc={format}");
        }
        of.push(("L", FORMATS.get(acc).copied().unwrap_or("f32")));
        (text, of)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The meters, the closed form, and elements times bytes are the same.
    #[test]
    fn bytes_are_those_of_the_formats(plan in any_plans(), (text, formats) in texts()) {
        let plan = Plan { precision: precision(&text), bias: false, ..plan };
        let forward: Vec<&Algorithm> = ["standard", "flash1", "flash2", "flash2-lazy"].map(|name| by_name(name).unwrap()).into();
        for algorithm in forward {
            let schedule = Schedule::new(algorithm, plan.clone());
            let mut meter = Meter::new(&schedule);
            (0..schedule.section_count()).for_each(|index| schedule.each_of_section(index, |step| meter.add(step)));
            let (traffic, closed) = (meter.totals().traffic, algorithm.closed_form(&plan));
            prop_assert_eq!(&traffic, &closed);
            for (tensor, elements) in traffic.read.iter().chain(traffic.write.iter()) {
                let Some((_, format)) = formats.iter().find(|(name, _)| *name == tensor.name()) else { continue };
                let moved = if traffic.read.get(tensor) == elements { traffic.read } else { traffic.write };
                prop_assert_eq!(moved.bytes_of(tensor), elements * bytes(format), "{} of {}", tensor.name(), &text);
            }
        }
    }
}

/// Every text runs in every format that can be written, and its numbers stay finite on usual inputs.
#[test]
fn every_text_runs_in_mixed_formats() {
    let problem = problem();
    for text in ["e4m3", "bf16,O=f32,P=e4m3", "f16,acc=f16", "f32,K=e4m3,V=e4m3", "e4m3,scales=block,O=bf16"] {
        for algorithm in *algorithm::ALL {
            let run = run(algorithm.name(), &problem, TILING, text);
            let o = run.results().called("O").expect("an output").into_owned();
            assert!(o.iter().all(|x| x.is_finite()), "{} in {text}", algorithm.name());
        }
    }
}

/// Of a product of two values that a line makes, each counts what of its own saturates.
#[test]
fn each_operand_counts_its_own() {
    let text = "language 1\ntitle x\nin Q K V\nout O\nkernel k\nshared Q, K, V ; registers A, B, S, O\n\
                parallel for i in query blocks\n  load Q[i]\n  start: O = 0 per row of d_v\n  large: A = 1000 * Q\n  \
                for j in key blocks\n    load K[j]\n    load V[j]\n    larger: B = 1000 * K\n    \
                scores: S = A @ B^T\n    sum: O = O + S @ V\n  store O[i]\n";
    let text = Algorithm::read("own", text).expect("a text");
    let mut problem = random::read("random:2,3,2", 1).expect("an input").problem;
    problem.q.fill(0.25);
    // Of 4 elements of A none is beyond 448, and of 6 of B five are.
    problem.k.fill(1.0);
    problem.k[[0, 0, 0, 0]] = 0.25;
    let plan = Plan::of_problem(&problem, 0, Tiling { br: 2, bc: 3 }, Precision::F32);
    let of = |problem: &Problem, formats: &str| {
        let plan = Plan { precision: precision(formats), ..plan.clone() };
        let run = Run::new(Schedule::new(&text, plan), problem, 0, 0, |_| true).expect("it runs");
        let saturated = run.results().saturated().iter().filter(|(name, _)| name == "A" || name == "B");
        saturated.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(&problem, "e4m3"), [("B".to_owned(), 5)]);
    problem.q[[0, 0, 1, 1]] = 3.0;
    assert_eq!(of(&problem, "e4m3"), [("A".to_owned(), 1), ("B".to_owned(), 5)]);
    problem.k.fill(0.25);
    assert_eq!(of(&problem, "e4m3"), [("A".to_owned(), 1)]);
    assert_eq!(of(&problem, "bf16"), []);
}
