//! Every kind of mask against its definition, written out here pair by pair: tiles computed are the tiles that are not
//! empty, what is counted is what is derived and what the published formulas say, and results are those of attention
//! over the pairs alone.

use std::borrow::Cow;
use std::ops::Range;

use crate::common::saved::{Saved, npz};
use ndarray::{Array2, Array4, s};
use tilescope::attention::input::{self, Input, random};
use tilescope::attention::{Diagonal, Mask, Precision, Problem, TileClass};
use tilescope::machine::MeterIndex;
use tilescope::schedule::spec::RunSpec;
use tilescope::schedule::{Plan, Schedule, Tensor, TileCounts, Tiling, algorithm};
use tilescope::trace::{self, Export, Tiles, write_json};

const N: usize = 16;

/// The definition of a mask: query `i` sees key `j`.
type Sees = fn(usize, usize) -> bool;
/// A mask and its definition.
type Case = (&'static str, Mask, Sees);

fn none() -> Mask {
    Mask::default()
}

fn causal() -> Mask {
    Mask { causal: true, ..none() }
}

fn window(left: usize) -> Mask {
    Mask { window_left: Some(left), window_right: Some(0), ..none() }
}

/// The document of a token, of documents of 5, 7 and 4 tokens.
fn document(token: usize) -> usize {
    [5, 12].iter().filter(|&&end| token >= end).count()
}

fn cases() -> Vec<Case> {
    let documents = |lengths: [usize; 3]| Some(lengths.to_vec());
    vec![
        ("none", none(), |_, _| true),
        ("causal", causal(), |i, j| j <= i),
        ("window 4,0", window(4), |i, j| j <= i && i - j <= 4),
        ("window 3,0", window(3), |i, j| j <= i && i - j <= 3),
        ("window 2,3", Mask { window_left: Some(2), window_right: Some(3), ..none() }, |i, j| i <= j + 2 && j <= i + 3),
        ("causal, lengths", Mask { key_lengths: Some(vec![11]), ..causal() }, |i, j| j <= i && j < 11),
        ("causal, left padding", Mask { left_padding: Some(vec![3]), ..causal() }, |i, j| j <= i && j >= 3),
        ("prefix", Mask { prefix_keys: 6, ..causal() }, |i, j| j <= i || j < 6),
        ("documents", Mask { documents: documents([5, 7, 4]), ..none() }, |i, j| document(i) == document(j)),
        ("causal documents", Mask { documents: documents([5, 7, 4]), ..causal() }, |i, j| {
            document(i) == document(j) && j <= i
        }),
        ("aligned documents", Mask { documents: documents([4, 8, 4]), ..none() }, |i, j| {
            let of = |token: usize| usize::from(token >= 4) + usize::from(token >= 12);
            of(i) == of(j)
        }),
        ("sink, window", Mask { sink_keys: 1, ..window(4) }, |i, j| j <= i && (i - j <= 4 || j == 0)),
        (
            "diagonal of each length",
            Mask { key_lengths: Some(vec![11]), diagonal: Diagonal::Lengths, ..causal() },
            |i, j| j < 11 && j + 5 <= i,
        ),
        (
            "all of them",
            Mask {
                key_lengths: Some(vec![14]),
                left_padding: Some(vec![1]),
                prefix_keys: 3,
                sink_keys: 7,
                documents: documents([5, 7, 4]),
                ..window(2)
            },
            |i, j| {
                let near = j <= i && (i - j <= 2 || j < 7);
                (1..14).contains(&j) && document(i) == document(j) && (near || j < 3)
            },
        ),
    ]
}

/// Masks that come as an array of booleans beside Q, K and V, by their definition.
fn arrays() -> Vec<(&'static str, Sees)> {
    vec![
        ("chunks", |i, j| i / 5 == j / 5 && j <= i),
        // Each token sees itself and those that it hangs on.
        ("a tree", |i, j| std::iter::successors(Some(i), |&at| at.checked_sub(1).map(|at| at / 2)).any(|at| at == j)),
        ("block-sparse", |i, j| (i / 4 + 2 * (j / 4)).is_multiple_of(3)),
        ("random", |i, j| (i * 31 + j * 17 + i * j * 7) % 11 < 3 && !(i > 7 && j > 9)),
    ]
}

/// Each mask with its problem, and whether it moves as a bias.
fn problems() -> Vec<(&'static str, Problem, bool, Sees)> {
    let by_index = cases().into_iter().map(|(name, mask, sees)| (name, problem(mask), false, sees));
    let by_array = arrays().into_iter().map(|(name, sees)| (name, read(None, sees), true, sees));
    by_index.chain(by_array).collect()
}

fn problem(mask: Mask) -> Problem {
    let mut problem = random::read("random:16,16,4", 0).expect("an input").problem;
    problem.mask = mask;
    problem.validate().expect("a problem");
    problem
}

/// A file with a mask of booleans, one for `heads` where they are said.
fn read(heads: Option<usize>, sees: impl Fn(usize, usize) -> bool) -> Problem {
    let random = format!("random:16,16,4,{}", heads.unwrap_or(1));
    let of = random::read(&random, 0).expect("an input").problem;
    let tensor = |tensor: &Array4<f64>| Saved::f64(&tensor.clone().into_dyn());
    let shape: &[usize] = if heads.is_some() { &[1, 2, N, N] } else { &[N, N] };
    let mask = Saved::bools(shape, |at| sees(at / N, at % N));
    let arrays = vec![("q", tensor(&of.q)), ("k", tensor(&of.k)), ("v", tensor(&of.v)), ("attn_mask", mask)];
    input::read("x.npz", &npz(&arrays)).expect("an input").problem
}

fn plan(problem: &Problem, tiling: Tiling) -> Plan {
    Plan::of_problem(problem, 0, tiling, Precision::F64)
}

/// By the definition, tile after tile.
fn tiles(plan: &Plan, sees: impl Fn(usize, usize) -> bool) -> TileCounts {
    let mut counts = TileCounts::default();
    for i in 0..plan.t_r() {
        for j in 0..plan.t_c() {
            let pairs = plan.rows(i).len() * plan.cols(j).len();
            let seen = plan.rows(i).map(|i| plan.cols(j).filter(|&j| sees(i, j)).count()).sum::<usize>();
            counts.count(match seen {
                0 => TileClass::Skipped,
                seen if seen == pairs => TileClass::Full,
                _ => TileClass::Partial,
            });
        }
    }
    counts
}

/// Attention of the pairs alone, row by row: O and L.
fn dense(problem: &Problem, sees: impl Fn(usize, usize) -> bool) -> (Array2<f64>, Vec<f64>) {
    let of = |tensor: &Array4<f64>| tensor.slice(s![0, 0, .., ..]).to_owned();
    let (q, k, v) = (of(&problem.q), of(&problem.k), of(&problem.v));
    let (mut o, mut lse) = (Array2::zeros((q.nrows(), v.ncols())), Vec::new());
    for i in 0..q.nrows() {
        let keys: Vec<usize> = (0..k.nrows()).filter(|&j| sees(i, j)).collect();
        let weight = |j: usize| (problem.scale * q.row(i).dot(&k.row(j))).exp();
        let sum: f64 = keys.iter().map(|&j| weight(j)).sum();
        keys.iter().for_each(|&j| o.row_mut(i).scaled_add(weight(j) / sum, &v.row(j)));
        lse.push(sum.ln());
    }
    (o, lse)
}

fn is_near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-12
}

