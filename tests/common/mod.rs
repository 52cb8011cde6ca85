//! Random plans and problems, and a machine that only ever steps forwards.
#![allow(dead_code)] // Each test file uses its own part.

pub mod dropout;
pub mod golden;
#[cfg(feature = "wgpu")]
pub mod gpu;
pub mod gradients;
pub mod literals;
pub mod not_finite;
pub mod program;
pub mod renamed;
pub mod saved;
pub mod skips;
pub mod taps;

use std::sync::Arc;

use ndarray::Array4;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tilescope::attention::dropout::Keep;
use tilescope::attention::error_rule::Errors;
use tilescope::attention::oracle;
use tilescope::attention::oracle::Output;
use tilescope::attention::{Align, Diagonal, Dropout, Mask, Pages, Precision, Problem, Real, Sequence, Shape};
use tilescope::machine::{self, Given, Machine, Program, Run, Totals, View, inputs};
use tilescope::schedule::{DropoutCost, PagesOfBatch, Plan, Schedule, Tiling};

fn masks(n_q: usize, n_k: usize) -> impl Strategy<Value = Mask> {
    let bound = prop_oneof![3 => Just(None), 2 => (0usize..8).prop_map(Some)];
    let some = prop_oneof![3 => Just(None), 1 => (0..=n_k).prop_map(Some)];
    let few = prop_oneof![3 => Just(0), 1 => 0..=n_k];
    let lengths = (some.clone(), some, any::<bool>());
    let documents = prop_oneof![2 => Just(None), 1 => prop::collection::vec(1usize..9, 1..60).prop_map(Some)];
    (any::<bool>(), any::<bool>(), bound.clone(), bound, lengths, few.clone(), few, documents).prop_map(
        move |(causal, top_left, left, right, (length, padding, moves), prefix_keys, sink_keys, documents)| Mask {
            causal,
            align: if top_left { Align::TopLeft } else { Align::BottomRight },
            window_left: left,
            window_right: right,
            key_lengths: length.map(|length| vec![length]),
            diagonal: if moves { Diagonal::Lengths } else { Diagonal::Whole },
            left_padding: padding.map(|padding| vec![padding]),
            prefix_keys,
            sink_keys,
            documents: documents.filter(|_| n_q == n_k).map(|lengths| cut(n_k, &lengths)),
            sequences: None,
            varlen: None,
            heads_as_rows: None,
            array: None,
        },
    )
}

/// Masks, and at times those of sequences one after the other, of which some may lack queries, keys or both.
fn masks_and_sequences(n_q: usize, n_k: usize) -> impl Strategy<Value = Mask> {
    let lengths = || prop::collection::vec(0usize..9, 1..6);
    let sequences = (lengths(), lengths(), any::<bool>());
    let sequences = prop_oneof![3 => Just(None), 1 => sequences.prop_map(Some)];
    (masks(n_q, n_k), sequences).prop_map(move |(mask, sequences)| match sequences {
        None => mask,
        Some((queries, keys, is_apart)) => {
            let (queries, keys) = (cut(n_q, &queries), cut(n_k, &keys));
            let length = |lengths: &[usize], n: usize| lengths.get(n).copied().unwrap_or(0);
            let of = |n: usize| {
                let (queries, keys) = (length(&queries, n), length(&keys, n));
                let ahead = keys as i64 - queries as i64 + if is_apart { n as i64 } else { 0 };
                Sequence { queries, keys, ahead }
            };
            let all = (0..queries.len().max(keys.len())).map(of).collect();
            let Mask { causal, align, window_left, window_right, prefix_keys, sink_keys, .. } = mask;
            let varlen = Some(all);
            Mask { causal, align, window_left, window_right, prefix_keys, sink_keys, varlen, ..Mask::default() }
        }
    })
}

/// These lengths as far as they go into `n`, and what is left of it.
fn cut(n: usize, lengths: &[usize]) -> Vec<usize> {
    let mut left = n;
    let mut documents: Vec<usize> = lengths
        .iter()
        .map(|length| {
            let length = *length.min(&left);
            left -= length;
            length
        })
        .collect();
    documents.push(left);
    documents
}

/// Sizes of queries and keys, as many of them more often than chance has it.
fn tokens(most: usize) -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![2 => (1..most, 1..most), 1 => (1..most).prop_map(|n| (n, n))]
}

/// Plans of small random sizes, ragged more often than not.
pub fn plans() -> impl Strategy<Value = Plan> {
    plans_under(|n_q, n_k| masks(n_q, n_k).boxed())
}

/// The same, some of them of sequences one after the other.
pub fn any_plans() -> impl Strategy<Value = Plan> {
    (plans_under(|n_q, n_k| masks_and_sequences(n_q, n_k).boxed()), 0usize..12)
        .prop_map(|(plan, size)| if size == 0 || size > 8 { plan } else { in_pages(plan, size) })
}

