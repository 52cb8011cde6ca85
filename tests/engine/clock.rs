//! The clock: grids, waves, intensities and orders worked out by hand; its bounds against what was measured; its cache.

use std::fs;

use tilescope::attention::{Mask, Precision, Shape};
use tilescope::clock::{GridQuestion, Modelled, Order, Roof, makespan, share_of_waves};
use tilescope::schedule::spec::{Choice, Splits};
use tilescope::schedule::{Hardware, OnChip, RunSpec, Tiling, algorithm, hardware};

fn question(name: &str, shape: Shape, tiling: Tiling, chip: &str) -> GridQuestion {
    of(name, shape, tiling, chip, RunSpec { precision: Some(Precision::F16), ..RunSpec::default() })
}

fn of(name: &str, shape: Shape, tiling: Tiling, chip: &str, spec: RunSpec) -> GridQuestion {
    let algorithm = algorithm::by_name(name).expect("known").clone();
    let setting = spec.with_blocks(tiling).on_shape(&algorithm, &shape, &Mask::default(), 0);
    GridQuestion { algorithm, shape, setting, chip: hardware::by_name(chip).expect("known"), order: Order::InOrder }
}

fn answer(question: &GridQuestion) -> Modelled {
    question.answer().expect("it is small enough")
}

fn square(batch: usize, heads: usize, n: usize, d: usize) -> Shape {
    Shape { batch, heads, kv_heads: heads, ..Shape::single(n, n, d) }
}

const B128: Tiling = Tiling { br: 128, bc: 128 };

/// FlashAttention-2, section 3.2: flash1 has a thread block for each batch entry and head, flash2 also one for each query
/// block.
#[test]
fn grids_are_those_of_the_papers() {
    let blocks = |name, batch, heads, n| {
        answer(&question(name, square(batch, heads, n, 64), B128, "a100-40gb")).kernels[0].blocks
    };
    assert_eq!([blocks("flash1", 1, 12, 512), blocks("flash2", 1, 12, 512)], [12, 48]);
    assert_eq!([blocks("flash1", 8, 16, 1024), blocks("flash2", 8, 16, 1024)], [128, 1024]);
    assert_eq!([blocks("flash1", 64, 16, 1024), blocks("flash2", 64, 16, 1024)], [1024, 8192]);
    assert_eq!(share_of_waves(128, 108).map(|share| (100.0 * share).round()), Some(59.0));
}

/// At 1024 tokens, d = 64, f16: 4 n^2 d FLOPs; standard moves 4 n^2 + 4 n d elements, flash2 2 n d + 2 t_r n d, and L.
#[test]
fn intensities_grow_with_the_query_rows() {
    let intensity = |name, br| {
        let tiling = Tiling { br, bc: 64 };
        let answer = answer(&question(name, square(1, 1, 1024, 64), tiling, "a100-80gb"));
        answer.intensity().round()
    };
    assert_eq!([intensity("standard", 64), intensity("flash2", 64)], [30.0, 60.0]);
    assert_eq!([intensity("flash2", 128), intensity("flash2", 256)], [114.0, 204.0]);
}

/// Q, K and V of 128 x 64 in f16; O and a tile of S in f32, m and l.
#[test]
fn blocks_per_sm_follow_from_what_a_block_keeps() {
    let found = answer(&question("flash2", square(1, 1, 1024, 64), B128, "a100-80gb"));
    let grid = &found.kernels[0];
    assert_eq!(grid.on_chip, OnChip { shared: 48 << 10, registers: (32 << 10) + (64 << 10) + 2 * 512 });
    // 256 KiB / 97 KiB.
    assert_eq!((grid.per_sm.count, grid.slots), (2, 216));
    // Eight blocks find an SM each, however many it could hold.
    assert_eq!(grid.waves, Some(8.0 / 216.0));
    let too_large = answer(&question("flash2", square(1, 1, 1024, 256), Tiling { br: 256, bc: 256 }, "a100-80gb"));
    assert_eq!((too_large.kernels[0].per_sm.count, too_large.times, too_large.kernels[0].waves), (0, None, None));
}

