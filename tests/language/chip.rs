//! What a program holds on chip: what the mask hides of it, how it is rounded, whose buffer it is, and one row of it.

use ndarray::{Array2, s};
use tilescope::attention::input::random;
use tilescope::attention::{Head, Mask, Precision, Problem, Shape};
use tilescope::machine::{Fault, Given, Machine, Program};
use tilescope::schedule::language::{Setting, walk};
use tilescope::schedule::{Algorithm, Plan, Tiling};

use super::outcome::{Outcome, carry_out};
use super::read;

/// Causal, seven queries and keys.
fn causal() -> Problem {
    let mut problem = random::read("random:7,7,3,1,1", 4).expect("a spec").problem;
    problem.mask = Mask { causal: true, ..Mask::default() };
    problem
}

fn head(problem: &Problem) -> Head<f64> {
    problem.head::<f64>(0, 0, Precision::F64)
}

fn run(text: &str, problem: &Problem, tiling: Tiling, given: Given<f64>) -> Result<Outcome<f64>, Fault> {
    let setting = Setting::new(Plan::of_problem(problem, 0, tiling, Precision::F64));
    carry_out(&read(text), &setting, &[given])
}

fn outcome(text: &str, problem: &Problem, tiling: Tiling, given: Given<f64>) -> Outcome<f64> {
    run(text, problem, tiling, given).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

const TILINGS: [Tiling; 4] =
    [Tiling { br: 2, bc: 3 }, Tiling { br: 3, bc: 2 }, Tiling { br: 7, bc: 7 }, Tiling { br: 1, bc: 1 }];

fn same(got: impl IntoIterator<Item = f64>, want: impl IntoIterator<Item = f64>, what: &str) {
    let (got, want): (Vec<f64>, Vec<f64>) = (got.into_iter().collect(), want.into_iter().collect());
    assert_eq!(got.len(), want.len(), "{what}");
    for (n, (got, want)) in got.into_iter().zip(want).enumerate() {
        let is_same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= 1e-10 * want.abs().max(1.0);
        assert!(is_same, "{what}, number {n}: {got}, not {want}");
    }
}

/// A tile that is hidden, and then given a value of all its pairs, hides nothing.
#[test]
fn a_new_value_hides_nothing() {
    let text = "language 1\ntitle x\nin Q K V\nout O\nkernel k\nshared Q, K, V ; registers O, S\n\
                parallel for i in query blocks\n  load Q[i]\n  start: O = 0 per row of d_v\n  for j in key blocks\n    \
                load K[j]\n    load V[j]\n    all: S = Q @ K^T; O = O + S @ V\n    \
                some: S = -inf where hidden; O = O - finite(S) @ V; S = -inf where hidden\n  store O[i]\n";
    let problem = causal();
    let head = head(&problem);
    let mut hidden = head.q.dot(&head.k.t());
    hidden.indexed_iter_mut().filter(|((i, j), _)| head.band.keeps(*i, *j)).for_each(|(_, value)| *value = 0.0);
    let want = hidden.dot(&head.v);
    for tiling in TILINGS {
        let outcome = outcome(text, &problem, tiling, Given::new(head.clone()));
        same(outcome.tensor("O", 0).expect("an output").iter().copied(), want.iter().copied(), &format!("{tiling:?}"));
    }
}

/// Weights of 0 at hidden pairs, as they are given and twice that, meet no NaN there, and meet it elsewhere.
#[test]
fn given_weights_hide_what_the_mask_does() {
    let text = "language 1\ntitle x\nin P Q K\nout X:acc of d Y:acc of d\nkernel clear\nparallel for i in query blocks\n  \
                fill X[i] = 0\nkernel clear keys\nparallel for j in key blocks\n  fill Y[j] = 0\n\
                kernel k\nshared P, Q, K ; registers W\nparallel for i in query blocks, j in key blocks\n  \
                load P[i,j]\n  twice: W = 2 * P\n  load K[j]\n  load Q[i]\n  add X[i] += W @ K\n  add Y[j] += W^T @ Q\n";
    let mut problem = causal();
    problem.k.slice_mut(s![.., .., 3, 0]).fill(f64::NAN);
    problem.q.slice_mut(s![.., .., 1, 0]).fill(f64::INFINITY);
    let head = head(&problem);
    let p = Array2::from_shape_fn((7, 7), |(i, j)| if j <= i { 1.0 / (i + 1) as f64 } else { 0.0 });
    for tiling in TILINGS {
        let outcome = outcome(text, &problem, tiling, Given::new(head.clone()).with("P", p.clone()));
        let want = Array2::from_shape_fn((7, 3), |(i, c)| (0..=i).map(|j| 2.0 * p[[i, j]] * head.k[[j, c]]).sum());
        same(outcome.tensor("X", 0).expect("an output").iter().copied(), want, &format!("{tiling:?}"));
        let want = Array2::from_shape_fn((7, 3), |(j, c)| (j..7).map(|i| 2.0 * p[[i, j]] * head.q[[i, c]]).sum());
        same(outcome.tensor("Y", 0).expect("an output").iter().copied(), want, &format!("{tiling:?}"));
    }
}

/// Weights that are 0 at hidden pairs are values like others in what is made of them by another exponential.
#[test]
fn an_exponential_of_weights_is_of_all_pairs() {
    let problem = causal();
    let head = head(&problem);
    let (n, scores) = (7, head.q.dot(&head.k.t()));
    // No pair of its last key is left out.
    let mut e = head.v.clone();
    e[[6, 0]] = f64::NAN;
    let p = Array2::from_shape_fn((n, n), |(i, j)| if j <= i { scores[[i, j]].exp() } else { 0.0 });
    for (value, by_hand) in [
        ("exp(P / r)", (|p, r| (p / r).exp()) as fn(f64, f64) -> f64),
        ("exp(ratio(P, r))", |p, r| (p / r).exp()),
        ("exp(P - r)", |p, r| (p - r).exp()),
        ("exp(P)", |p, _| p.exp()),
    ] {
        let text = format!(
            "language 1\ntitle x\nin Q K E[j]:acc of d\nout O[i]:acc of d\nkernel k\nshared Q, K, E ; registers O, S P W\n\
             parallel for i in query blocks\n  load Q[i]\n  start: O = 0 per row of d; r = rowmax(square(Q)) + 1\n  \
             for j in key blocks\n    load K[j]\n    load E[j]\n    scores: S = Q @ K^T; S = -inf where hidden; P = exp(S)\n    \
             other: W = {value}; O = O + W @ E\n  store O[i]\n"
        );
        let r = |i: usize| head.q.row(i).iter().fold(0.0, |most: f64, q| most.max(q * q)) + 1.0;
        let want = Array2::from_shape_fn((n, n), |(i, j)| by_hand(p[[i, j]], r(i))).dot(&e);
        for tiling in TILINGS {
            let outcome = outcome(&text, &problem, tiling, Given::new(head.clone()).with("E", e.clone()));
            let what = format!("{value}, {tiling:?}");
            same(outcome.tensor("O", 0).expect("an output").iter().copied(), want.iter().copied(), &what);
        }
    }
}

/// At hidden pairs 0 times anything is 0, where the 0 is that of a pair; anything else, and any 0 elsewhere, is arithmetic.
#[test]
fn nothing_is_made_of_hidden_weights() {
    let problem = causal();
    // X is NaN at keys 2 and 5. Query 6 weighs key 1 with a 0 of its own, and key 2 too.
    let mut e = problem.v.slice(s![0, 0, .., ..]).to_owned();
    e.row_mut(2).fill(f64::NAN);
    e.row_mut(5).fill(f64::INFINITY);
    let head = head(&problem);
    let (scores, n) = (head.q.dot(&head.k.t()), 7);
    let sees = |i: usize, j: usize| head.band.keeps(i, j);
    let x = Array2::from_shape_fn((n, n), |(i, j)| head.q.row(i).iter().zip(e.row(j)).map(|(q, e)| q * e).sum::<f64>());
    type ByHand = fn(p: f64, s: f64, x: f64, r: f64, hidden: bool) -> f64;
    let forms: [(&str, ByHand); 8] = [
        ("P * X", |p, _, x, _, hidden| if hidden { 0.0 } else { p * x }),
        ("X * P", |p, _, x, _, hidden| if hidden { 0.0 } else { p * x }),
        ("pick(r > 0, P * X, X * P)", |p, _, x, _, hidden| if hidden { 0.0 } else { p * x }),
        ("S * X", |_, s, x, _, _| s * x),
        ("X * S", |_, s, x, _, _| s * x),
        ("S * (r - r)", |_, s, _, r, _| s * (r - r)),
        ("ratio(P, u)", |p, _, _, r, hidden| if hidden { 0.0 } else { p / (r - f64::INFINITY + f64::INFINITY) }),
        ("ratio(X * 0, u)", |_, _, x, _, _| x * f64::NAN),
    ];
    for (value, by_hand) in forms {
        let text = format!(
            "language 1\ntitle x\nin Q K E[j]:acc of d\nout A[i,j]:acc\nideal\nkernel k\nshared Q, K, E ; registers A, S P X\n\
             parallel for i in query blocks\n  load Q[i]\n  sums: r = rowsum(square(Q)); u = r - inf; u = u + inf\n  \
             for j in key blocks\n    load K[j]\n    load E[j]\n    scores: S = Q @ K^T; S = -inf where hidden; P = exp(S)\n    \
             other: P = pick(P > 1, P, 0); X = Q @ E^T; A = {value}\n    store A[i,j]\n"
        );
        for tiling in TILINGS {
            let outcome = outcome(&text, &problem, tiling, Given::new(head.clone()).with("E", e.clone()));
            let r = |i: usize| head.q.row(i).iter().map(|q| q * q).sum::<f64>();
            let want = Array2::from_shape_fn((n, n), |(i, j)| {
                let s = if sees(i, j) { scores[[i, j]] } else { f64::NEG_INFINITY };
                let p = if s.exp() > 1.0 { s.exp() } else { 0.0 };
                by_hand(p, s, x[[i, j]], r(i), !sees(i, j))
            });
            let what = format!("{value}, {tiling:?}");
            same(outcome.tensor("A", 0).expect("an output").iter().copied(), want, &what);
        }
    }
}

/// A name may be of queries in one kernel and of keys in the next: the buffer is made anew.
#[test]
fn a_name_is_another_buffer_in_another_kernel() {
    let text = "language 1\ntitle x\nin Q K\nout A[i]:acc of d B[j]:acc of d\nkernel one\nshared Q ; registers A, X\n\
                parallel for i in query blocks\n  load Q[i]\n  it: X = Q + Q; A = X - 1\n  store A[i]\n\
                kernel two\nshared K ; registers B, X\nparallel for j in key blocks\n  load K[j]\n  \
                it: X = K + K; B = X - 1\n  store B[j]\n";
    let problem = causal();
    let head = head(&problem);
    for tiling in [Tiling { br: 2, bc: 5 }, Tiling { br: 5, bc: 2 }, Tiling { br: 1, bc: 7 }] {
        let outcome = outcome(text, &problem, tiling, Given::new(head.clone()));
        for (name, of) in [("A", &head.q), ("B", &head.k)] {
            let got = outcome.tensor(name, 0).expect("an output");
            same(got.iter().copied(), of.iter().map(|x| 2.0 * x - 1.0), &format!("{name}, {tiling:?}"));
        }
    }
}

/// In 16 bits what was kept as it was accumulated is rounded where it is a side of a product.
#[test]
fn what_was_accumulated_is_rounded_in_a_product() {
    let text = "language 1\ntitle x\nin Q K\nout A[i,j]:acc\nhbm X[i]:acc of d\nkernel one\nshared Q ; registers X\n\
                parallel for i in query blocks\n  load Q[i]\n  third: X = Q / 3\n  store X[i]\n\
                kernel two\nshared X, K ; registers A\nparallel for i in query blocks, j in key blocks\n  load X[i]\n  \
                load K[j]\n  it: A = X @ K^T\n  store A[i,j]\n";
    let problem = causal();
    for precision in [Precision::F16, Precision::BF16] {
        let round = |x: f32| match precision {
            Precision::F16 => f64::from(half::f16::from_f32(x).to_f32()),
            _ => f64::from(half::bf16::from_f32(x).to_f32()),
        };
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br: 3, bc: 2 }, precision));
        let given = [Given::new(problem.head::<f32>(0, 0, precision))];
        let outcome = carry_out(&read(text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
        let (q, k) = (given[0].head.q.mapv(|q| round(q / 3.0)), given[0].head.k.mapv(f64::from));
        let exact = q.dot(&k.t());
        for (got, want) in outcome.tensor("A", 0).expect("an output").iter().zip(&exact) {
            let off = (f64::from(*got) - want).abs();
            assert!(off <= 1e-6 * want.abs().max(1.0), "{precision:?}: {got}, not {want}");
        }
    }
}

