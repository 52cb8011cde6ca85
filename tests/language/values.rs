//! What the operators of a text mean, against arithmetic written out here.

use ndarray::Array2;
use tilescope::attention::Precision;
use tilescope::attention::input::random;
use tilescope::machine::Given;
use tilescope::schedule::language::{self, Setting};
use tilescope::schedule::{Plan, Tiling};

use super::lines;
use super::outcome::carry_out;
use super::read;

/// X, or else O, of a text on seven queries and five keys in f64, with Q and V.
fn result(text: &str, tiling: Tiling) -> [Array2<f64>; 3] {
    let problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let setting = Setting::new(Plan::of_problem(&problem, 0, tiling, Precision::F64));
    let (q, v) = (head.q.to_owned(), head.v.to_owned());
    let given = [Given::new(head)];
    let outcome = carry_out(&read(text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    let output = outcome.tensor("X", 0).or_else(|| outcome.tensor("O", 0)).expect("an output").to_owned();
    [output, q, v]
}

fn of_rows(value: &str) -> String {
    format!(
        "language 1\ntitle x\nin Q\nout X\nkernel k\nshared Q ; registers X\nparallel for i in query blocks\n  load Q[i]\n  \
         value: X = {value}\n  store X[i]\n"
    )
}

#[test]
fn operators_go_from_the_left() {
    let of = |value: &str, by_hand: &dyn Fn(f64) -> f64| {
        let [o, q, _] = result(&of_rows(value), Tiling { br: 3, bc: 2 });
        assert_eq!(o, q.mapv(by_hand), "{value}");
    };
    of("Q - 1 - 2", &|q| q - 1.0 - 2.0);
    of("Q / 2 / 4", &|q| q / 8.0);
    of("Q / 2 * 4", &|q| q / 2.0 * 4.0);
    of("1 - Q * 2 + 3", &|q| 1.0 - q * 2.0 + 3.0);
    of("Q * -2", &|q| q * -2.0);
    of("-Q - -1", &|q| -q + 1.0);
    of("pick(Q - 1 > -Q, 1, 2)", &|q| if q - 1.0 > -q { 1.0 } else { 2.0 });
    of("pick(Q <= -1, 1, pick(Q >= 1, 2, pick(Q < 0, 3, 4)))", &|q| match q {
        q if q <= -1.0 => 1.0,
        q if q >= 1.0 => 2.0,
        q if q < 0.0 => 3.0,
        _ => 4.0,
    });
}

/// What a value may be made of at a pair: the tile, two values of its row, one of its key.
struct At {
    x: f64,
    r: f64,
    top: f64,
    w: f64,
    scale: f64,
    distance: f64,
}

type Value = (&'static str, fn(&At) -> f64);

/// Values per row, of r = rowsum(Q) and top = rowmax(Q).
const OF_ROWS: [Value; 36] = [
    ("-r", |at| -at.r),
    ("-(r - top)", |at| at.top - at.r),
    ("r + top", |at| at.r + at.top),
    ("r - top", |at| at.r - at.top),
    ("r * top", |at| at.r * at.top),
    ("r / top", |at| at.r / at.top),
    ("r - 2", |at| at.r - 2.0),
    ("2 / top", |at| 2.0 / at.top),
    ("2 - 3 + r", |at| at.r - 1.0),
    ("scale * r", |at| at.scale * at.r),
    ("r + scale / 2", |at| at.r + at.scale / 2.0),
    ("max(r, top)", |at| at.r.max(at.top)),
    ("max(top, r)", |at| at.r.max(at.top)),
    ("ratio(r, top)", |at| at.r / at.top),
    ("ratio(r, r - r)", |_| 0.0),
    ("exp(r)", |at| at.r.exp()),
    ("exp(r - top)", |at| (at.r - at.top).exp()),
    ("exp(r) * exp(top)", |at| (at.r + at.top).exp()),
    ("exp2(r)", |at| at.r.exp2()),
    ("tanh(r)", |at| at.r.tanh()),
    ("square(r)", |at| at.r * at.r),
    ("ln(square(top))", |at| 2.0 * at.top.abs().ln()),
    ("finite(r)", |at| at.r),
    ("finite(r - inf)", |_| 0.0),
    ("pick(r > top, 1, 2)", |at| if at.r > at.top { 1.0 } else { 2.0 }),
    ("pick(r < top, 1, r)", |at| if at.r < at.top { 1.0 } else { at.r }),
    ("pick(r > r, 1, 2)", |_| 2.0),
    ("pick(r < r, 1, 2)", |_| 2.0),
    ("pick(r >= r, top, 2)", |at| at.top),
    ("pick(r <= r, 1, 2)", |_| 1.0),
    ("pick(r >= top, 1, 2)", |at| if at.r >= at.top { 1.0 } else { 2.0 }),
    ("pick(r <= top, 1, 2)", |at| if at.r <= at.top { 1.0 } else { 2.0 }),
    ("rowsum(-Q)", |at| -at.r),
    ("rowmax(Q + Q)", |at| 2.0 * at.top),
    ("-rowsum(Q * 2 - Q)", |at| -at.r),
    ("max(rowmax(Q) + rowsum(Q), 0)", |at| (at.r + at.top).max(0.0)),
];

/// Tiles, of X = Q @ K^T, the same and w = rowsum(K).
const OF_TILES: [Value; 42] = [
    ("-X", |at| -at.x),
    ("-(X - 1)", |at| 1.0 - at.x),
    ("X + r", |at| at.x + at.r),
    ("r + X", |at| at.x + at.r),
    ("X - r", |at| at.x - at.r),
    ("r - X", |at| at.r - at.x),
    ("X * r", |at| at.x * at.r),
    ("r * X", |at| at.x * at.r),
    ("X / r", |at| at.x / at.r),
    ("r / X", |at| at.r / at.x),
    ("X * X", |at| at.x * at.x),
    ("X / 4", |at| at.x / 4.0),
    ("X - X / 4", |at| at.x * 0.75),
    ("scale * X", |at| at.scale * at.x),
    ("r * (X + X)", |at| 2.0 * at.r * at.x),
    ("X * w^T", |at| at.x * at.w),
    ("w^T - X", |at| at.w - at.x),
    ("r * w^T", |at| at.r * at.w),
    ("max(X, r)", |at| at.x.max(at.r)),
    ("max(r, X)", |at| at.x.max(at.r)),
    ("max(X, w^T)", |at| at.x.max(at.w)),
    ("ratio(X, top)", |at| at.x / at.top),
    ("ratio(top, X)", |at| at.top / at.x),
    ("ratio(X, r - r)", |_| 0.0),
    ("exp(X)", |at| at.x.exp()),
    ("exp(-X)", |at| (-at.x).exp()),
    ("exp(X - r)", |at| (at.x - at.r).exp()),
    ("exp(r - X)", |at| (at.r - at.x).exp()),
    ("exp(X / 2 - top)", |at| (at.x / 2.0 - at.top).exp()),
    ("exp(X - w^T)", |at| (at.x - at.w).exp()),
    ("exp2(X)", |at| at.x.exp2()),
    ("tanh(X)", |at| at.x.tanh()),
    ("square(X)", |at| at.x * at.x),
    ("ln(square(X))", |at| 2.0 * at.x.abs().ln()),
    ("finite(X - inf)", |_| 0.0),
    ("X - distance / 2", |at| at.x - at.distance / 2.0),
    ("pick(X > r, X, r)", |at| at.x.max(at.r)),
    ("pick(r > 0, X, 3)", |at| if at.r > 0.0 { at.x } else { 3.0 }),
    ("pick(X <= w^T, w^T, X)", |at| at.x.max(at.w)),
    ("pick(X >= X, 1, 2)", |_| 1.0),
    ("pick(X < X, 1, 2)", |_| 2.0),
    ("pick(X < r, 1, X)", |at| if at.x < at.r { 1.0 } else { at.x }),
];

/// Every operation, of a tile, of a value per row, and of one that goes with each element of its row.
#[test]
fn operations_are_arithmetic() {
    let problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let of_rows = OF_ROWS.map(|(value, by_hand)| (value.to_owned(), by_hand, format!("X + ({value})"), true));
    let of_tiles = OF_TILES.map(|(value, by_hand)| ("r".to_owned(), by_hand, value.to_owned(), false));
    for (rows, by_hand, tile, is_of_rows) in of_rows.into_iter().chain(of_tiles) {
        let text = format!(
            "language 1\ntitle x\nin Q K\nout A[i,j]:acc B[i]:acc of 1\nkernel k\nshared Q, K ; registers A, X\n\
             parallel for i in query blocks\n  load Q[i]\n  of-rows: r = rowsum(Q); top = rowmax(Q); B = {rows}\n  \
             for j in key blocks\n    load K[j]\n    of-tile: X = Q @ K^T; w = rowsum(K); A = {tile}\n    \
             store A[i,j]\n  store B[i]\n"
        );
        for tiling in [Tiling { br: 2, bc: 3 }, Tiling { br: 7, bc: 5 }, Tiling { br: 1, bc: 1 }] {
            let setting = Setting::new(Plan::of_problem(&problem, 0, tiling, Precision::F64));
            let given = [Given::new(head.clone())];
            let outcome = carry_out(&read(&text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
            let (a, b) = (outcome.tensor("A", 0).expect("an output"), outcome.tensor("B", 0).expect("an output"));
            for ((i, j), &got) in a.indexed_iter() {
                let (q, k) = (head.q.row(i), head.k.row(j));
                let at = At {
                    x: q.dot(&k),
                    r: q.sum(),
                    top: q.fold(f64::NEG_INFINITY, |most, &x| most.max(x)),
                    w: k.sum(),
                    scale: head.scale,
                    distance: (i as f64 + 5.0 - 7.0 - j as f64).abs(),
                };
                let same = |got: f64, want: f64| (got - want).abs() <= 1e-10 * want.abs().max(1.0);
                let value = by_hand(&at);
                let (of_tile, of_row) = if is_of_rows { (at.x + value, value) } else { (value, at.r) };
                assert!(same(got, of_tile), "A = {tile} at {i}, {j}, {tiling:?}: {got}, not {of_tile}");
                assert!(same(b[[i, 0]], of_row), "B = {rows} of {i}, {tiling:?}: {}, not {of_row}", b[[i, 0]]);
            }
        }
    }
}

/// A value per row that is made of itself, of all rows at once, and of one number.
#[test]
fn a_value_may_be_made_of_itself() {
    let text = "language 1\ntitle x\nin Q\nout B[i]:acc of 1\nkernel k\nshared Q\nparallel for i in query blocks\n  \
                load Q[i]\n  own: B = rowsum(Q); B = B * 3 - rowsum(Q); B = max(-B, B / 4); c = 2; c = c + 1; B = B * c\n  \
                store B[i]\n";
    let problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    let head = problem.head::<f64>(0, 0, Precision::F64);
    for br in [1, 3, 7] {
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br, bc: 5 }, Precision::F64));
        let outcome = carry_out(&read(text), &setting, &[Given::new(head.clone())]).expect("it fits");
        for (row, got) in head.q.rows().into_iter().zip(outcome.tensor("B", 0).expect("an output")) {
            let twice = 2.0 * row.sum();
            let want = 3.0 * f64::max(-twice, twice / 4.0);
            assert!((got - want).abs() <= 1e-10 * want.abs().max(1.0), "{got}, not {want}");
        }
    }
}

/// A product whose side is the name that it is for, and a value made of its own columns: neither may be written where it
/// is still read.
#[test]
fn a_name_may_be_a_side_of_its_own_product() {
    let text = "language 1\ntitle x\nin Q K V\nout O\nkernel k\nshared V ; registers O, W\nparallel for i in query blocks\n  \
                start: O = 1 per row of d_v\n  for j in key blocks\n    load V[j]\n    square: W = V^T @ V\n    \
                turn: W = W + 2 * W^T\n    right: O = O @ W\n    left: W = W @ W; O = O + 0.5 * O @ W\n  store O[i]\n";
    for tiling in [Tiling { br: 3, bc: 2 }, Tiling { br: 7, bc: 5 }, Tiling { br: 1, bc: 1 }] {
        let [got, _, v] = result(text, tiling);
        let mut want = Array2::<f64>::ones((7, 3));
        for j in (0..5).step_by(tiling.bc) {
            let block = v.slice(ndarray::s![j..(j + tiling.bc).min(5), ..]);
            let mut w = block.t().dot(&block);
            w = &w + &(&w.t() * 2.0);
            want = want.dot(&w);
            w = w.dot(&w);
            want = &want + &(want.dot(&w) * 0.5);
        }
        for (got, want) in got.iter().zip(&want) {
            let off = (got - want).abs();
            assert!(off <= 1e-9 * want.abs(), "{got} and {want} with {tiling:?}");
        }
    }
}

/// Tiles are of queries and keys: two values of one axis make no square of it.
#[test]
fn no_tile_is_of_keys_by_keys() {
    for (axis, of, loads, value) in [("j", "key", "K[j]", "K"), ("i", "query", "Q[i]", "Q")] {
        let text = format!(
            "language 1\ntitle x\nin Q K\nout O\nkernel k\nshared {value}\nparallel for {axis} in {of} blocks\n  load {loads}\n  \
             sum: a = rowsum({value})\n  both: b = rowsum(a + a^T)\n"
        );
        let wrong = lines(&language::read(&text).expect_err("no such tile"));
        assert!(wrong.contains("do not go together element by element"), "{wrong}");
    }
}

/// A bias of -inf hides its pair, whatever it is added to and wherever that stands in a value.
#[test]
fn a_bias_hides_wherever_it_is_added() {
    const LOW: f64 = f64::NEG_INFINITY;
    let mut problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    problem.k.slice_mut(ndarray::s![0, 0, 2, ..]).fill(f64::NAN);
    problem.bias =
        Some(ndarray::Array4::from_shape_fn((1, 1, 7, 5), |(_, _, i, j)| if j == 2 { LOW } else { i as f64 }));
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let forms: [Value; 6] = [
        ("X + bias", |at| at.x),
        ("-(X + bias)", |at| -at.x),
        ("(X + bias) / 2 - 1", |at| at.x / 2.0 - 1.0),
        ("max(X + bias, -inf)", |at| at.x),
        ("pick(1 > 2, 0, X + bias)", |at| at.x),
        ("exp(X + bias)", |at| at.x.exp()),
    ];
    for (value, by_hand) in forms {
        let text = format!(
            "language 1\ntitle x\nin Q K\nout A[i,j]:acc\nideal\nkernel k\nshared Q, K ; registers A, X\n\
             parallel for i in query blocks\n  load Q[i]\n  for j in key blocks\n    load K[j]\n    \
             load bias[i,j] when bias\n    of-tile: X = Q @ K^T; A = X; A = {value} when bias\n    store A[i,j]\n"
        );
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br: 3, bc: 2 }, Precision::F64));
        let outcome = carry_out(&read(&text), &setting, &[Given::new(head.clone())]).expect("it fits");
        for ((i, j), &got) in outcome.tensor("A", 0).expect("an output").indexed_iter() {
            let x = if j == 2 { LOW } else { head.q.row(i).dot(&head.k.row(j)) + i as f64 };
            let want = by_hand(&At { x, r: 0.0, top: 0.0, w: 0.0, scale: 0.0, distance: 0.0 });
            assert!(got == want || (got - want).abs() <= 1e-10 * want.abs(), "{value} at {i}, {j}: {got}, not {want}");
        }
    }
}

