//! Paged K and V: a block table as data gives the very bits of the same keys one after the other.

use crate::common::saved::{Arrays, Saved, everywhere, npz, numbers};
use ndarray::{Array4, ArrayD, Ix4, s};
use tilescope::attention::input::{self, Input, Layout, Reading, Understood};
use tilescope::attention::{Diagonal, Precision};
use tilescope::machine::MeterIndex;
use tilescope::schedule::spec::RunSpec;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

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
            for batch in 0..table.len() {
                // A block of keys is a whole number of pages, or a part of one.
                for bc in [size, 2 * size, 3] {
                    let tiling = Tiling { br: 2, bc };
                    let schedules = [&paged, &plain].map(|input| {
                        Schedule::new(text, Plan::of_problem(&input.problem, batch, tiling, Precision::F32))
                    });
                    let totals = schedules.each_ref().map(|schedule| *MeterIndex::new(schedule).total());
                    assert_eq!(totals[0], totals[1], "{name}");
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
    // Without lengths, a sequence is as long as its pages.
    let arrays: Arrays = vec![("q", saved(&q)), ("k", saved(&k)), ("v", saved(&v)), ("block_table", table(&good))];
    let whole = input::read_as("x.npz", &npz(&arrays), &flash_attn()).expect("an input");
    assert_eq!(whole.problem.mask.key_lengths, Some(vec![8, 4]));
}