/// A sum that has rounded to 0, of a row that has seen scores, is 0.
#[test]
fn a_sum_of_0_beside_a_maximum_is_0() {
    let text = "language 1\ntitle x\nin Q K V\nout O\nreport l\nkernel k\nshared Q, K, V ; registers O, S P\n\
                parallel for i in query blocks\n  load Q[i]\n  start: O = 0 per row of d_v; l = 0 per row; m = -inf per row\n  \
                for j in key blocks\n    load K[j]\n    load V[j]\n    all: S = Q @ K^T; S = -inf where hidden; m = max(m, rowmax(S))\n    \
                weigh: P = exp(S - finite(m) - 2000); l = l + rowsum(P); O = O + P @ V\n  end: O = ratio(O, l)\n  store O[i]\n";
    let problem = causal();
    for tiling in TILINGS {
        let outcome = outcome(text, &problem, tiling, Given::new(head(&problem)));
        assert_eq!(outcome.reported("l", 0), Some(&[0.0; 7][..]), "{tiling:?}");
    }
}

/// Each block of a tensor has its own place, in every split, and one that no step stored is not there.
#[test]
fn every_block_is_told_from_others() {
    let problem = causal();
    let text = "language 1\ntitle x\nin X[i,s]:acc of 1\nout O[i]:acc of 1\nkernel k\nparallel for i in query blocks\n  \
                start: O = 0 per row\n  for s in splits\n    load X[i,s]\n    add: O = 3 * O + X\n  store O[i]\n";
    let (splits, n) = (3, 7);
    let x = Array2::from_shape_fn((splits * n, 1), |(row, _)| (row * row) as f64);
    for br in [1, 2, 7] {
        let plan = Plan::of_problem(&problem, 0, Tiling { br, bc: 2 }, Precision::F64);
        let setting = Setting { splits, ..Setting::new(plan) };
        let given = [Given::new(head(&problem)).with("X", x.clone())];
        let outcome = carry_out(&read(text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
        let want = (0..n).map(|i| (0..splits).fold(0.0, |sum, s| 3.0 * sum + x[[s * n + i, 0]]));
        same(outcome.tensor("O", 0).expect("an output").iter().copied(), want, &format!("{br}"));
    }
    // Stored where something is seen: key blocks past the last query are not, nor are splits without a key.
    let unwritten = |made: &str, block: &str, read: &str| {
        let text = format!(
            "language 1\ntitle x\nin Q K\nout O[i]:acc of 1\nhbm X[{block}]:acc of 1\nkernel one\n{made}  \
             store X[{block}] when seen\nkernel two\n{read}kernel three\nparallel for i in query blocks\n  \
             start: O = 0 per row\n  store O[i]\n",
        );
        let mut problem = random::read("random:7,9,3,1,1", 4).expect("a spec").problem;
        problem.mask = Mask { key_lengths: Some(vec![4]), ..Mask::default() };
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 2, bc: 2 }, Precision::F64);
        let setting = Setting { splits: 3, ..Setting::new(plan) };
        let given = [Given::new(problem.head::<f64>(0, 0, Precision::F64))];
        match carry_out(&super::read(&text), &setting, &given) {
            Err(Fault::Unwritten { name, place, .. }) => (name, place.i(), place.j(), place.s()),
            Err(fault) => panic!("{fault}"),
            Ok(_) => panic!("nothing was missing\n{text}"),
        }
    };
    let x = || "X".to_owned();
    let of_keys = "parallel for j in key blocks\n";
    let keys =
        unwritten(&format!("{of_keys}  it: X = 1 per key\n"), "j", &format!("{of_keys}  load X[j]\n  it: a = X + 1\n"));
    assert_eq!(keys, (x(), None, Some(2), None));
    let of_splits = "parallel for i in query blocks, s in splits\n";
    let splits = unwritten(
        &format!("{of_splits}  it: X = 1 per row\n"),
        "i,s",
        &format!("{of_splits}  load X[i,s]\n  it: a = X + 1\n"),
    );
    assert_eq!(splits, (x(), Some(0), None, Some(1)));
    let of_tiles = "parallel for i in query blocks, j in key blocks\n";
    let tiles = unwritten(
        &format!("shared Q, K ; registers X\n{of_tiles}  load Q[i]\n  load K[j]\n  it: X = Q @ K^T\n"),
        "i,j",
        &format!("shared X\n{of_tiles}  load X[i,j]\n  it: a = rowsum(X)\n"),
    );
    assert_eq!(tiles, (x(), Some(0), Some(2), None));
}

