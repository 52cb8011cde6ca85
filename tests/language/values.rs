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
