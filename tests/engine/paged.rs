//! Paged K and V: a block table as data gives the very bits of the same keys one after the other, and is read with each
//! block of them.

use std::ops::ControlFlow;

use crate::common::saved::{Arrays, Saved, everywhere, npz, numbers};
use ndarray::{Array4, ArrayD, Ix4, s};
use proptest::prelude::*;
use tilescope::attention::input::{self, Input, Layout, Reading, Understood};
use tilescope::attention::{Diagonal, Precision};
use tilescope::machine::MeterIndex;
use tilescope::schedule::language::{self, walk};
use tilescope::schedule::spec::{KeySource, RunSpec};
use tilescope::schedule::{Algorithm, Plan, Schedule, Setting, Tensor, Tiling, Traffic, algorithm};
use tilescope::trace::{Export, Tiles, read, write_csv, write_json};

use crate::common;

const H: usize = 4;
const H_KV: usize = 2;
const D: usize = 3;
const PAGES: usize = 7;

fn flash_attn() -> Reading {
    Reading { layout: Some(Layout::Bnhd), ..Reading::default() }
}

/// Q `[batch, n_q, heads, d]`, and pools of K and V `[pages, size, kv_heads, d]`.
fn tensors(batch: usize, n_q: usize, size: usize) -> [Array4<f64>; 3] {
    [([batch, n_q, H, D], 1), ([PAGES, size, H_KV, D], 2), ([PAGES, size, H_KV, D], 3)]
        .map(|(shape, seed)| numbers(&shape, seed).into_dimensionality::<Ix4>().expect("four axes"))
}

/// The keys of each sequence one after the other, `[batch, n_k, kv_heads, d]`.
fn in_order(pool: &Array4<f64>, table: &[Vec<i64>], size: usize) -> Array4<f64> {
    let mut all = Array4::zeros((table.len(), table[0].len() * size, H_KV, D));
    for (batch, pages) in table.iter().enumerate() {
        for (at, &page) in pages.iter().enumerate().filter(|(_, page)| **page >= 0) {
            for key in 0..size {
                let row = pool.slice(s![page as usize, key, .., ..]);
                all.slice_mut(s![batch, at * size + key, .., ..]).assign(&row);
            }
        }
    }
    all
}

fn saved(tensor: &Array4<f64>) -> Saved {
    Saved::f64(&tensor.clone().into_dyn())
}

fn table_of(table: &[Vec<i64>]) -> Saved {
    let width = table[0].len();
    Saved::ints(&[table.len(), width], |at| table[at / width][at % width])
}

fn lengths_of(lengths: &[i64]) -> Saved {
    Saved::ints(&[lengths.len()], |at| lengths[at])
}

/// A file with pages, and the same with its keys in order.
fn both(table: &[Vec<i64>], lengths: &[i64], n_q: usize, size: usize) -> (Input, Input) {
    let [q, k, v] = tensors(table.len(), n_q, size);
    let more = || vec![("cache_seqlens", lengths_of(lengths)), ("causal", Saved::bools(&[], |_| true))];
    let pool: Arrays = [("q", saved(&q)), ("k_cache", saved(&k)), ("v_cache", saved(&v))]
        .into_iter()
        .chain(more())
        .chain([("block_table", table_of(table))])
        .collect();
    let [k, v] = [k, v].map(|pool| saved(&in_order(&pool, table, size)));
    let plain: Arrays = [("q", saved(&q)), ("k", k), ("v", v)].into_iter().chain(more()).collect();
    let paged = everywhere(&pool, &flash_attn())
        .into_iter()
        .map(|(container, read)| read.unwrap_or_else(|error| panic!("{container}: {error}")));
    let mut plain = input::read_as("x.npz", &npz(&plain), &flash_attn()).expect("an input");
    plain.problem.mask.diagonal = Diagonal::Lengths;
    (paged.last().expect("a container"), plain)
}

/// What a run moves of each tensor, and computes, apart from the block table.
fn without_table(traffic: &Traffic) -> impl PartialEq + std::fmt::Debug + use<> {
    let of = |moved: &tilescope::schedule::PerTensor| -> Vec<_> {
        moved.iter().filter(|(tensor, _)| *tensor != Tensor::BLOCK_TABLE).collect()
    };
    let on_chip = (traffic.sram_read, traffic.sram_write, traffic.flops);
    (of(&traffic.read), of(&traffic.write), on_chip)
}