/// In 16 bits each side of a product is rounded, whatever it was made of, and once: what was loaded is rounded already.
#[test]
fn sides_of_a_product_are_rounded() {
    let problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    let text = "language 1\ntitle x\nin Q K\nout A[i,j]:acc B[i,j]:acc\nkernel k\nshared Q, K ; registers A, B, X\n\
                parallel for i in query blocks\n  load Q[i]\n  third: X = Q / 3\n  for j in key blocks\n    load K[j]\n    \
                both: A = X @ K^T; B = Q @ K^T\n    store A[i,j]\n    store B[i,j]\n";
    for precision in [Precision::F16, Precision::BF16] {
        let round = |x: f32| match precision {
            Precision::F16 => f64::from(half::f16::from_f32(x).to_f32()),
            _ => f64::from(half::bf16::from_f32(x).to_f32()),
        };
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br: 3, bc: 2 }, precision));
        let given = [Given::new(problem.head::<f32>(0, 0, precision))];
        let outcome = carry_out(&read(text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
        let (q, k) = (&given[0].head.q, given[0].head.k.mapv(f64::from));
        for (name, q) in [("A", q.mapv(|x| round(x / 3.0))), ("B", q.mapv(f64::from))] {
            let want = q.dot(&k.t());
            for (got, want) in outcome.tensor(name, 0).expect("an output").iter().zip(&want) {
                let off = (f64::from(*got) - want).abs();
                assert!(off <= 1e-6 * want.abs().max(1.0), "{name} in {precision:?}: {got}, not {want}");
            }
        }
    }
}

/// In 16 bits an output of elements is rounded, and one that is kept as it was accumulated is not.
#[test]
fn tensors_are_kept_in_their_kind() {
    let problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    let of = |kind: &str, precision| {
        let text = of_rows("Q / 3").replace("out X", &format!("out X[i]:{kind} of d"));
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br: 3, bc: 2 }, precision));
        let given = [Given::new(problem.head::<f32>(0, 0, precision))];
        let outcome = carry_out(&read(&text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
        (outcome.tensor("X", 0).expect("an output").to_owned(), given[0].head.q.mapv(|q| q / 3.0))
    };
    let (kept, exact) = of("acc", Precision::F16);
    assert_eq!(kept, exact);
    let (kept, exact) = of("element", Precision::F16);
    assert_eq!(kept, exact.mapv(|x| half::f16::from_f32(x).to_f32()));
    assert_ne!(kept, exact, "a third has more digits");
    let (kept, exact) = of("element", Precision::F32);
    assert_eq!(kept, exact);
}