#[test]
fn the_classes_and_the_elements_of_the_toy() {
    let table = [
        ("none", (16, 0, 0), Some(656)),
        ("causal", (6, 4, 6), Some(464)),
        ("window 4,0", (0, 7, 9), Some(368)),
        ("window 3,0", (0, 7, 9), Some(368)),
        ("prefix", (7, 4, 5), Some(496)),
        ("documents", (3, 5, 8), None),
        ("causal documents", (0, 6, 10), Some(336)),
        ("aligned documents", (6, 0, 10), Some(336)),
        ("sink, window", (0, 9, 7), Some(432)),
    ];
    let flash2 = algorithm::by_name("flash2").expect("it is known");
    for (name, (full, partial, skipped), elements) in table {
        let (_, mask, sees) = cases().into_iter().find(|(of, ..)| *of == name).expect("a case");
        let plan = plan(&problem(mask), Tiling { br: 4, bc: 4 });
        let wanted = TileCounts { full, partial, skipped };
        assert_eq!((TileCounts::of_plan(&plan), tiles(&plan, sees)), (wanted, wanted), "{name}");
        let moved = flash2.closed_form(&plan).hbm_elements();
        // Q and O once, L; K and V of each tile.
        let by_hand = 2 * 64 + 16 + (full + partial) * 2 * 16;
        assert_eq!((moved, elements.unwrap_or(by_hand)), (by_hand, by_hand), "{name}");
    }
}