/// Entries that the loads of a run read: of each that moves K or V, the pages that its keys lie in, key by key,
/// of keys that the table has entries for.
fn entries_by_key(of: &Algorithm, setting: &Setting) -> u64 {
    let (plan, mut entries) = (&setting.plan, 0);
    let Some(pages) = plan.pages.as_ref().map(|of| &of.pages) else { return 0 };
    let _: ControlFlow<()> = walk(of.text(), setting, &mut |step| {
        let line = &of.text().lines[step.line];
        let is_load = matches!(line.statements[0].action, language::Action::Load { .. });
        let moves = line.tensor().map(|tensor| of.text().tensors[tensor].name.as_str());
        if let (true, false, Some("K" | "V"), Some(j)) = (is_load, step.free, moves, step.place.j()) {
            let first = plan.cuts.as_ref().map_or(0, |cuts| cuts.keys.indices(cuts.keys.sequence_of(j)).start);
            let of_table = plan.cols(j).map(|key| (key - first) / pages.size).filter(|page| *page < pages.width);
            let mut met: Vec<usize> = of_table.collect();
            met.dedup();
            entries += met.len() as u64;
        }
        ControlFlow::Continue(())
    });
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every text of the program, forward and backward, under every mask, with splits, heads and sequences.
    #[test]
    fn the_table_is_read_with_each_block(
        (plan, size) in (common::any_plans(), 1usize..12),
        (splits, heads) in (1usize..5, 1usize..4),
    ) {
        let setting = Setting { splits, heads, ..Setting::new(common::in_pages(plan, size)) };
        let plain = Setting { plan: Plan { pages: None, ..setting.plan.clone() }, ..setting.clone() };
        for of in algorithm::of_program() {
            let (closed, wanted) = (of.closed_form_of(&setting), entries_by_key(of, &setting));
            prop_assert_eq!(closed.read.get(Tensor::BLOCK_TABLE), wanted, "{}", of.name());
            prop_assert_eq!(closed.read.bytes(), of.closed_form_of(&plain).read.bytes() + 4 * wanted, "{}", of.name());
            prop_assert_eq!(without_table(&closed), without_table(&of.closed_form_of(&plain)), "{}", of.name());
            let schedule = Schedule::of(of, setting.clone());
            prop_assert_eq!(MeterIndex::new(&schedule).total().traffic, closed, "{}", of.name());
            let mut steps = 0;
            schedule.for_each(|_, step| {
                steps += schedule.moved(step, Tensor::BLOCK_TABLE).0;
                let named = schedule.pages(step).map_or(0, |pages| pages.len() as u64);
                assert_eq!(named, schedule.entries(step), "as many pages as entries");
            });
            prop_assert_eq!(steps, wanted, "{}", of.name());
        }
    }
}

/// K and V of a query block each read `t_c + ceil(n_k / p) - ceil(n_k / lcm(p, bc))` entries.
#[test]
fn entries_in_round_numbers() {
    let flash2 = algorithm::by_name("flash2").expect("it is of the program");
    for (n_k, bc, size, of_a_sweep) in [
        (4096, 128, 16, 256), // Eight pages in each block.
        (4096, 16, 256, 256), // Sixteen blocks in each page: each looks its page up.
        (4096, 128, 128, 32),
        (300, 100, 64, 7), // Pages 0 1, 1 2 3, 3 4.
        (37, 5, 7, 12),
        (1, 1, 1, 1),
    ] {
        let plan = Plan::new(256, n_k, 8, Tiling { br: 64, bc }, Precision::F16);
        let read = flash2.closed_form(&common::in_pages(plan, size)).read;
        assert_eq!(read.get(Tensor::BLOCK_TABLE), 4 * 2 * of_a_sweep, "{n_k} keys, {bc}, pages of {size}");
        assert_eq!(read.bytes_of(Tensor::BLOCK_TABLE), 4 * 4 * 2 * of_a_sweep);
    }
}