/// One row of what is on chip: of an input the first value of that row's own block, of a number the same for all.
#[test]
fn a_row_of_an_input_is_that_of_its_block() {
    let text = "language 1\ntitle x\nin X[i]:acc of 1 W[i,j]:acc Q\nout O[i]:acc of 1\nkernel k\nshared W, Q\n\
                parallel for i in query blocks\n  load X[i]\n  load Q[i]\n  for j in key blocks\n    load W[i,j]\n    \
                it: c = 2; O = X\n  again: O = X\n  store O[i]\n";
    let problem = causal();
    let head = head(&problem);
    let x = Array2::from_shape_fn((7, 1), |(row, _)| (row * row) as f64 + 0.5);
    let w = Array2::from_shape_fn((7, 7), |(row, col)| (row * 10 + col) as f64);
    let algorithm = Algorithm::read("rows", text).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let name = |name: &str| algorithm.text().name(name).expect("a name");
    let program = Program::new(&algorithm);
    let given = [Given::new(head.clone()).with("X", x.clone()).with("W", w.clone())];
    for tiling in TILINGS {
        let setting = Setting::new(Plan::of_problem(&problem, 0, tiling, Precision::F64));
        let mut machine = Machine::new(&program, &setting, &given).expect("it fits");
        let mut seen = 0;
        let walked = walk(algorithm.text(), &setting, &mut |step| {
            machine.execute(step).expect("it runs");
            let Some((i, j)) = step.place.tile() else { return std::ops::ControlFlow::<()>::Continue(()) };
            for (row, query) in setting.plan.rows(i).enumerate() {
                let of = |of: &str| machine.single(name(of), row);
                assert_eq!(of("X"), Some(x[[query, 0]]), "{tiling:?} {query}");
                assert_eq!(of("Q"), Some(head.q[[query, 0]]), "{tiling:?} {query}");
                assert_eq!(of("W"), Some(w[[query, setting.plan.cols(j).start]]), "{tiling:?} {query}");
                let is_later = algorithm.line(step.line).label == "it";
                assert_eq!(of("c").filter(|_| is_later), is_later.then_some(2.0), "{tiling:?} {query}");
                seen += 1;
            }
            std::ops::ControlFlow::Continue(())
        });
        assert!(walked.is_continue() && seen >= 7, "{seen}");
    }
    assert_eq!(problem.shape, Shape::single(7, 7, 3));
}