#[test]
fn tiles_computed_are_the_tiles_that_are_not_empty() {
    for (name, problem, is_bias, sees) in problems() {
        for (br, bc) in [(4, 4), (1, 1), (5, 3), (3, 7), (16, 2), (7, 16), (16, 16)] {
            let plan = plan(&problem, Tiling { br, bc });
            let wanted = tiles(&plan, sees);
            assert_eq!(TileCounts::of_plan(&plan), wanted, "{name}, {br} x {bc}");
            assert!((0..N).all(|i| (0..N).all(|j| plan.band.keeps(i, j) == sees(i, j))), "{name}");
            for algorithm in algorithm::of_program() {
                let at = format!("{name}, {br} x {bc}, {}", algorithm.name());
                let schedule = Schedule::new(algorithm, plan.clone());
                let totals = *MeterIndex::new(&schedule).total();
                assert_eq!(totals.traffic, algorithm.closed_form(&plan), "{at}");
                // The backward passes make scores more than once, or not at all.
                if ["standard", "flash1", "flash2", "split-kv"].contains(&algorithm.name()) {
                    assert_eq!((totals.tiles.full, totals.tiles.partial), (wanted.full, wanted.partial), "{at}");
                }
                if algorithm.name() == "flash2" {
                    let seen: u64 = (0..plan.t_r())
                        .flat_map(|i| (0..plan.t_c()).map(move |j| (i, j)))
                        .filter(|&(i, j)| plan.rows(i).any(|i| plan.cols(j).any(|j| sees(i, j))))
                        .map(|(i, j)| plan.cols(j).len() * if is_bias { 8 + plan.rows(i).len() } else { 8 })
                        .map(|elements| elements as u64)
                        .sum();
                    assert_eq!(totals.traffic.hbm_elements(), 2 * 64 + 16 + seen, "{at}");
                }
            }
        }
    }
}

#[test]
fn results_are_those_of_the_pairs() {
    for (name, problem, _, sees) in problems() {
        let (o, lse) = dense(&problem, sees);
        for (algorithm, (br, bc)) in algorithm::ALL.iter().copied().flat_map(|of| [(of, (4, 4)), (of, (5, 3))]) {
            let schedule = Schedule::new(algorithm, plan(&problem, Tiling { br, bc }));
            let (got, _) = crate::common::run(&schedule, &problem, 0, 0);
            let at = format!("{name}, {}, {br} x {bc}", algorithm.name());
            assert!(got.o.iter().zip(&o).all(|(a, b)| is_near(*a, *b)), "{at}: {} {o}", got.o);
            assert!(got.lse.iter().zip(&lse).all(|(a, b)| is_near(*a, *b)), "{at}: {:?} {lse:?}", got.lse);
        }
    }
}