#[test]
fn pages_give_the_bits_of_keys_in_order() {
    for (size, n_q, table, lengths) in [
        (4, 1, vec![vec![3, 0, 6], vec![5, 2, 2]], vec![12, 7]),
        (4, 3, vec![vec![3, 0, 6], vec![5, -1, -1]], vec![9, 4]),
        (1, 2, vec![vec![6, 5, 4, 3, 2, 1, 0]], vec![7]),
        (5, 1, vec![vec![1, 1], vec![0, -1], vec![4, 3]], vec![10, 0, 6]),
    ] {
        let (paged, plain) = both(&table, &lengths, n_q, size);
        assert_eq!(paged.problem.mask, plain.problem.mask);
        assert!(paged.warnings.is_empty(), "{:?}", paged.warnings);
        for name in ["standard", "flash1", "flash2", "split-kv"] {
            let text = algorithm::by_name(name).expect("it is of the program");
            for (batch, &length) in lengths.iter().enumerate() {
                // A block of keys is a whole number of pages, or a part of one.
                for bc in [size, 2 * size, 3] {
                    let tiling = Tiling { br: 2, bc };
                    let schedules = [&paged, &plain].map(|input| {
                        Schedule::new(text, Plan::of_problem(&input.problem, batch, tiling, Precision::F32))
                    });
                    let totals = schedules.each_ref().map(|schedule| *MeterIndex::new(schedule).total());
                    let [all, unpaged] = totals.map(|totals| totals.traffic);
                    assert_eq!(without_table(&all), without_table(&unpaged), "{name}");
                    assert!(all.read.get(Tensor::BLOCK_TABLE) > 0 || length == 0, "{name}");
                    assert_eq!(unpaged.read.get(Tensor::BLOCK_TABLE), 0, "{name}");
                    for head in 0..H {
                        let [a, b] = [(&schedules[0], &paged), (&schedules[1], &plain)]
                            .map(|(schedule, input)| common::run(schedule, &input.problem, batch, head).0);
                        assert_eq!(a.o, b.o, "{name}, pages of {size}, blocks of {bc}");
                        assert!(a.lse.iter().zip(&b.lse).all(|(a, b)| a == b), "{name}: {:?} {:?}", a.lse, b.lse);
                    }
                }
            }
        }
    }
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let [q, k, v] = tensors(2, 1, 4);
    let read = |table: Saved, lengths: &[i64], v: &Array4<f64>| {
        let arrays: Arrays = vec![
            ("q", saved(&q)),
            ("k", saved(&k)),
            ("v", saved(v)),
            ("block_table", table),
            ("cache_seqlens", lengths_of(lengths)),
        ];
        input::read_as("x.npz", &npz(&arrays), &flash_attn()).map_err(|error| error.to_string())
    };
    let table = |table: &[Vec<i64>]| table_of(table);
    let good = [vec![0, 1], vec![6, -1]];
    let input = read(table(&good), &[8, 3], &v).expect("an input");
    let said = Understood::of(&input).sentence;
    assert!(said.contains("K and V from 7 pages of 4 keys, by a block table"), "{said}");
    let fault = |of: Result<Input, String>| of.map(drop).expect_err("it is refused");
    let high = fault(read(table(&[vec![0, 7], vec![6, 1]]), &[8, 3], &v));
    assert!(high.contains("names page 7 for batch entry 0, and the pool has 7 pages, from 0"), "{high}");
    let long = fault(read(table(&good), &[8, 5], &v));
    assert!(long.contains("the pages of batch entry 1 hold 4 keys, and 5 would be seen"), "{long}");
    let flat = fault(read(Saved::ints(&[2], |at| at as i64), &[8, 3], &v));
    assert!(flat.contains("has shape [2], but [batch, pages of a sequence] is needed"), "{flat}");
    let part = fault(read(Saved::f64(&ArrayD::from_elem(vec![2, 2], 0.5)), &[8, 3], &v));
    assert!(part.contains("names page 0.5"), "{part}");
    let short = v.slice(s![..5, .., .., ..]).to_owned();
    let short = fault(read(table(&good), &[8, 3], &short));
    assert!(short.contains("has 5 pages of 4, and K has 7 of 4"), "{short}");
    // An option shows nothing that lies in no page.
    let longer = RunSpec { kv_lengths: Some("8,8".parse().expect("lengths")), ..RunSpec::default() };
    let fault = longer.apply(std::borrow::Cow::Borrowed(&input)).map(drop).expect_err("it is refused").to_string();
    assert!(fault.contains("hold 4 keys, and 8 would be seen"), "{fault}");
    let symmetric = RunSpec { keys: Some(KeySource::Q), ..RunSpec::default() };
    let fault = symmetric.apply(std::borrow::Cow::Borrowed(&input)).map(drop).expect_err("it is refused").to_string();
    assert!(fault.contains("as many of them") || fault.contains("lies in no pages"), "{fault}");
    let [past_k, past_v] = [&k, &v].map(|tensor| saved(&tensor.slice(s![..2, .., .., ..]).to_owned()));
    let beside: Arrays = vec![
        ("q", saved(&q)),
        ("k", saved(&k)),
        ("v", saved(&v)),
        ("past_k", past_k),
        ("past_v", past_v),
        ("block_table", table(&good)),
    ];
    let beside =
        input::read_as("x.npz", &npz(&beside), &flash_attn()).map(drop).expect_err("it is refused").to_string();
    assert!(beside.contains("beside keys of the past that lie in no page"), "{beside}");
    // One row of the table for both batch entries: each has the same pages.
    let shared: Arrays =
        vec![("q", saved(&q)), ("k", saved(&k)), ("v", saved(&v)), ("block_table", table(&[vec![4, 2]]))];
    let shared = input::read_as("x.npz", &npz(&shared), &flash_attn()).expect("an input");
    assert_eq!(shared.problem.pages.expect("pages").table, [[4, 2], [4, 2]]);
    // Without lengths, a sequence is as long as its pages.
    let arrays: Arrays = vec![("q", saved(&q)), ("k", saved(&k)), ("v", saved(&v)), ("block_table", table(&good))];
    let whole = input::read_as("x.npz", &npz(&arrays), &flash_attn()).expect("an input");
    assert_eq!(whole.problem.mask.key_lengths, Some(vec![8, 4]));
}

