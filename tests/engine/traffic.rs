//! The published numbers: counted traffic of known shapes, exact, with no tolerance.

use tilescope::attention::{Mask, Precision, Shape};
use tilescope::machine::MeterIndex;
use tilescope::schedule::tiling::footprint;
use tilescope::schedule::{OnChip, Plan, Schedule, Tensor, TileCounts, Tiling, Traffic, algorithm, hardware};

fn plan(n: usize, d: usize, br: usize, bc: usize, precision: Precision) -> Plan {
    Plan::new(n, n, d, Tiling { br, bc }, precision)
}

fn masked(plan: Plan, mask: &Mask) -> Plan {
    Plan { band: mask.band(&Shape::single(plan.n_q, plan.n_k, plan.d), 0), ..plan }
}

fn causal() -> Mask {
    Mask { causal: true, ..Mask::default() }
}

fn count(name: &str, plan: &Plan) -> Traffic {
    let algorithm = algorithm::by_name(name).expect("a name from this file");
    let traffic = MeterIndex::new(&Schedule::new(algorithm, plan.clone())).total().traffic;
    assert_eq!(traffic, algorithm.closed_form(plan), "{name}");
    traffic
}

fn read_and_written(name: &str, plan: &Plan) -> (u64, u64) {
    let traffic = count(name, plan);
    (traffic.read.elements(), traffic.write.elements())
}

#[test]
fn forward_passes_of_known_shapes() {
    let table = [
        ((1024, 64, 64, 256), (2_293_760, 2_162_688), (663_552, 337_920), (2_162_688, 66_560)),
        ((1024, 64, 128, 128), (2_293_760, 2_162_688), (1_196_032, 608_256), (1_114_112, 66_560)),
        ((4096, 64, 128, 128), (34_340_864, 33_816_576), (17_563_648, 8_921_088), (17_039_360, 266_240)),
        ((4096, 128, 128, 64), (35_127_296, 34_078_720), (68_681_728, 34_611_200), (34_078_720, 528_384)),
    ];
    for ((n, d, br, bc), standard, flash1, flash2) in table {
        let plan = plan(n, d, br, bc, Precision::F16);
        for (name, expected) in [("standard", standard), ("flash1", flash1), ("flash2", flash2)] {
            assert_eq!(read_and_written(name, &plan), expected, "{name} at {n}, {d}, {br} x {bc}");
        }
    }
}

#[test]
fn tiles_of_known_masks() {
    let cases = [
        (1024, 128, 64, causal(), (56, 16, 56)),
        (4096, 128, 128, causal(), (496, 32, 496)),
        (1024, 64, 64, Mask { window_left: Some(128), window_right: Some(0), ..Mask::default() }, (15, 30, 211)),
        (1024, 64, 64, Mask { window_left: Some(320), window_right: Some(0), ..Mask::default() }, (54, 27, 175)),
        (1024, 128, 128, causal(), (28, 8, 28)),
    ];
    for (n, br, bc, mask, (full, partial, skipped)) in cases {
        let plan = masked(plan(n, 64, br, bc, Precision::F16), &mask);
        assert_eq!(TileCounts::of_plan(&plan), TileCounts { full, partial, skipped }, "{n}, {br} x {bc}");
    }
    let plan = masked(plan(1024, 64, 128, 64, Precision::F16), &causal());
    assert_eq!(plan.tile_sums().active.rc, 589_824);
}

/// The numbers of the toy chip that pictures and lessons quote.
#[test]
fn the_toy_chip() {
    let toy = hardware::by_name("toy").expect("the toy chip");
    let plan = plan(16, 4, 4, 4, Precision::F32);
    let moved = |name: &str, plan: &Plan| count(name, plan).hbm_elements();
    assert_eq!([moved("standard", &plan), moved("flash1", &plan), moved("flash2", &plan)], [1280, 1248, 656]);
    assert_eq!(moved("flash2", &masked(plan.clone(), &causal())), 464);
    let flash2 = algorithm::by_name("flash2").expect("flash2");
    assert_eq!(footprint(flash2, &plan).total(), 352);
    assert!(footprint(flash2, &plan).fits(&toy));
    assert!(!footprint(flash2, &Plan { br: 8, ..plan.clone() }).fits(&toy));
    // Either memory alone is too small for it.
    assert!(!OnChip { shared: toy.shared_bytes_per_block + 1, registers: 0 }.fits(&toy));
    assert!(!OnChip { shared: 0, registers: toy.register_bytes_per_block + 1 }.fits(&toy));
    assert_eq!(toy.hbm_bytes, 1_048_576);
}