/// It with K and V in pages of this many keys, of which the last names none.
pub fn in_pages(plan: Plan, size: usize) -> Plan {
    let cuts = plan.cuts.as_ref();
    let (rows, longest) = cuts.map_or((2, plan.n_k), |cuts| (plan.key_blocks_by_sequence().len(), cuts.keys.longest()));
    let width = longest.div_ceil(size);
    let table = (0..rows).map(|row| (0..width.saturating_sub(1)).map(|at| (at * 7 + row) % 50).collect()).collect();
    let pages = Arc::new(Pages { pool: 50, size, table, width });
    Plan { pages: Some(PagesOfBatch { pages, batch: 1 }), ..plan }
}

/// The tile is of one sequence: there is such a tile.
pub fn is_tile(plan: &Plan, i: usize, j: usize) -> bool {
    let first = (plan.rows(i).start, plan.cols(j).start);
    plan.band.sequences.as_ref().is_none_or(|all| all.place(first.0, first.1).is_some())
}

/// Arrays that a bias may be made of.
fn bias_of(n: usize) -> tilescope::attention::BiasOf {
    use tilescope::attention::BiasOf::{Booleans, Both, Numbers};
    [Numbers, Booleans, Both][n]
}

fn plans_under(masks: fn(usize, usize) -> BoxedStrategy<Mask>) -> impl Strategy<Value = Plan> {
    let sizes = (tokens(50), 1usize..9, 1usize..9, 1usize..20, 1usize..20);
    let modifiers = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..3, 0..5usize);
    (sizes, modifiers).prop_flat_map(
        move |(((n_q, n_k), d, d_v, br, bc), (softcap, alibi, bias, sinks, dropout, precision))| {
            masks(n_q, n_k).prop_map(move |mask| {
                let scaled = || Precision::read("e4m3,scales=block").expect("a precision");
                let precision = Precision::ALL.get(precision).copied().filter(|of| *of != Precision::E4M3);
                let precision = precision.unwrap_or_else(scaled);
                let dropout =
                    [DropoutCost::None, DropoutCost::Regenerated, DropoutCost::Materialised][dropout as usize];
                let band = mask.band(&Shape::single(n_q, n_k, d), 0);
                Plan {
                    d_v,
                    softcap,
                    alibi,
                    bias,
                    bias_of: bias_of((d + d_v) % 3),
                    sinks,
                    dropout,
                    ..Plan::new(n_q, n_k, d, Tiling { br, bc }, precision).with_band(band)
                }
            })
        },
    )
}

fn normal(rng: &mut ChaCha8Rng, shape: [usize; 4]) -> Array4<f64> {
    // Multiples of 1/64: the same number in every format.
    Array4::from_shape_simple_fn(shape, || (rng.sample::<f64, _>(StandardNormal) * 64.0).round() / 64.0)
}

/// Problems of small random sizes with blocks and a precision.
pub fn problems() -> impl Strategy<Value = (Problem, Tiling, Precision)> {
    problems_under(|n_q, n_k| masks(n_q, n_k).boxed())
}

/// The same, some of them of sequences one after the other.
pub fn any_problems() -> impl Strategy<Value = (Problem, Tiling, Precision)> {
    problems_under(|n_q, n_k| masks_and_sequences(n_q, n_k).boxed())
}

fn problems_under(
    masks: fn(usize, usize) -> BoxedStrategy<Mask>,
) -> impl Strategy<Value = (Problem, Tiling, Precision)> {
    let sizes = (1usize..3, 1usize..3, 1usize..3, tokens(30), 1usize..9, 1usize..9);
    let sinks = prop_oneof![2 => Just(None), 1 => prop::collection::vec(-160i32..160, 4).prop_map(Some)];
    let modifiers = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), sinks);
    (sizes, modifiers, 1usize..12, 1usize..12, 0..4usize, any::<u64>()).prop_flat_map(
        move |(
            (batch, kv_heads, group, (n_q, n_k), d, d_v),
            (cap, alibi, bias, dropout, sinks),
            br,
            bc,
            precision,
            seed,
        )| {
            masks(n_q, n_k).prop_map(move |mut mask| {
                // One batch entry has them all.
                let batch = if mask.varlen.is_some() { 1 } else { batch };
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let heads = kv_heads * group;
                let q = normal(&mut rng, [batch, heads, n_q, d]);
                let k = normal(&mut rng, [batch, kv_heads, n_k, d]);
                let v = normal(&mut rng, [batch, kv_heads, n_k, d_v]);
                let mut problem = Problem::new(q, k, v).expect("the sizes fit");
                if let Some(lengths) = &mut mask.key_lengths {
                    lengths.resize(batch, n_k);
                }
                if let Some(lengths) = &mut mask.left_padding {
                    lengths.resize(batch, 0);
                }
                problem.mask = mask;
                problem.softcap = cap.then_some(2.0);
                problem.alibi_slopes = alibi.then(|| ndarray::Array2::from_elem((batch, heads), 0.25));
                problem.bias = bias
                    .then(|| normal(&mut rng, [1, 1, n_q, n_k]).mapv(|x| if x > 1.5 { f64::NEG_INFINITY } else { x }));
                // Multiples of 1/64 as well, from -2.5 to 2.5.
                let logits = |logits: &Vec<i32>| (0..heads).map(|head| f64::from(logits[head % 4]) / 64.0).collect();
                problem.sinks = sinks.as_ref().map(logits);
                problem.dropout = dropout.then_some(Dropout { rate: 0.25, keep: Keep::by_seed(seed, &problem.shape) });
                problem.validate().expect("valid");
                (problem, Tiling { br, bc }, Precision::ALL[precision])
            })
        },
    )
}

