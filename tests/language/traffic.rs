//! What texts move: counted step by step, in closed form, and by the published formulas, which are written out here.

use proptest::prelude::*;
use tilescope::attention::{BiasOf, Mask, Precision, Shape, TileClass};
use tilescope::schedule::language::{Algorithm, Setting, TEXTS, Tally, closed_form, counted, visits};
use tilescope::schedule::{Plan, Tiling};

use super::common::{any_plans, is_tile};
use super::text;

/// Totals by tensor and in all; which of two lines under `once` is the first to read may be told apart by neither.
fn summary(algorithm: &Algorithm, tally: &Tally) -> Vec<String> {
    let tensors = (0..algorithm.tensors.len())
        .map(|tensor| format!("{} {:?}", algorithm.tensors[tensor].name, tally.of_tensor(algorithm, tensor)));
    tensors.chain([format!("{:?}", tally.total())]).collect()
}

/// The tile sums by the definition: every tile is asked.
struct Sums {
    n_q: u64,
    n_k: u64,
    d: u64,
    d_v: u64,
    /// Of each tile that there is, visible or not; rows and keys that have one.
    pairs: u64,
    tiled_rows: u64,
    tiled_keys: u64,
    a: u64,
    a_r: u64,
    a_c: u64,
    /// Keys of the blocks that some query sees.
    seen_keys: u64,
    /// Rows times splits that have an active tile.
    split_rows: u64,
    splits: u64,
}

impl Sums {
    fn of(setting: &Setting) -> Self {
        let plan = &setting.plan;
        let active = |i, j| plan.class(i, j) != TileClass::Skipped;
        let (rows, cols) = (|i| plan.rows(i).len() as u64, |j| plan.cols(j).len() as u64);
        let mut sums = Self {
            n_q: plan.n_q as u64,
            n_k: plan.n_k as u64,
            d: plan.d as u64,
            d_v: plan.d_v as u64,
            pairs: 0,
            tiled_rows: 0,
            tiled_keys: 0,
            a: 0,
            a_r: 0,
            a_c: 0,
            seen_keys: 0,
            split_rows: 0,
            splits: setting.splits as u64,
        };
        for i in 0..plan.t_r() {
            for j in (0..plan.t_c()).filter(|&j| active(i, j)) {
                sums.a += rows(i) * cols(j);
                sums.a_r += rows(i);
                sums.a_c += cols(j);
            }
            // The key blocks of its sequence, in runs of as many as a split has.
            let beside: Vec<usize> = (0..plan.t_c()).filter(|&j| is_tile(plan, i, j)).collect();
            sums.pairs += beside.iter().map(|&j| rows(i) * cols(j)).sum::<u64>();
            let each = beside.len().div_ceil(setting.splits).max(1);
            let met = beside.chunks(each).filter(|split| split.iter().any(|&j| active(i, j)));
            sums.split_rows += rows(i) * met.count() as u64;
        }
        let has_tile = |i: usize, j: usize| is_tile(plan, i, j);
        sums.tiled_rows = (0..plan.t_r()).filter(|&i| (0..plan.t_c()).any(|j| has_tile(i, j))).map(rows).sum();
        sums.tiled_keys = (0..plan.t_c()).filter(|&j| (0..plan.t_r()).any(|i| has_tile(i, j))).map(cols).sum();
        sums.seen_keys = (0..plan.t_c()).filter(|&j| (0..plan.t_r()).any(|i| active(i, j))).map(cols).sum();
        sums
    }
}

