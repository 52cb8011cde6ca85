//! Keys of a step beside those of the past: the very bits of the same keys one after the other.

use crate::common::saved::{Arrays, Saved, npz, tensor};
use ndarray::{Array4, Axis, concatenate, s};
use tilescope::attention::input::{self, Understood};
use tilescope::attention::{Diagonal, Input, Precision, oracle};

fn saved(tensor: &Array4<f64>) -> Saved {
    Saved::f64(&tensor.clone().into_dyn())
}

fn read(arrays: Arrays) -> Input {
    input::read("step.npz", &npz(&arrays)).expect("an input")
}

fn whole(past: &Array4<f64>, new: &Array4<f64>) -> Array4<f64> {
    concatenate(Axis(2), &[past.view(), new.view()]).expect("shapes that fit")
}

/// Q of `n_q` tokens, a past of `n` keys, and as many new ones as queries.
fn tensors(n_q: usize, n: usize) -> [Array4<f64>; 5] {
    [([2, 4, n_q, 3], 1), ([2, 2, n, 3], 2), ([2, 2, n, 5], 3), ([2, 2, n_q, 3], 4), ([2, 2, n_q, 5], 5)]
        .map(|(shape, seed)| tensor(shape, seed))
}

#[test]
fn what_is_appended_is_what_lies_one_after_the_other() {
    for (n_q, n) in [(1, 1), (1, 16), (3, 17), (16, 15), (7, 31)] {
        let [q, k, v, k_new, v_new] = tensors(n_q, n);
        let causal = || ("causal", Saved::bools(&[], |_| true));
        let together: Arrays =
            vec![("q", saved(&q)), ("k", saved(&whole(&k, &k_new))), ("v", saved(&whole(&v, &v_new))), causal()];
        let together = read(together);
        let after = [("k", &k), ("v", &v), ("k_new", &k_new), ("v_new", &v_new)];
        let before = [("past_k", &k), ("past_v", &v), ("k", &k_new), ("v", &v_new)];
        for parts in [after, before] {
            let mut arrays: Arrays = parts.iter().map(|(name, tensor)| (*name, saved(tensor))).collect();
            arrays.extend([("q", saved(&q)), causal()]);
            let apart = read(arrays);
            assert_eq!((&apart.problem.k, &apart.problem.v), (&together.problem.k, &together.problem.v));
            assert_eq!(apart.problem.mask, together.problem.mask);
            assert_eq!(apart.appended, Some(n_q));
            let said = Understood::of(&apart).sentence;
            assert!(said.contains(&format!("the last {n_q} key")), "{said}");
        }
    }
}

/// Where each past has a length, new keys follow it, lengths count them, and the diagonal ends there: equal to each sequence
/// alone.
#[test]
fn each_past_of_its_own_length_is_followed_by_its_keys() {
    let (n_q, n, lengths) = (3, 20, [7, 20]);
    let [q, k, v, k_new, v_new] = tensors(n_q, n);
    let named = [("q", &q), ("k_cache", &k), ("v_cache", &v), ("k_new", &k_new), ("v_new", &v_new)];
    let mut arrays: Arrays = named.iter().map(|(name, tensor)| (*name, saved(tensor))).collect();
    arrays.push(("cache_seqlens", Saved::ints(&[2], |at| lengths[at] as i64)));
    arrays.push(("causal", Saved::bools(&[], |_| true)));
    let all = read(arrays);
    assert_eq!(all.problem.mask.key_lengths, Some(vec![10, 23]));
    assert_eq!(all.problem.mask.diagonal, Diagonal::Lengths);
    for (batch, length) in lengths.into_iter().enumerate() {
        let own = |tensor: &Array4<f64>| tensor.slice(s![batch..=batch, .., .., ..]).to_owned();
        let past = |tensor: &Array4<f64>| tensor.slice(s![batch..=batch, .., ..length, ..]).to_owned();
        let alone = read(vec![
            ("q", saved(&own(&q))),
            ("k", saved(&whole(&past(&k), &own(&k_new)))),
            ("v", saved(&whole(&past(&v), &own(&v_new)))),
            ("causal", Saved::bools(&[], |_| true)),
        ]);
        for head in 0..4 {
            let got = oracle::attention(&all.problem.head(batch, head, Precision::F64));
            let want = oracle::attention(&alone.problem.head(0, head, Precision::F64));
            let off = got.o.iter().zip(&want.o).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off <= 1e-12, "batch {batch}, head {head}: {off}");
        }
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let [q, k, v, k_new, v_new] = tensors(2, 9);
    let refused = |named: &[(&'static str, &Array4<f64>)]| {
        let arrays: Arrays = named.iter().map(|(name, tensor)| (*name, saved(tensor))).collect();
        input::read("step.npz", &npz(&arrays)).expect_err("a refusal").to_string()
    };
    let own = [("q", &q), ("k", &k), ("v", &v)];
    let with = |more: &[(&'static str, &Array4<f64>)]| refused(&[&own[..], more].concat());
    assert!(with(&[("k_new", &k_new)]).contains("the values that belong to them are not there"));
    assert!(with(&[("past_v", &v)]).contains("the keys that belong to them are not there"));
    let both = [("k_new", &k_new), ("v_new", &v_new), ("past_k", &k), ("past_v", &v)];
    assert!(with(&both).contains("beside keys to be appended"));
    assert!(with(&[("k_new", &k_new), ("v_new", &v)]).contains("has 2 keys to be appended, and there are 9 values"));
    assert!(with(&[("k_new", &v_new), ("v_new", &v_new)]).contains("another batch, heads or width"));
}
