//! The CUDA kernels' own sources, compiled for the CPU by headers that play the thread block, on every golden and
//! built-in case, with dropout where a kernel knows it; and mutants of them that the same cases must catch.
//!
//! Between barriers, threads run forwards, backwards and at random: results must be bit-equal. Where g++ or its
//! sanitizers are missing, the tests print what they skipped; `TILESCOPE_REQUIRE_GPU=1` makes that a failure.
#![allow(clippy::print_stdout)] // Tests say how much ran.

mod backward;
mod backward_mutants;
#[path = "../common/mod.rs"]
mod common;
mod instructions;
mod mutants;
mod player;
mod taps;
mod threads;

use std::sync::{LazyLock, OnceLock};

use common::{dropout, golden, not_finite, skips};
use player::{Answer, Job, ORDERS, Player, Variant};
use tilescope::attention::cases::{self, single, with};
use tilescope::attention::error_rule::{self, Errors, Reference};
use tilescope::attention::{Align, Mask, Precision, Problem, Shape, conversion};

/// The f32 kernels, as they are compiled for a GPU.
const SCALAR: [Variant; 7] = [
    Variant { kernel: "standard", precision: Precision::F32, d: 128, taps: false, deterministic: false },
    Variant { kernel: "flash1", precision: Precision::F32, d: 64, taps: false, deterministic: false },
    Variant { kernel: "flash1", precision: Precision::F32, d: 128, taps: false, deterministic: false },
    Variant { kernel: "flash2", precision: Precision::F32, d: 64, taps: false, deterministic: false },
    Variant { kernel: "flash2", precision: Precision::F32, d: 128, taps: false, deterministic: false },
    Variant { kernel: "split_kv", precision: Precision::F32, d: 64, taps: false, deterministic: false },
    Variant { kernel: "split_kv", precision: Precision::F32, d: 128, taps: false, deterministic: false },
];

/// A problem with what counts as a right answer.
enum Case {
    Golden(&'static golden::Case),
    BuiltIn(Box<BuiltIn>),
}

/// A built-in case in a format; its exact results are worked out once, when they are first needed.
struct BuiltIn {
    case: cases::Case,
    precision: Precision,
    references: OnceLock<Vec<Reference>>,
}

impl Case {
    /// With Q, K, V and the bias rounded to a format, so that kernel and oracle see the same.
    fn built_in(mut case: cases::Case, precision: Precision) -> Self {
        let problem = &mut case.problem;
        let round = |x: f64| match precision {
            Precision::F16 => half::f16::from_f64(x).to_f64(),
            Precision::BF16 => half::bf16::from_f64(x).to_f64(),
            _ => x,
        };
        for tensor in [&mut problem.q, &mut problem.k, &mut problem.v] {
            tensor.mapv_inplace(round);
        }
        problem.bias.iter_mut().for_each(|bias| bias.mapv_inplace(round));
        Self::BuiltIn(Box::new(BuiltIn { case, precision, references: OnceLock::new() }))
    }

    fn name(&self) -> &str {
        match self {
            Case::Golden(case) => &case.name,
            Case::BuiltIn(built_in) => &built_in.case.name,
        }
    }

    fn problem(&self) -> &Problem {
        match self {
            Case::Golden(case) => &case.problem,
            Case::BuiltIn(built_in) => &built_in.case.problem,
        }
    }