/// The same with up to five NaNs and infinities anywhere in Q, K, V and the bias.
pub fn odd_problems() -> impl Strategy<Value = (Problem, Tiling, Precision)> {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let poke = (0..4usize, any::<prop::sample::Index>(), prop::sample::select(odd.to_vec()));
    (any_problems(), prop::collection::vec(poke, 1..6)).prop_map(|((mut problem, tiling, precision), pokes)| {
        for (tensor, place, x) in pokes {
            let tensors = [Some(&mut problem.q), Some(&mut problem.k), Some(&mut problem.v), problem.bias.as_mut()];
            if let Some(tensor) = tensors.into_iter().nth(tensor).flatten() {
                let at = place.index(tensor.len());
                *tensor.iter_mut().nth(at).expect("a place within") = x;
            }
        }
        (problem, tiling, precision)
    })
}

/// What rounding to f16 or bf16 can do at worst. The error rule compares with one plain run, whose error at a handful of
/// keys is a matter of luck; this bound is a matter of arithmetic (u: half the spacing of the format at 1):
/// stored scores move by u |s|, weights by u, O by u at each of its stores.
pub fn worst_case(problem: &Problem, plan: &Plan, head: usize) -> Errors {
    let u = if plan.precision == Precision::F16 { 1.0 / 2048.0 } else { 1.0 / 256.0 };
    let inputs = problem.head::<f64>(0, head, Precision::F64);
    let scores = (0..problem.shape.batch)
        .flat_map(|batch| {
            let inputs = problem.head::<f64>(batch, head, Precision::F64);
            (0..inputs.n_q()).flat_map(move |i| oracle::row(&inputs, i).s).collect::<Vec<_>>()
        })
        .filter(|s| s.is_finite())
        .fold(1.0, |most, s| f64::max(most, s.abs()));
    let largest_v = problem.v.iter().fold(1.0, |most, v| f64::max(most, v.abs()));
    let dropped = 1.0 / (1.0 - problem.dropout.as_ref().map_or(0.0, |dropout| dropout.rate));
    // The slope of ALiBi and f32 arithmetic add far less than the factor of 2 in front.
    let of_weights = 2.0 * u * scores + 2.0 * u;
    Errors {
        o: 2.0 * (of_weights + plan.t_c() as f64 * u) * largest_v * dropped,
        m: 2.0 * u * scores,
        l: 2.0 * of_weights * inputs.n_k() as f64,
        lse: 2.0 * of_weights,
    }
}

/// The view after `cursor` steps, by carrying out each of them on a new machine.
pub fn stepped(run: &Run, problem: &Problem, cursor: u64) -> View {
    match run.schedule.plan().precision {
        Precision::F64 => step_up_to::<f64>(run, problem, cursor),
        _ => step_up_to::<f32>(run, problem, cursor),
    }
}

fn step_up_to<T: Real>(run: &Run, problem: &Problem, cursor: u64) -> View {
    let schedule = &run.schedule;
    let first = run.head - schedule.setting.picked(run.head);
    let of = |head: usize| inputs::<T>(schedule, problem, None, run.batch, head).expect("the run had them");
    let given: Vec<Given<T>> = (first..first + schedule.setting.heads).map(of).collect();
    let program = Program::new(&schedule.algorithm);
    let mut machine = Machine::new(&program, &schedule.setting, &given).expect("the run had one");
    let (mut steps, mut done) = (Vec::new(), 0);
    for index in 0..schedule.section_count() {
        if done == cursor {
            break;
        }
        schedule.write_section(index, &mut steps);
        for step in steps.iter().take((cursor - done) as usize) {
            machine.execute(step).expect("the run carried it out");
            done += 1;
        }
    }
    View::of(&machine, schedule, cursor)
}

/// A view as text with every bit of every number, so that NaN equals NaN and 0 differs from -0.
pub fn bits(view: &View) -> String {
    let values = view.iter().map(|seen| {
        let numbers = seen.values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        format!("{} {:?} {numbers:?}", seen.name, seen.values.dim())
    });
    let values = values.collect::<Vec<_>>().join("; ");
    format!("{:?} {:?} {:?} {:?} {:?} {values}", view.cursor, view.step, view.program, view.rows, view.cols)
}

/// What a schedule leaves of (batch, head) of a problem, with its meters.
pub fn run(schedule: &Schedule, problem: &Problem, batch: usize, head: usize) -> (Output, Totals) {
    let precision = schedule.plan().precision;
    let ran = match precision {
        Precision::F64 => machine::run(schedule, &[Given::new(problem.head::<f64>(batch, head, precision))], |_| true),
        _ => machine::run(schedule, &[Given::new(problem.head::<f32>(batch, head, precision))], |_| true),
    };
    let (results, totals) = ran.expect("nobody stops it");
    (results.output().expect("a forward pass"), totals)
}