/// Reads and writes by tensor, by the table of published formulas; modifiers apart.
fn formula(name: &str, sums: &Sums) -> Vec<(&'static str, u64, u64)> {
    let &Sums {
        n_q, n_k, d, d_v, pairs, tiled_rows, tiled_keys, a_r, a_c, seen_keys: k, split_rows, splits: s, ..
    } = sums;
    match name {
        "standard" => vec![
            ("Q", n_q * d, 0),
            ("K", tiled_keys * d, 0),
            ("S", pairs, pairs),
            ("P", pairs, pairs),
            ("V", tiled_keys * d_v, 0),
            ("O", 0, n_q * d_v),
        ],
        "flash1" => vec![
            ("K", k * d, 0),
            ("V", k * d_v, 0),
            ("Q", a_r * d, 0),
            ("O", a_r * d_v, (a_r + n_q) * d_v),
            ("l", a_r, a_r + n_q),
            ("m", a_r, a_r + n_q),
        ],
        "flash2" | "flash2-lazy" | "flash2-lanes" => {
            vec![("Q", n_q * d, 0), ("K", a_c * d, 0), ("V", a_c * d_v, 0), ("O", 0, n_q * d_v), ("L", 0, n_q)]
        }
        "split-kv" => vec![
            ("Q", split_rows * d, 0),
            ("K", a_c * d, 0),
            ("V", a_c * d_v, 0),
            ("O_part", s * n_q * d_v, s * n_q * d_v),
            ("L_part", s * n_q, s * n_q),
            ("O", 0, n_q * d_v),
            ("L", 0, n_q),
        ],
        "standard-backward" => vec![
            ("P", 2 * pairs, 0),
            ("dP", pairs, pairs),
            ("dS", 2 * pairs, pairs),
            ("dO", 2 * tiled_rows * d_v, 0),
            ("Q", tiled_rows * d, 0),
            ("K", tiled_keys * d, 0),
            ("V", tiled_keys * d_v, 0),
            ("dQ", 0, n_q * d),
            ("dK", 0, n_k * d),
            ("dV", 0, n_k * d_v),
        ],
        "flash1-backward" => vec![
            ("K", k * d, 0),
            ("V", k * d_v, 0),
            ("Q", a_r * d, 0),
            ("O", a_r * d_v, 0),
            ("dO", a_r * d_v, 0),
            ("dQ", a_r * d, (a_r + n_q) * d),
            ("l", a_r, 0),
            ("m", a_r, 0),
            ("dK", 0, 2 * n_k * d),
            ("dV", 0, 2 * n_k * d_v),
        ],
        "flash2-backward" => vec![
            ("O", n_q * d_v, 0),
            ("dO", (n_q + a_r) * d_v, 0),
            ("D", a_r, n_q),
            ("L", a_r, 0),
            ("K", k * d, 0),
            ("V", k * d_v, 0),
            ("Q", a_r * d, 0),
            ("dQ", a_r * d, (a_r + n_q) * d),
            ("dK", 0, n_k * d),
            ("dV", 0, n_k * d_v),
        ],
        "two-kernel-backward" => vec![
            ("O", n_q * d_v, 0),
            ("dO", (2 * n_q + a_r) * d_v, 0),
            ("Q", (n_q + a_r) * d, 0),
            ("L", n_q + a_r, 0),
            ("D", n_q + a_r, n_q),
            ("K", (a_c + k) * d, 0),
            ("V", (a_c + k) * d_v, 0),
            ("dQ", 0, n_q * d),
            ("dK", 0, n_k * d),
            ("dV", 0, n_k * d_v),
        ],
        _ => panic!("no formula for {name}"),
    }
}

/// Operations of matrix products, by the published formulas.
fn matmul(name: &str, sums: &Sums) -> u64 {
    let &Sums { d, d_v, pairs, a, .. } = sums;
    match name {
        "standard" => 2 * pairs * (d + d_v),
        "flash1" | "flash2" | "flash2-lazy" | "flash2-lanes" | "split-kv" => 2 * a * (d + d_v),
        // S, dV, dP, dQ, dK.
        "flash1-backward" | "flash2-backward" => 2 * a * (3 * d + 2 * d_v),
        "two-kernel-backward" => 2 * a * (4 * d + 3 * d_v),
        "standard-backward" => 2 * pairs * (2 * d + 2 * d_v),
        _ => panic!("no formula for {name}"),
    }
}