/// All three lanes of a causal grid on four SMs grow with the tiles, so that its times do as the numbers of tiles do.
#[test]
fn orders_mend_the_tail_of_a_causal_grid() {
    let mut question = question("flash2", square(1, 1, 32, 4), Tiling { br: 4, bc: 4 }, "toy");
    question.setting.plan.band.right = 0;
    question.chip.matmul_flops_per_s = 1.0;
    let span = |order| answer(&GridQuestion { order, ..question.clone() }).times.expect("it fits").overlapped;
    let ratio = span(Order::InOrder) / span(Order::LongestFirst);
    assert!((ratio - 12.0 / 9.0).abs() < 1e-9, "{ratio}");
    assert_eq!(span(Order::Reversed), span(Order::LongestFirst));
    let grid = &answer(&question).kernels[0];
    assert_eq!((grid.placed.len(), grid.busy.map(|busy| (1e9 * busy).round())), (8, Some(750_000_000.0)));
}

/// Eight blocks side by side read the same K and V: of eight loads of each, seven find it. Q is read once by each.
#[test]
fn the_cache_gives_back_what_a_neighbour_has_read() {
    let mut question = question("flash2", square(1, 1, 1024, 64), B128, "a100-80gb");
    let cache = answer(&question).cache;
    let block = 128 * 64 * 2;
    assert_eq!((cache.loaded, cache.found), ((8 + 2 * 64) * block, 2 * 7 * 8 * block));
    assert!(cache.is_whole);
    question.chip.l2_bytes = 0;
    assert_eq!(answer(&question).cache.found, 0);
    // Of two query heads that share a key head, the second finds what the first has read.
    let shared = Shape { heads: 2, ..square(1, 1, 128, 64) };
    let alone = square(1, 2, 128, 64);
    let found = |shape| answer(&self::question("flash2", shape, B128, "a100-80gb")).cache.found;
    assert_eq!([found(shared), found(alone)], [2 * block, 0]);
}

/// Decoding reads K and V once, whatever is done with them.
#[test]
fn decoding_is_bound_by_bytes_and_splits_fill_the_chip() {
    let decode = Shape { batch: 1, heads: 8, kv_heads: 8, n_q: 1, n_k: 16_384, d: 128, d_v: 128 };
    let spec = |splits| RunSpec { precision: Some(Precision::F16), splits, ..RunSpec::default() };
    let tiling = Tiling { br: 1, bc: 128 };
    let whole = answer(&of("flash2", decode, tiling, "h100", spec(None)));
    let split = answer(&of("split-kv", decode, tiling, "h100", spec(Some(Splits::Count(16)))));
    assert_eq!((whole.kernels[0].blocks, split.kernels[0].blocks), (8, 128));
    for found in [&whole, &split] {
        assert_eq!(found.bound.by, Roof::Bytes);
        assert!(found.least_bytes >= (2 * 8 * 16_384 * 128 * 2) as f64);
    }
    // The splits' own products end a lot earlier than those of eight blocks alone.
    let longest = |answer: &Modelled| answer.kernels[0].times.expect("it fits").one_by_one;
    assert!(longest(&whole) > 1.5 * longest(&split));
}

#[test]
fn a_bound_is_below_every_model_and_grows_with_the_work() {
    let chips: Vec<Hardware> = hardware::all();
    for chip in &chips {
        for name in ["standard", "flash1", "flash2", "split-kv", "flash2-backward", "two-kernel-backward"] {
            for causal in [false, true] {
                let spec = RunSpec { precision: Some(Precision::BF16), causal: Some(causal), ..RunSpec::default() };
                let mut last = 0.0;
                for n in [1, 100, 1024] {
                    let tiling = if chip.name == "toy" { Tiling { br: 1, bc: 1 } } else { Tiling { br: 32, bc: 32 } };
                    let tiling = if n == 1024 && chip.name == "toy" { continue } else { tiling };
                    let question = of(name, square(2, 4, n, 16), tiling, chip.name, spec.clone());
                    let found = answer(&question);
                    assert!(found.bound.seconds > last, "{name} on {}, {n}", chip.name);
                    last = found.bound.seconds;
                    assert!(found.intensity().is_finite() && found.least_bytes <= found.bytes);
                    let Some(times) = found.times else { continue };
                    assert!(times.one_by_one >= times.overlapped, "{name} on {}", chip.name);
                    // What L2 is said to hold may be more than what must move once; products and exponentials are the same.
                    if found.bound.by != Roof::Bytes && name != "standard" {
                        assert!(times.overlapped >= 0.999_999 * found.bound.seconds, "{name} on {}, {n}", chip.name);
                    }
                }
            }
        }
    }
    assert_eq!(
        of(
            "flash2",
            square(1, 1, 8, 8),
            B128,
            "h100",
            RunSpec { precision: Some(Precision::F64), ..RunSpec::default() }
        )
        .answer(),
        None
    );
}