/// The A100 of its whitepaper: 164 KiB of 192 to share, 163 of them in a block; 108 processors at 1.41 GHz, each with 32
/// banks of 4 bytes and 16 special functions a clock.
#[test]
fn a_chip_of_a_datasheet() {
    let chip = hardware::by_name("a100-40gb").expect("it is listed");
    assert_eq!((chip.shared_bytes_per_sm, chip.sram_bytes_per_sm), (167_936, 196_608));
    assert_eq!((chip.shared_bytes_per_block, chip.register_bytes_per_block), (166_912, 262_144));
    assert_eq!(chip.hbm_bytes, 42_949_672_960);
    for (rate, published) in [
        (chip.hbm_bytes_per_s, 1.555e12),
        (chip.matmul_flops_per_s, 312e12),
        (chip.vector_flops_per_s, 19.5e12),
        (chip.sram_bytes_per_s, 19.491_84e12),
        (chip.exp_per_s, 2.436_48e12),
    ] {
        assert!((rate / published - 1.0).abs() < 1e-9, "{rate} {published}");
    }
}

/// What no total is above, worked out by hand: 15 pairs; 3 queries in 3 key blocks and 5 keys in 2 query blocks, each once
/// more, are 27 edges.
#[test]
fn the_most_of_a_plan() {
    let plan = Plan { d_v: 4, ..Plan::new(3, 5, 2, Tiling { br: 2, bc: 2 }, Precision::F32) };
    assert_eq!(plan.most(), 76 * 15 + 8 * 50 * 27);
}

#[test]
fn operations_and_bytes_add_up() {
    let traffic = count("flash1", &plan(16, 4, 4, 4, Precision::F16));
    let flops = traffic.flops;
    assert!(flops.matmul > 0 && flops.exp > 0 && flops.other > 0);
    assert_eq!(flops.total(), flops.matmul + flops.exp + flops.other);
    let (q, m) = (traffic.read.get(Tensor::Q), traffic.read.get(Tensor::M));
    assert_eq!((traffic.read.bytes_of(Tensor::Q), traffic.read.bytes_of(Tensor::M)), (2 * q, 4 * m));
}

#[test]
fn footprints_of_known_kernels() {
    let flash2 = algorithm::by_name("flash2").expect("flash2");
    // FlashAttention-2's own kernels at d 64 and 128: 48 KiB and 64 KiB of shared memory.
    for (d, br, bc, kib) in [(64, 128, 128, 48), (128, 128, 64, 64), (128, 128, 32, 48)] {
        assert_eq!(footprint(flash2, &plan(1024, d, br, bc, Precision::F16)).shared, kib << 10);
    }
}

/// The backward texts, by hand, 16-bit inputs and f32 accumulators: an element of shared memory is 2 bytes, one of registers
/// 4. FlashAttention-2 (section 3.1.2) makes dS K on chip before it adds that to dQ in HBM, so that it takes room there.
#[test]
fn footprints_of_backward_passes() {
    let keeps = |name: &str, d: usize, br: usize, bc: usize| {
        footprint(algorithm::by_name(name).expect(name), &plan(1024, d, br, bc, Precision::F16))
    };
    // Q and dO, K and V; dK and dV, S with P, dP with dS, dS K, L and D.
    let flash2 = |d, br, bc| OnChip {
        shared: 2 * (2 * br * d + 2 * bc * d),
        registers: 4 * (2 * bc * d + 2 * br * bc + br * d + 2 * br),
    };
    for (d, br, bc) in [(64, 128, 128), (128, 128, 64), (4, 5, 3)] {
        assert_eq!(keeps("flash2-backward", d, br, bc), flash2(d as u64, br as u64, bc as u64), "{d} {br} {bc}");
    }
    assert_eq!(keeps("flash2-backward", 64, 128, 128), OnChip { shared: 64 << 10, registers: (224 << 10) + 1024 });
    // Of its two larger kernels that of dK and dV keeps more here: no dQ, which the other one adds up.
    assert_eq!(keeps("two-kernel-backward", 64, 128, 128), OnChip { shared: 64 << 10, registers: (192 << 10) + 1024 });
    // FlashAttention, Algorithm 4: O and dQ as well, m, l and D a row.
    let shared = 2 * (4 * 16 * 8 + 2 * 32 * 8);
    assert_eq!(
        keeps("flash1-backward", 8, 16, 32),
        OnChip { shared, registers: 4 * (2 * 32 * 8 + 2 * 16 * 32 + 3 * 16) }
    );
}