/// Booleans move one byte a pair of the tiles that are not empty, as `mask`; numbers move in the format of the run, as `bias`;
/// and each its own where both are there. In every reader.
#[test]
fn booleans_move_a_byte_and_numbers_their_format() {
    let sees = |i: usize, j: usize| i / 5 == j / 5 && j <= i;
    let of = random::read("random:16,16,4", 0).expect("an input").problem;
    let tensors = || {
        let tensor = |tensor: &Array4<f64>| Saved::f64(&tensor.clone().into_dyn());
        vec![("q", tensor(&of.q)), ("k", tensor(&of.k)), ("v", tensor(&of.v))]
    };
    let booleans = Saved::bools(&[N, N], |at| sees(at / N, at % N));
    let added = |at: usize| if sees(at / N, at % N) { 0.25 } else { f64::NEG_INFINITY };
    let numbers = Saved::f64(&Array2::from_shape_fn((N, N), |(i, j)| added(i * N + j)).into_dyn());
    let files = [
        (vec![("attn_mask", booleans.clone())], [0, 1]),
        (vec![("bias", booleans.clone())], [0, 1]),
        (vec![("attn_mask", numbers.clone())], [1, 0]),
        (vec![("bias", numbers.clone())], [1, 0]),
        (vec![("bias", numbers), ("attn_mask", booleans)], [1, 1]),
    ];
    for (arrays, [of_numbers, of_booleans]) in files {
        let file = npz(&[tensors(), arrays].concat());
        let input = input::read("x.npz", &file).expect("an input");
        for (precision, bytes) in [(Precision::F32, 4), (Precision::BF16, 2), (Precision::F64, 8)] {
            for algorithm in algorithm::of_program() {
                let spec = RunSpec { precision: Some(precision), br: Some(5), bc: Some(3), ..RunSpec::default() };
                let setting = spec.setting(algorithm, &input, 0);
                let plan = setting.plan.clone();
                let pairs = |kept: fn(&TileClass) -> bool| {
                    let all = (0..plan.t_r()).flat_map(|i| (0..plan.t_c()).map(move |j| (i, j)));
                    let kept = all.filter(|&(i, j)| kept(&plan.class(i, j)));
                    kept.map(|(i, j)| (plan.rows(i).len() * plan.cols(j).len()) as u64).sum::<u64>()
                };
                let seen = match algorithm.name() {
                    // No mask skips anything in it.
                    "standard" | "standard-backward" => pairs(|_| true),
                    _ => pairs(|class| *class != TileClass::Skipped),
                };
                // Of the backward passes, those that make scores twice read twice; one reads P.
                let times = match algorithm.name() {
                    "standard-backward" => 0,
                    "two-kernel-backward" => 2,
                    _ => 1,
                };
                let at = format!("{} in {}", algorithm.name(), precision.name());
                let schedule = Schedule::of(algorithm, setting.clone());
                let counted = MeterIndex::new(&schedule).total().traffic;
                let closed = algorithm.closed_form_of(&setting);
                assert_eq!(counted, closed, "{at}");
                let read = |tensor: Tensor| (closed.read.get(tensor), closed.read.bytes_of(tensor));
                let [bias, mask] = [of_numbers, of_booleans].map(|of| of * times * seen * setting.heads as u64);
                assert_eq!(read(Tensor::BIAS), (bias, bytes * bias), "{at}");
                assert_eq!(read(Tensor::MASK), (mask, mask), "{at}");
                let mut steps = [0; 2];
                schedule.for_each(|_, step| {
                    steps[0] += schedule.moved(step, Tensor::BIAS).0;
                    steps[1] += schedule.moved(step, Tensor::MASK).0;
                });
                assert_eq!(steps, [bias, mask], "{at}");
                let export = Export::of(&spec, &input, &schedule);
                let mut json = Vec::new();
                write_json(&mut json, &export, Tiles::None, |_| true).expect("it is written");
                let trace = trace::read(&json).unwrap_or_else(|fault| panic!("{at}: {fault}"));
                let told = trace.totals.tensors.get(&Tensor::MASK).map_or(0, |moved| moved.read_bytes);
                assert_eq!(told, mask, "{at}");
                assert_eq!(trace.totals.hbm_read_bytes, closed.read.bytes(), "{at}");
            }
        }
    }
}

/// Heads with masks of their own are classified each by its own: 4 and 8 of 16 tiles are computed.
#[test]
fn an_array_is_classified_for_each_head() {
    let tiling = Tiling { br: 4, bc: 4 };
    let alike = read(Some(2), |i, j| i % N / 8 == j / 8);
    assert_eq!(TileCounts::of_plan(&plan(&alike, tiling)), TileCounts { full: 8, partial: 0, skipped: 8 });
    let apart = read(Some(2), |i, j| if i < N { i / 4 == j / 4 } else { i % N / 8 == j / 8 });
    let of = |heads: Range<usize>| TileCounts::of_plan(&Plan::of_heads(&apart, (0, heads), tiling, Precision::F64));
    assert_eq!(of(0..1), TileCounts { full: 4, partial: 0, skipped: 12 });
    assert_eq!(of(1..2), TileCounts { full: 8, partial: 0, skipped: 8 });
    // Of both, what either sees is computed, and what the other does not see of it is masked.
    assert_eq!(of(0..2), TileCounts { full: 4, partial: 4, skipped: 8 });
}

/// What head `h` of four sees: of some heads whole rows see nothing, and of head 3 all is seen.
fn of_head(h: usize, i: usize, j: usize) -> bool {
    match h {
        0 => i / 4 == j / 4,
        1 => j <= i && !(i + j).is_multiple_of(3),
        2 => i / 6 == 1 && j / 5 == 2,
        _ => true,
    }
}