/// With key lengths, windows and both alignments, where queries and keys differ in number. Without a cache what loads ask for
/// all comes from HBM, so that no roof is excepted.
#[test]
fn a_bound_is_below_every_model_under_masks() {
    let masks: [&[(&str, &str)]; 7] = [
        &[("kv-lengths", "64")],
        &[("kv-lengths", "1"), ("causal", "true"), ("diagonal", "lengths")],
        &[("window", "31,0")],
        &[("window", "5,9"), ("sink-keys", "3")],
        &[("causal", "true"), ("align", "top-left")],
        &[("causal", "true"), ("align", "top-left"), ("window", "40,-1"), ("kv-lengths", "100")],
        &[("left-padding", "200"), ("prefix-keys", "260")],
    ];
    for options in masks {
        let mut spec = RunSpec { precision: Some(Precision::F16), ..RunSpec::default() };
        for (name, value) in options {
            Choice::by_name(name).expect("a choice").set(&mut spec, value).expect("its value");
        }
        for name in ["flash1", "flash2", "split-kv", "flash2-backward", "two-kernel-backward"] {
            for (n_q, n_k) in [(1, 331), (512, 1021), (1021, 331)] {
                for (heads, br, bc) in [(1, 16, 64), (40, 64, 32)] {
                    let shape = Shape { n_q, n_k, ..square(2, heads, 0, 16) };
                    let question = of(name, shape, Tiling { br, bc }, "a100-80gb", spec.clone());
                    let chip = Hardware { l2_bytes: 0, ..question.chip.clone() };
                    let found = answer(&GridQuestion { chip, ..question });
                    let times = found.times.expect("a block fits");
                    let what = format!("{name}, {options:?}, {n_q} x {n_k}, {heads} heads: {:?}", found.bound);
                    assert!(found.least_bytes > 0.0 && found.least_bytes <= found.bytes, "{what}");
                    assert!(times.overlapped >= 0.999_999 * found.bound.seconds, "{what}: {times:?}");
                }
            }
        }
    }
}

/// Keys that no query sees and queries that see no key need not be read.
#[test]
fn a_bound_leaves_out_what_no_pair_needs() {
    let shape = Shape { n_q: 100, n_k: 300, ..square(1, 2, 0, 16) };
    let least = |options: &[(&str, &str)]| {
        let mut spec = RunSpec { precision: Some(Precision::F16), ..RunSpec::default() };
        for (name, value) in options {
            Choice::by_name(name).expect("a choice").set(&mut spec, value).expect("its value");
        }
        answer(&of("flash2", shape, Tiling { br: 32, bc: 32 }, "h100", spec)).least_bytes
    };
    // Q and O of 16 numbers in two bytes, L in four; K and V of the keys that are seen.
    let bytes = |rows: usize, keys: usize| 2.0 * (2 * 16 * (rows + 100) + 4 * 100 + 2 * 2 * 16 * keys) as f64;
    assert_eq!(least(&[]), bytes(100, 300));
    assert_eq!(least(&[("kv-lengths", "7")]), bytes(100, 7));
    assert_eq!(least(&[("kv-lengths", "0")]), bytes(0, 0));
    assert_eq!(least(&[("causal", "true"), ("align", "top-left"), ("window", "0,0")]), bytes(100, 100));
    assert_eq!(
        least(&[("causal", "true"), ("kv-lengths", "7"), ("window", "3,0"), ("align", "top-left")]),
        bytes(10, 7)
    );
}