/// Blocks that a chip leads to, by the paper's rule and by what fits.
#[test]
fn block_sizes_of_known_chips() {
    let a100 = hardware::by_name("a100-80gb").expect("a known chip");
    let tiling = |name: &str, d: usize, precision: Precision| {
        let algorithm = algorithm::by_name(name).expect("a name from this file");
        let tiling = Tiling::for_hardware(algorithm, &Shape::single(4096, 4096, d), precision, &a100);
        (tiling.br, tiling.bc)
    };
    // M = 163 KiB / 2 B = 83456 elements; ceil(M / 4d) = 326 and 163.
    assert_eq!(tiling("flash1", 64, Precision::F16), (64, 326));
    assert_eq!(tiling("flash1", 128, Precision::F16), (128, 163));
    assert_eq!(tiling("flash2", 64, Precision::F16), (128, 128));
    assert_eq!(tiling("flash2", 128, Precision::F16), (128, 128));
    // Backwards more is kept: 320 KiB of registers in blocks of 128 x 128, 192 in 128 x 64.
    assert_eq!(tiling("flash2-backward", 64, Precision::F16), (128, 128));
    assert_eq!(tiling("flash2-backward", 128, Precision::F16), (128, 64));
    // Values that are wider than queries and keys take their own room.
    let flash2 = algorithm::by_name("flash2").expect("flash2");
    let wide = Shape { d_v: 512, ..Shape::single(4096, 4096, 64) };
    let tiling = Tiling::for_hardware(flash2, &wide, Precision::F16, &a100);
    let plan = Plan { d_v: 512, ..Plan::new(4096, 4096, 64, tiling, Precision::F16) };
    assert!(footprint(flash2, &plan).fits(&a100), "{tiling:?}");
    let [shared, registers] = [a100.shared_bytes_per_block, a100.register_bytes_per_block];
    for (more, fits) in [((0, 0), true), ((1, 0), false), ((0, 1), false), ((1, 1), false)] {
        let taken = OnChip { shared: shared + more.0, registers: registers + more.1 };
        assert_eq!(taken.fits(&a100), fits, "{more:?}");
    }
    let toy = hardware::by_name("toy").expect("the toy chip");
    let short = Shape::single(7, 9, 4);
    let tiling = Tiling::for_hardware(algorithm::ALL[2], &short, Precision::F32, &toy);
    assert_eq!((tiling.br, tiling.bc), (7, 9), "nothing fits, and blocks are clamped to the sequence");
}

/// The ledger is a fact of the schedule: what is alive after each step adds up to what the steps say.
#[test]
fn live_buffers_add_up() {
    for algorithm in *algorithm::ALL {
        let schedule = Schedule::new(algorithm, masked(plan(37, 8, 8, 5, Precision::F16), &causal()));
        let mut peak = OnChip::default();
        schedule.for_each(|n, step| {
            let live: u64 = schedule.buffers_after(n).iter().map(tilescope::schedule::Buffer::bytes).sum();
            assert_eq!(live, step.live.total(), "{} step {n}", algorithm.name());
            peak = peak.max(step.live);
        });
        assert_eq!(MeterIndex::new(&schedule).total().peak, peak);
        if algorithm.is_budgeted() {
            assert_eq!(footprint(algorithm, schedule.plan()), peak, "{}", algorithm.name());
        }
    }
}

/// At the paper's own block sizes flash2 moves more than flash1, and flash1 hardly less than standard at d = 128.
#[test]
fn surprises() {
    let at = |n, d, br, bc| plan(n, d, br, bc, Precision::F16);
    let moved = |name: &str, plan: &Plan| count(name, plan).hbm_elements();
    let paper = at(4096, 64, 64, 200);
    assert!(moved("flash2", &paper) > moved("flash1", &paper));
    let wide = at(4096, 128, 100, 100);
    let share = moved("standard", &wide) as f64 / moved("flash1", &wide) as f64;
    assert!((1.0..1.1).contains(&share), "{share}");
    let small_keys = at(4096, 128, 128, 64);
    assert!(moved("flash1", &small_keys) > moved("standard", &small_keys));
}

#[test]
fn ten_million_steps_cost_kilobytes() {
    let flash1 = algorithm::by_name("flash1").expect("flash1");
    let schedule = Schedule::new(flash1, plan(16384, 64, 18, 18, Precision::F32));
    assert!(schedule.len() > 10_000_000, "{}", schedule.len());
    assert!(schedule.section_count() < 1000, "what is kept is one small entry a section");
    assert_eq!(schedule.facts(&schedule.step(schedule.len() - 1).expect("the last step")).tensor, Some(Tensor::M));
    assert_eq!(schedule.step(schedule.len()), None);
}