/// Four query heads over two key heads, with a mask of each.
fn four_heads() -> Input {
    let of = random::read("random:16,16,4,4,2", 7).expect("an input").problem;
    let tensor = |tensor: &Array4<f64>| Saved::f64(&tensor.clone().into_dyn());
    let mask = Saved::bools(&[1, 4, N, N], |at| of_head(at / N / N, at / N % N, at % N));
    let arrays = vec![("q", tensor(&of.q)), ("k", tensor(&of.k)), ("v", tensor(&of.v)), ("attn_mask", mask)];
    input::read("x.npz", &npz(&arrays)).expect("an input")
}

/// A run computes the tiles of its head that are not empty, or of a group those that are not empty for all of it; what comes
/// out is attention over the pairs of each head, and gradients are those of exact ones.
#[test]
fn each_head_is_run_on_the_tiles_that_it_sees() {
    let input = four_heads();
    let problem = &input.problem;
    for (br, bc) in [(4, 4), (5, 3), (1, 1), (16, 7)] {
        for algorithm in algorithm::of_program() {
            for head in 0..4 {
                let spec = RunSpec {
                    precision: Some(Precision::F64),
                    br: Some(br),
                    bc: Some(bc),
                    head: Some(head),
                    ..RunSpec::default()
                };
                let setting = spec.setting(algorithm, &input, 0);
                let first = head - head % setting.heads;
                let heads = first..first + setting.heads;
                let at = format!("{}, head {head}, {br} x {bc}", algorithm.name());
                let (plan, counts) = (&setting.plan, TileCounts::of_plan(&setting.plan));
                let seen = tiles(plan, |i, j| heads.clone().any(|h| of_head(h, i, j)));
                let of_all = tiles(plan, |i, j| heads.clone().all(|h| of_head(h, i, j)));
                assert_eq!((counts.skipped, counts.full), (seen.skipped, of_all.full), "{at}");
                let schedule = Schedule::of(algorithm, setting.clone());
                assert_eq!(MeterIndex::new(&schedule).total().traffic, algorithm.closed_form_of(&setting), "{at}");
                let export = Export::of(&spec, &input, &schedule);
                let mut json = Vec::new();
                write_json(&mut json, &export, Tiles::Stats, |_| true).expect("it is written");
                let trace = trace::read(&json).unwrap_or_else(|fault| panic!("{at}: {fault}"));
                assert!(trace.check.as_ref().expect("it is checked").passed, "{at}");
                assert_eq!(trace.problem.mask.array_of_all.is_some(), setting.heads > 1, "{at}");
                if ["standard", "flash1", "flash2", "split-kv"].contains(&algorithm.name()) {
                    let of = Problem { mask: none(), bias: None, ..problem.clone() };
                    let of = Problem {
                        q: of.q.slice(s![.., head..head + 1, .., ..]).to_owned(),
                        k: of.k.slice(s![.., head / 2..head / 2 + 1, .., ..]).to_owned(),
                        v: of.v.slice(s![.., head / 2..head / 2 + 1, .., ..]).to_owned(),
                        ..of
                    };
                    let (o, lse) = dense(&of, |i, j| of_head(head, i, j));
                    let (got, _) = crate::common::run(&schedule, problem, 0, head);
                    let near = |(a, b): (&f64, &f64)| is_near(*a, if b.is_nan() { 0.0 } else { *b });
                    assert!(got.o.iter().zip(&o).all(near), "{at}: {} {o}", got.o);
                    assert!(got.lse.iter().zip(&lse).all(|(a, b)| is_near(*a, *b)), "{at}: {:?} {lse:?}", got.lse);
                }
            }
        }
    }
}

/// Packed heads are rows: a tile is classified by what the heads of its rows see.
#[test]
fn packed_heads_are_classified_row_by_row() {
    let input = four_heads();
    for (br, bc) in [(4, 4), (5, 3), (1, 1), (7, 16), (32, 2)] {
        for kv_head in 0..2 {
            let spec = RunSpec {
                precision: Some(Precision::F64),
                pack_heads: Some(true),
                head: Some(kv_head),
                br: Some(br),
                bc: Some(bc),
                ..RunSpec::default()
            };
            let flash2 = algorithm::by_name("flash2").expect("it is known");
            let packed = spec.apply(Cow::Borrowed(&input)).expect("heads that can be packed");
            for input in [&input, &packed] {
                let plan = spec.setting(flash2, input, 0).plan;
                let wanted = tiles(&plan, |row, j| of_head(kv_head * 2 + row % 2, row / 2, j));
                assert_eq!(TileCounts::of_plan(&plan), wanted, "{br} x {bc}");
            }
        }
    }
}