/// Every time that was ever measured, ours and those of other libraries, is above what the clock says nothing can beat.
#[test]
fn no_bound_is_above_a_measured_time() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results");
    let mut compared = 0;
    for entry in fs::read_dir(folder).expect("there are results").flatten() {
        let text = fs::read_to_string(entry.path()).expect("results are text");
        let suite: serde_json::Value = serde_json::from_str(&text).expect("results are JSON");
        let device = suite["device"]["name"].as_str().expect("a device has a name");
        let chip =
            hardware::all().into_iter().find(|chip| chip.name != "toy" && device.to_lowercase().ends_with(chip.name));
        let chip = chip.unwrap_or_else(|| panic!("{device} has no model"));
        for row in suite["rows"].as_array().expect("it has rows") {
            let size = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}")) as usize;
            let name = row["algorithm"].as_str().expect("a row is of an algorithm");
            let (n_q, n_k) = (size("n_q"), size("n"));
            let shape = Shape { n_q, n_k, ..square(size("batch"), size("heads"), n_k, size("d")) };
            let spec = RunSpec {
                precision: row["precision"].as_str().and_then(Precision::parse),
                causal: row["causal"].as_bool(),
                splits: (name == "split-kv").then(|| Splits::Count(size("splits"))),
                ..RunSpec::default()
            };
            for tiling in [Tiling { br: 16, bc: 16 }, Tiling { br: 64, bc: 64 }, B128] {
                let bound = answer(&of(name, shape, tiling, chip.name, spec.clone())).bound.seconds;
                let peers = row["peers"].as_object().into_iter().flatten().map(|(name, peer)| (name.as_str(), peer));
                for (who, measured) in std::iter::once((name, row)).chain(peers) {
                    let Some(ms) = measured["min_ms"].as_f64() else { continue };
                    assert!(1e3 * bound < ms, "{who}: {} ms bound, {ms} ms measured: {row}", 1e3 * bound);
                    assert!(bound > 0.0);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn a_long_sequence_takes_no_time() {
    let spec = RunSpec { precision: Some(Precision::BF16), causal: Some(true), ..RunSpec::default() };
    let shape = Shape { kv_heads: 8, ..square(1, 32, 1 << 20, 128) };
    let found = answer(&of("flash2", shape, B128, "b200", spec));
    assert_eq!(found.kernels[0].blocks, 32 * 8192);
    assert!(found.times.is_some() && !found.cache.is_whole && found.cache.hit_rate() > Some(0.5));
    assert!(found.bound.by == Roof::Exp || found.bound.by == Roof::Matmul);
}

/// K and V of 64 x 128 and S of 128 x 64 twice, Q and O once: 2 Q + 4 K + 4 V and S, P, O, m, l in f32. By hand: 32 KiB of Q,
/// 2 x 2 x 16 KiB of K and V; 64 KiB of O, 2 x 32 KiB of S and P.
#[test]
fn what_lanes_hand_on_is_kept_twice() {
    let keeps =
        |name| answer(&question(name, square(1, 1, 1024, 128), Tiling { br: 128, bc: 64 }, "h100")).kernels[0].on_chip;
    let rows = 2 * 4 * 128;
    assert_eq!(keeps("flash2"), OnChip { shared: 64 << 10, registers: (96 << 10) + rows });
    assert_eq!(keeps("flash2-lanes"), OnChip { shared: 96 << 10, registers: (128 << 10) + rows });
}

/// As the lanes of a text allow is between its extremes on every chip, mask and size; where it names none, nothing overlaps.
/// On three lanes less waits than where loads alone go ahead.
#[test]
fn lanes_are_between_the_extremes() {
    let shares = |name: &str, shape: Shape, chip: &str, spec: &RunSpec| {
        let found = answer(&of(name, shape, Tiling { br: 64, bc: 64 }, chip, spec.clone()));
        let times = found.times.expect("a block fits");
        assert!(times.overlapped <= times.in_lanes && times.in_lanes <= times.one_by_one, "{name} {chip}: {times:?}");
        assert!(
            found.bound.by == Roof::Bytes || found.bound.seconds <= 1.000_001 * times.in_lanes,
            "{name}: {times:?}"
        );
        (times.in_lanes - times.overlapped) / (times.one_by_one - times.overlapped)
    };
    for chip in ["a100-80gb", "h100", "b200", "rtx4090"] {
        for (causal, window) in [(false, None), (true, None), (true, Some("100,0"))] {
            let mut spec = RunSpec { precision: Some(Precision::F16), causal: Some(causal), ..RunSpec::default() };
            if let Some(window) = window {
                Choice::by_name("window").expect("a choice").set(&mut spec, window).expect("a window");
            }
            for n in [64, 1021, 8192] {
                let share = |name| shares(name, square(2, 16, n, 64), chip, &spec);
                let [none, loads, three] = ["flash2-lazy", "flash2", "flash2-lanes"].map(share);
                assert!((none - 1.0).abs() < 1e-9 && loads < 1.0, "{chip} {n}: {none} {loads}");
                assert!(three <= loads + 1e-9, "{chip} {n}: {loads} {three}");
                // A block of one tile has no next one, and an RTX 4090 waits for its memory in both.
                assert!(n == 64 || chip == "rtx4090" || three < loads, "{chip} {n}: {loads} {three}");
            }
        }
    }
}

#[test]
fn a_list_of_tiles_is_worth_the_same_from_outside() {
    assert_eq!(makespan(&[3.0, 1.0, 1.0, 1.0], Order::InOrder, 2), 3.0);
}