    /// What is wrong with an answer; empty when it is right.
    fn judge(&self, answer: &Answer, precision: Precision) -> Vec<String> {
        let heads = self.problem().shape.heads;
        let mut wrong = Vec::new();
        for (at, output) in answer.outputs.iter().enumerate() {
            match self {
                Case::Golden(case) => wrong.extend(case.compare(at / heads, at % heads, output, precision)),
                Case::BuiltIn(built_in) => {
                    assert_eq!(built_in.precision, precision, "{}: rounded to another format", self.name());
                    let reference = &built_in.references()[at];
                    let errors = Errors::between(output, &reference.exact);
                    if !errors.within(&reference.bound) {
                        wrong.push(format!("{errors:?} is not within {:?}", reference.bound));
                    }
                }
            }
        }
        wrong
    }
}

impl BuiltIn {
    /// Of every head.
    fn references(&self) -> &[Reference] {
        let (problem, shape) = (&self.case.problem, self.case.problem.shape);
        let of = |at| error_rule::reference(problem, at / shape.heads, at % shape.heads, self.precision);
        self.references.get_or_init(|| (0..shape.batch * shape.heads).map(of).collect())
    }
}

static GOLDEN: LazyLock<Vec<golden::Case>> = LazyLock::new(golden::cases);

/// Every golden and built-in case, and those with what is not finite or with dropout; golden values are exact in each format.
fn all_cases(precision: Precision) -> &'static [Case] {
    static SETS: [OnceLock<Vec<Case>>; 3] = [const { OnceLock::new() }; 3];
    let at = [Precision::F32, Precision::F16, Precision::BF16].iter().position(|known| *known == precision);
    SETS[at.expect("a format of a kernel")].get_or_init(|| {
        // Beside the blocks of 16, 32 and 64: what is not finite shares tiles with what is, seen and hidden.
        // The second size has two blocks of 64 keys; a case in three of it is enough for that.
        let odd = not_finite::cases(17, 40, 8).into_iter().chain(not_finite::cases(40, 70, 8).into_iter().step_by(3));
        let lowest = with(single(5, 9, 8), |p| {
            // What transformers add to a hidden pair: row 0 has it everywhere.
            let lowest = half::bf16::MIN.to_f64();
            let bias = |(_, _, i, j): (usize, usize, usize, usize)| if j > 2 * i || i == 0 { lowest } else { 0.0 };
            p.bias = Some(ndarray::Array4::from_shape_fn((1, 1, 5, 9), bias));
        });
        let lowest = cases::Case { name: "a bias of the lowest number".into(), problem: lowest };
        // Those that most mutants die of come first, the largest last.
        let built_in = cases::cases().into_iter().chain([lowest]).chain(odd).chain(dropout::cases(24));
        built_in.map(|case| Case::built_in(case, precision)).chain(GOLDEN.iter().map(Case::Golden)).collect()
    })
}

/// False, and said, where the compiler is missing.
fn can_build(skipping: usize) -> bool {
    let Err(reason) = player::compiler() else { return true };
    skips::missing(&format!("{skipping} cases"), &reason);
    false
}

/// Something wrong, and in which of the cases that were run; none where the process died.
struct Fault {
    case: Option<usize>,
    what: String,
}

/// From one split to four, of which some are empty: one block of keys may be cut into three, and nine into two. A case has
/// the same whatever runs beside it.
fn splits(name: &str) -> usize {
    name.bytes().map(usize::from).sum::<usize>() % 4 + 1
}

/// Runs cases in all orders; gives what is wrong.
fn check(player: &Player, cases: &[&Case]) -> Vec<Fault> {
    let jobs = cases.iter().flat_map(|case| {
        let splits = splits(case.name());
        (0..ORDERS.len()).map(move |order| Job { splits, ..Job::new(case.problem(), order) })
    });
    let jobs: Vec<Job<'_>> = jobs.collect();
    let answers = match player.run(&jobs) {
        Ok(answers) => answers,
        Err(what) => return vec![Fault { case: None, what }],
    };
    let mut faults = Vec::new();
    for (at, (case, answers)) in cases.iter().zip(answers.chunks(ORDERS.len())).enumerate() {
        let mut add = |why: &str| faults.push(Fault { case: Some(at), what: format!("{}: {why}", case.name()) });
        for (answer, order) in answers.iter().zip(ORDERS).skip(1) {
            if answer.bytes != answers[0].bytes {
                add(&format!("threads {order} give other bits"));
            }
        }
        case.judge(&answers[0], player.variant.precision).iter().for_each(|why| add(why));
    }
    faults
}

/// Cases of a variant's own head dimension, so that each variant has some: several blocks, masks, every modifier.
fn own_cases(d: usize, precision: Precision) -> Vec<Case> {
    let shape = Shape { heads: 2, ..Shape::single(150, 200, d) };
    let causal = Mask { causal: true, ..Mask::default() };
    let narrow = Mask { window_left: Some(70), window_right: Some(3), align: Align::TopLeft, ..Mask::default() };
    let short = Mask { key_lengths: Some(vec![133]), ..causal.clone() };
    let mut cases: Vec<Case> = [("open", Mask::default()), ("causal", causal), ("window", narrow), ("short", short)]
        .map(|(name, mask)| {
            let problem = with(cases::problem(shape), |p| p.mask = mask);
            Case::built_in(cases::Case { name: format!("d {d}, {name}"), problem }, precision)
        })
        .into();
    let all = with(cases::problem(Shape { kv_heads: 1, ..shape }), |p| {
        (p.softcap, p.scale) = (Some(3.0), -p.scale);
        p.alibi_slopes = Some(ndarray::arr2(&[[0.25, 0.5]]));
        p.bias = Some(ndarray::Array4::from_shape_fn((1, 1, 150, 200), |(_, _, i, j)| ((i * j) % 7) as f64 / 4.0));
    });
    cases.push(Case::built_in(cases::Case { name: format!("d {d}, every modifier"), problem: all }, precision));
    cases
}