/// A batch whose diagonals end at its lengths is a run for each sequence, on the keys that it has.
#[test]
fn a_diagonal_of_each_sequence_is_a_run_of_each() {
    let mut whole = random::read("random:7,12,4", 3).expect("an input").problem;
    let batch = |tensor: &Array4<f64>| {
        let four: Vec<_> = (0..4).map(|n| tensor.mapv(|x| x + f64::from(n) * 0.25)).collect();
        let views: Vec<_> = four.iter().map(|tensor| tensor.view()).collect();
        ndarray::concatenate(ndarray::Axis(0), &views).expect("one shape")
    };
    let lengths = vec![12, 9, 7, 3];
    whole = Problem::new(batch(&whole.q), batch(&whole.k), batch(&whole.v)).expect("it fits");
    for (left, right, slope) in [(None, None, None), (Some(4), None, None), (Some(2), Some(1), Some(0.5))] {
        let base = Mask { causal: right.is_none(), window_left: left, window_right: right, ..none() };
        let slopes = slope.map(|slope| Array2::from_elem((4, 1), slope));
        whole.mask = Mask { key_lengths: Some(lengths.clone()), diagonal: Diagonal::Lengths, ..base.clone() };
        whole.alibi_slopes = slopes.clone();
        let mut farthest: f64 = 0.0;
        for (n, &keys) in lengths.iter().enumerate() {
            let cut = |tensor: &Array4<f64>, tokens: usize| tensor.slice(s![n..=n, .., ..tokens, ..]).to_owned();
            let mut own = Problem::new(cut(&whole.q, 7), cut(&whole.k, keys), cut(&whole.v, keys)).expect("it fits");
            (own.mask, own.alibi_slopes) = (base.clone(), slope.map(|slope| Array2::from_elem((1, 1), slope)));
            let o = |problem: &Problem, batch: usize, name: &str| {
                let plan = Plan::of_problem(problem, batch, Tiling { br: 3, bc: 2 }, Precision::F64);
                crate::common::run(&Schedule::new(algorithm::by_name(name).expect("known"), plan), problem, batch, 0).0
            };
            let mut moved = whole.clone();
            moved.mask.diagonal = Diagonal::Whole;
            for name in ["standard", "flash1", "flash2", "split-kv"] {
                let (got, want) = (o(&whole, n, name), o(&own, 0, name));
                assert!(got.o.iter().zip(&want.o).all(|(a, b)| is_near(*a, *b)), "{name}, {n}: {} {}", got.o, want.o);
                assert!(got.lse.iter().zip(&want.lse).all(|(a, b)| is_near(*a, *b)), "{name}, {n}");
            }
            let other = o(&moved, n, "flash2").o;
            farthest = other.iter().zip(&o(&own, 0, "flash2").o).map(|(a, b)| (a - b).abs()).fold(farthest, f64::max);
        }
        assert!(farthest > 0.1, "the other rule gives other results: {farthest}");
    }
}

#[test]
fn a_mask_that_an_input_cannot_have_is_refused() {
    let refused = |shape: &str, mask: Mask| {
        let mut problem = random::read(shape, 0).expect("an input").problem;
        problem.mask = mask;
        problem.validate().expect_err("it is refused").to_string()
    };
    let documents = |lengths: &[usize]| Mask { documents: Some(lengths.to_vec()), ..none() };
    assert!(refused("random:16,16,4", documents(&[5, 7])).contains("a sum of 16 tokens"));
    assert!(refused("random:16,16,4", documents(&[usize::MAX, 2, 15])).contains("a sum of 16 tokens"));
    assert!(refused("random:8,16,4", documents(&[8, 8])).contains("as many queries as keys"));
    let padded = |lengths: &[usize]| Mask { left_padding: Some(lengths.to_vec()), ..none() };
    assert!(refused("random:8,16,4", padded(&[17])).contains("a left padding is 17"));
    assert!(refused("random:8,16,4", padded(&[1, 2])).contains("batch entries (1)"));
}