/// A step of a file's run says which pages it reads, in the trace too; a trace that says others is refused.
#[test]
fn a_load_names_its_pages() {
    let (input, _) = both(&[vec![3, 0, 6], vec![5, 2, -1]], &[12, 7], 1, 4);
    let flash2 = algorithm::by_name("flash2").expect("it is of the program");
    let spec = RunSpec { br: Some(1), bc: Some(3), batch: Some(1), ..RunSpec::default() };
    let schedule = Schedule::of(flash2, spec.setting(flash2, &input, 1));
    let mut loads = Vec::new();
    schedule.for_each(|_, step| loads.extend(schedule.pages(step)));
    // Keys 0..3, 3..6, 6..7 of seven; K and then V.
    let pages = |all: &[usize]| all.iter().copied().map(Some).collect::<Vec<_>>();
    let of_blocks = [pages(&[5]), pages(&[5, 2]), vec![Some(2), None]];
    assert_eq!(loads, of_blocks.iter().flat_map(|of| [of.clone(), of.clone()]).collect::<Vec<_>>());
    let export = Export::of(&spec, &input, &schedule);
    let mut bytes = Vec::new();
    write_json(&mut bytes, &export, Tiles::Stats, |_| true).expect("it is written");
    let trace = read(&bytes).expect("a trace");
    assert_eq!(trace.to_json(), bytes);
    let told: Vec<_> = trace.steps.iter().filter_map(|step| step.pages.clone()).collect();
    assert_eq!(told, loads);
    assert_eq!(trace.problem.pages.as_ref(), input.problem.pages.as_deref());
    let moved = trace.totals.tensors[&Tensor::BLOCK_TABLE];
    assert_eq!((moved.read_elements, moved.read_bytes, moved.write_bytes), (10, 40, 0));
    let text = String::from_utf8(bytes).expect("JSON is text");
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        read(text.replacen(from, to, 1).as_bytes()).expect_err("it is refused").to_string()
    };
    assert!(refused("\"pages\":[5,2]", "\"pages\":[5,3]").contains("its pages are not those of its block"));
    assert!(refused("\"pages\":[5],", "").contains("tensors"));
    for (from, to) in [("\"size\":4", "\"size\":0"), ("\"pool\":7", "\"pool\":5"), ("[[3,0,6],", "[")] {
        let fault = refused(from, to);
        assert!(fault.contains("a row of pages of the pool is needed for each batch entry"), "{fault}");
    }
    let mut csv = Vec::new();
    write_csv(&mut csv, &export, Tiles::None, |_| true).expect("it is written");
    let csv = String::from_utf8(csv).expect("text");
    assert!(csv.starts_with("n,kernel") && csv.lines().next().is_some_and(|head| head.ends_with(",alpha,pages")));
    assert_eq!(csv.lines().filter(|line| line.ends_with(",2 -1")).count(), 2, "{csv}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Pages that an option lays: of a shape alone, of an input and of what a run has, under masks, prefixes, sequences and
    /// packed heads, with every text; page sizes of 1, of a block and one beside it, primes, and more than there are keys.
    #[test]
    fn pages_of_an_option_are_counted_as_those_of_a_file(
        ((problem, tiling, _), size) in (common::problems(), 1usize..40),
        (prefix, is_varlen, packs) in (1usize..30, any::<bool>(), any::<bool>()),
    ) {
        let input = Input::new("input", problem, 4);
        let spec = |size| RunSpec {
            page_size: Some(size),
            br: Some(tiling.br),
            bc: Some(tiling.bc),
            varlen: is_varlen.then_some(true),
            pack_heads: (packs && !is_varlen).then_some(true),
            prefix: Some(if input.problem.mask.causal && prefix < input.problem.shape.n_q { prefix } else { 0 }),
            ..RunSpec::default()
        };
        for size in [size, tiling.bc, tiling.bc + 1, tiling.bc.saturating_sub(1).max(1), 1, 1000] {
            let spec = spec(size);
            let Ok(applied) = spec.apply(std::borrow::Cow::Borrowed(&input)) else { continue };
            let pages = applied.problem.pages.as_ref().expect("it has pages");
            let mut all: Vec<usize> = pages.table.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..pages.pool).collect::<Vec<_>>(), "each page of the pool is of one sequence");
            for of in algorithm::of_program().filter(|of| spec.check_text(of).is_ok()) {
                let setting = spec.setting(of, &applied, 0);
                prop_assert_eq!(&setting.plan.pages, &spec.setting(of, &input, 0).plan.pages, "before it is applied");
                let wanted = entries_by_key(of, &setting);
                let closed = of.closed_form_of(&setting);
                prop_assert_eq!(closed.read.get(Tensor::BLOCK_TABLE), wanted, "{} {}", of.name(), size);
                prop_assert_eq!(MeterIndex::new(&Schedule::of(of, setting)).total().traffic, closed, "{}", of.name());
            }
        }
    }

    /// A shape alone, as `traffic` counts it.
    #[test]
    fn pages_of_a_shape_are_those_of_its_input(
        (n_q, n_k, d, bc, size) in (1usize..40, 1usize..60, 1usize..5, 1usize..20, 1usize..30),
        (length, is_causal) in (1usize..60, any::<bool>()),
    ) {
        let input = input::random::read(&format!("random:{n_q},{n_k},{d}"), 1).expect("an input");
        let spec = RunSpec {
            page_size: Some(size),
            br: Some(5),
            bc: Some(bc),
            causal: Some(is_causal),
            kv_lengths: Some(tilescope::schedule::spec::KeyLengths::Each(vec![length.min(n_k)])),
            ..RunSpec::default()
        };
        for of in algorithm::of_program() {
            let of_shape = spec.on_shape(of, &input.problem.shape, &input.problem.mask, 0);
            let closed = of.closed_form_of(&of_shape);
            prop_assert_eq!(closed.read.get(Tensor::BLOCK_TABLE), entries_by_key(of, &of_shape), "{}", of.name());
            prop_assert_eq!(&closed, &of.closed_form_of(&spec.setting(of, &input, 0)), "{}", of.name());
        }
    }
}

#[test]
fn an_input_in_pages_is_laid_in_no_others() {
    let (paged, plain) = both(&[vec![3, 0, 6]], &[12], 1, 4);
    let spec = RunSpec { page_size: Some(4), ..RunSpec::default() };
    let why = |spec: &RunSpec, input: &Input| spec.check_problem(input).expect_err("refused").to_string();
    assert!(why(&spec, &paged).contains("--page-size: K and V of this input lie in the pages of its own block table"));
    let keys = RunSpec { keys: Some(KeySource::Q), ..spec.clone() };
    let square = input::random::read("random:12,12,3", 1).expect("an input");
    assert!(why(&keys, &square).contains("queries take the place of keys only where K lies in no pages"));
    assert_eq!(spec.check_problem(&plain), Ok(()));
}