/// All cases through these variants: each by the smallest that takes it; and those of each variant's own size.
fn check_variants(variants: &[Variant], cases: &[&Case]) {
    if !can_build(cases.len()) {
        return;
    }
    let (mut ran, mut wrong) = (0, Vec::new());
    let mut is_taken = vec![false; cases.len()];
    let mut smaller: Option<Player> = None;
    for &variant in variants {
        let player = Player::new(variant, &[]).expect("the kernel compiles for the CPU");
        let same = smaller.filter(|smaller| smaller.variant.kernel == variant.kernel);
        let fits = |case: &&&Case| {
            let problem = case.problem();
            variant.takes(problem) && !same.as_ref().is_some_and(|smaller| smaller.variant.takes(problem))
        };
        let own = own_cases(variant.d, variant.precision);
        let mine: Vec<&Case> = cases.iter().filter(fits).copied().chain(&own).collect();
        ran += mine.len();
        is_taken.iter_mut().zip(cases).for_each(|(is_taken, case)| *is_taken |= variant.takes(case.problem()));
        wrong.extend(check(&player, &mine).into_iter().map(|fault| format!("{}: {}", variant.name(), fault.what)));
        println!("{}: {} cases in {} orders", variant.name(), mine.len(), ORDERS.len());
        smaller = Some(player);
    }
    let not_taken = is_taken.iter().zip(cases).filter(|(is, _)| !**is).map(|(_, case)| case);
    let (dropout, too_large): (Vec<&&Case>, Vec<&&Case>) = not_taken.partition(|case| case.problem().dropout.is_some());
    let skipped = [(dropout, "the kernel has no dropout"), (too_large, "no variant takes its head dimension")];
    for (cases, why) in skipped.iter().filter(|(cases, _)| !cases.is_empty()) {
        let names: Vec<&str> = cases.iter().map(|case| case.name()).collect();
        skips::skipped_here(&names.join(", "), why);
        let knows = variants.iter().any(Variant::has_dropout);
        assert!(!knows || *why != "the kernel has no dropout", "{names:?} of a kernel that knows it");
    }
    println!(
        "{ran} ran, {} skipped, {} wrong",
        skipped.iter().map(|(cases, _)| cases.len()).sum::<usize>(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn standard_meets_all_cases() {
    check_variants(&SCALAR[..1], &taken_cases(Precision::F32));
}

#[test]
fn flash1_meets_all_cases() {
    check_variants(&SCALAR[1..3], &taken_cases(Precision::F32));
}

#[test]
fn flash2_meets_all_cases() {
    check_variants(&SCALAR[3..5], &taken_cases(Precision::F32));
}

#[test]
fn split_kv_meets_all_cases() {
    check_variants(&SCALAR[5..], &taken_cases(Precision::F32));
}

/// The tensor core kernel in both formats and all its head dimensions.
fn mma(precision: Precision) -> Vec<Variant> {
    [32, 64, 80, 96, 128]
        .map(|d| Variant { kernel: "flash2_mma", precision, d, taps: false, deterministic: false })
        .to_vec()
}

/// The cases of a format: for tensor cores, those that the backend would not refuse for what is not finite in V.
fn taken_cases(precision: Precision) -> Vec<&'static Case> {
    let all = all_cases(precision);
    if precision == Precision::F32 {
        return all.iter().collect();
    }
    let taken = |case: &&Case| conversion::not_finite_value(case.problem(), precision).is_none();
    let cases: Vec<&Case> = all.iter().filter(taken).collect();
    skips::skipped_here(
        &format!("flash2_mma in {}, {} cases", precision.name(), all.len() - cases.len()),
        "refused: not finite in V, and on tensor cores 0 * NaN is NaN",
    );
    cases
}

#[test]
fn flash2_mma_in_f16_meets_all_cases() {
    check_variants(&mma(Precision::F16), &taken_cases(Precision::F16));
}

#[test]
fn flash2_mma_in_bf16_meets_all_cases() {
    check_variants(&mma(Precision::BF16), &taken_cases(Precision::BF16));
}