/// A number of each row that is scaled is a product like any other: an infinity times 0 is NaN. Of a row of values whose
/// factor has rounded to 0 it stays, beside values that are not finite.
#[test]
fn a_number_of_each_row_is_scaled_as_a_product() {
    let text = "language 1\ntitle x\nin Q\nout B[i]:acc of 1\nkernel k\nshared Q\nparallel for i in query blocks\n  \
                load Q[i]\n  begin: B = rowsum(Q); a = 0 per row\n  scale: B = a * B\n  store B[i]\n";
    let mut problem = causal();
    problem.q.slice_mut(s![.., .., 2, 0]).fill(f64::INFINITY);
    problem.v.slice_mut(s![.., .., 4, 0]).fill(f64::NAN);
    for tiling in TILINGS {
        let outcome = outcome(text, &problem, tiling, Given::new(head(&problem)));
        let want = (0..7).map(|row| if row == 2 { f64::NAN } else { 0.0 });
        same(outcome.tensor("B", 0).expect("an output").iter().copied(), want, &format!("{tiling:?}"));
    }
}

/// A tile of whole rows is written at its keys, value by value too.
#[test]
fn a_tile_of_a_row_has_its_place() {
    let text = "language 1\ntitle x\nin Q K\nout B[i]:acc of 1\nkernel k\nshared Q, K ; registers S X over keys\n\
                parallel for i in query blocks\n  load Q[i]\n  for j in key blocks\n    load K[j]\n    \
                tile: S = Q @ K^T; X = 2 * S - 1; X = max(X, rowsum(Q))\n  all: B = rowmax(X) - rowsum(X)\n  store B[i]\n";
    let problem = causal();
    let head = head(&problem);
    let want = (0..7).map(|i| {
        let scores = (0..7).map(|j| (2.0 * head.q.row(i).dot(&head.k.row(j)) - 1.0).max(head.q.row(i).sum()));
        scores.clone().fold(f64::NEG_INFINITY, f64::max) - scores.sum::<f64>()
    });
    for tiling in TILINGS {
        let outcome = outcome(text, &problem, tiling, Given::new(head.clone()));
        let got = outcome.tensor("B", 0).expect("an output");
        same(got.iter().copied(), want.clone(), &format!("{tiling:?}"));
    }
}