fn plain(plan: &Plan) -> Plan {
    use tilescope::schedule::DropoutCost;
    Plan { softcap: false, alibi: false, bias: false, sinks: false, dropout: DropoutCost::None, ..plan.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn counted_equals_closed_form(plan in any_plans(), splits in 1usize..9, heads in 1usize..4) {
        let setting = Setting { splits, heads, ..Setting::new(plan) };
        for (name, _) in TEXTS {
            let algorithm = text(name);
            let (counted, closed) = (counted(&algorithm, &setting), closed_form(&algorithm, &setting));
            prop_assert_eq!(summary(&algorithm, &counted), summary(&algorithm, &closed), "{}", name);
            prop_assert!(visits(&algorithm, &setting) >= counted.total().steps, "{}", name);
        }
    }

    #[test]
    fn closed_form_equals_the_published_formulas(plan in any_plans(), splits in 1usize..9) {
        let setting = Setting { splits, ..Setting::new(plain(&plan)) };
        let sums = Sums::of(&setting);
        for (name, _) in TEXTS {
            let algorithm = text(name);
            let tally = closed_form(&algorithm, &setting);
            let formula = formula(name, &sums);
            for &(tensor, read, written) in &formula {
                prop_assert_eq!(tally.of_name(&algorithm, tensor), (read, written), "{}: {}", name, tensor);
            }
            let total = tally.total();
            prop_assert_eq!(total.hbm_read, formula.iter().map(|row| row.1).sum::<u64>(), "{}", name);
            prop_assert_eq!(total.hbm_write, formula.iter().map(|row| row.2).sum::<u64>(), "{}", name);
            prop_assert_eq!(total.flops.matmul, matmul(name, &sums), "{}", name);
        }
    }

    /// A bias, or the mask of booleans in its place or beside it, and a keep mask are read once for each pair of the tiles that
    /// are computed.
    #[test]
    fn modifiers_cost_what_they_are(plan in any_plans()) {
        use tilescope::schedule::DropoutCost;
        let setting = Setting::new(Plan { bias: true, dropout: DropoutCost::Materialised, ..plan });
        let sums = Sums::of(&setting);
        let [numbers, booleans] = match setting.plan.bias_of {
            BiasOf::Numbers => [sums.a, 0],
            BiasOf::Booleans => [0, sums.a],
            BiasOf::Both => [sums.a; 2],
        };
        for name in ["flash1", "flash2", "split-kv", "flash2-backward"] {
            let algorithm = text(name);
            let tally = closed_form(&algorithm, &setting);
            prop_assert_eq!(tally.of_name(&algorithm, "bias"), (numbers, 0), "{}", name);
            prop_assert_eq!(tally.total().mask_read, booleans, "{}", name);
            prop_assert_eq!(tally.of_name(&algorithm, "keep"), (sums.a, 0), "{}", name);
        }
    }
}

fn moved(name: &str, setting: &Setting) -> (u64, u64) {
    let algorithm = text(name);
    let total = counted(&algorithm, setting).total();
    assert_eq!(closed_form(&algorithm, setting).total(), total, "{name}");
    (total.hbm_read, total.hbm_write)
}

/// The table of reference numbers: N, d and blocks, then reads and writes of each algorithm.
#[test]
fn known_shapes() {
    let names = ["standard", "flash1", "flash2", "flash1-backward", "flash2-backward", "two-kernel-backward"];
    let table = [
        (
            (1024, 64, 64, 256),
            [
                (2_293_760, 2_162_688),
                (663_552, 337_920),
                (2_162_688, 66_560),
                (1_187_840, 589_824),
                (1_056_768, 459_776),
                (3_024_896, 197_632),
            ],
        ),
        (
            (1024, 64, 128, 128),
            [
                (2_293_760, 2_162_688),
                (1_196_032, 608_256),
                (1_114_112, 66_560),
                (2_244_608, 851_968),
                (1_851_392, 721_920),
                (2_508_800, 197_632),
            ],
        ),
        (
            (4096, 64, 128, 128),
            [
                (34_340_864, 33_816_576),
                (17_563_648, 8_921_088),
                (17_039_360, 266_240),
                (34_340_864, 9_699_328),
                (26_476_544, 9_179_136),
                (35_397_632, 790_528),
            ],
        ),
        (
            (4096, 128, 128, 64),
            [
                (35_127_296, 34_078_720),
                (68_681_728, 34_611_200),
                (34_078_720, 528_384),
                (135_790_592, 36_175_872),
                (103_284_736, 35_131_392),
                (104_341_504, 1_576_960),
            ],
        ),
    ];
    for ((n, d, br, bc), expected) in table {
        let setting = Setting::new(Plan::new(n, n, d, Tiling { br, bc }, Precision::F16));
        for (name, expected) in names.into_iter().zip(expected) {
            assert_eq!(moved(name, &setting), expected, "{name} at {n}, {d}, {br} x {bc}");
        }
    }
    for (n, expected) in [(1024, (5_570_560, 2_293_760)), (4096, (85_196_800, 34_340_864))] {
        let setting = Setting::new(Plan::new(n, n, 64, Tiling { br: 128, bc: 128 }, Precision::F16));
        assert_eq!(moved("standard-backward", &setting), expected, "standard-backward at {n}");
    }
    let decode = Plan::new(1, 8192, 128, Tiling { br: 1, bc: 64 }, Precision::F16);
    assert_eq!(moved("split-kv", &Setting { splits: 8, ..Setting::new(decode) }), (2_099_208, 1_161));
}

/// More splits than key blocks: the empty ones are stored and combined like the others.
#[test]
fn splits_beyond_the_key_blocks() {
    let causal = Mask { causal: true, ..Mask::default() };
    for splits in [1, 2, 3, 7, 40] {
        let plan = Plan::new(37, 29, 8, Tiling { br: 8, bc: 5 }, Precision::F32);
        let plan = Plan { band: causal.band(&Shape::single(37, 29, 8), 0), ..plan };
        let setting = Setting { splits, ..Setting::new(plan) };
        let algorithm = text("split-kv");
        let tally = counted(&algorithm, &setting);
        let sums = Sums::of(&setting);
        assert_eq!(tally.of_name(&algorithm, "O_part"), (splits as u64 * 37 * 8, splits as u64 * 37 * 8));
        assert_eq!(tally.of_name(&algorithm, "Q"), (sums.split_rows * 8, 0));
    }
}
