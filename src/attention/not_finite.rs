//! What a NaN, an infinity and a row that sees no key give: one rule for whatever computes attention.
//!
//! A query *sees* a key unless a mask hides the pair or its bias is -inf. Nothing of a hidden pair reaches a product,
//! whatever Q, K, V and bias hold there. What is seen is computed as IEEE 754 has it, in every order of blocks alike:
//! What a row is then is [`TABLE`].
//!
//! A score is -inf, +inf or NaN because an input is, or because it overflows the format: its row is the same. A weight
//! may round to 0 but is not 0, so a NaN or an infinity in V counts however small the weight is. A weight that dropout
//! drops is left out like a hidden pair.
//!
//! Before the last key of a row that has seen scores of -inf alone, the stepper's l is the 0 that it has summed. What a
//! kernel's taps record of such a row is that, or the NaN that the row is if it ends there.
//!
//! A learned sink is one more score of its row, and finite: with it no row is without weights, and one that sees no key, or
//! scores of -inf alone, has m = L = sink, l = 1 and O = 0.
//!
//! So l = 0 at the end of a row means that the row sees no key, and nothing else does.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use super::precision::Real;
use super::problem::Head;

/// What makes a row unlike others: each has a line of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    NoKey,
    NanScore,
    PlusInfScore,
    /// A score of -inf, and others.
    MinusInfScore,
    OnlyMinusInfScores,
    NanInV,
    InfInV,
}

/// What a row is when its last key is done.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub odd: Odd,
    /// What the row does: "sees no key".
    pub row: &'static str,
    /// Its [`STATISTICS`], each a number or in words.
    pub gives: [&'static str; 4],
}

/// What a row gives, in the order of [`Line::gives`].
pub const STATISTICS: [&str; 4] = ["m", "l", "L", "O"];

/// The rule. Whoever shows it shows this.
pub static TABLE: [Line; 7] = [
    Line { odd: Odd::NoKey, row: "sees no key", gives: ["-inf", "0", "-inf", "0"] },
    Line { odd: Odd::NanScore, row: "sees a score of NaN", gives: ["NaN"; 4] },
    Line { odd: Odd::PlusInfScore, row: "sees a score of +inf, and none of NaN", gives: ["+inf", "NaN", "NaN", "NaN"] },
    Line { odd: Odd::MinusInfScore, row: "sees a score of -inf beside others", gives: ["of the others"; 4] },
    Line { odd: Odd::OnlyMinusInfScores, row: "sees scores of -inf alone", gives: ["-inf", "NaN", "NaN", "NaN"] },
    Line {
        odd: Odd::NanInV,
        row: "sees a NaN in V",
        gives: ["as without", "as without", "as without", "NaN in that component"],
    },
    Line {
        odd: Odd::InfInV,
        row: "sees an infinity in V",
        gives: ["as without", "as without", "as without", "that infinity; NaN where both are seen"],
    },
];

/// V apart from what in it is no finite number, so that a product with it cannot leak between rows.
#[derive(Clone, Debug)]
pub struct OddValues<T> {
    /// V with 0 in place of each NaN and infinity, `[n_k, d_v]`.
    clean: Array2<T>,
    /// The keys that have some, in order.
    keys: Vec<usize>,
}

impl<T: Real> OddValues<T> {
    /// `None` where every value is finite.
    pub fn of(v: &Array2<T>) -> Option<Self> {
        let is_odd = |key: usize| v.row(key).iter().any(|x| !x.is_finite());
        let keys: Vec<usize> = (0..v.nrows()).filter(|&key| is_odd(key)).collect();
        let clean = || v.mapv(|x| if x.is_finite() { x } else { T::zero() });
        (!keys.is_empty()).then(|| Self { clean: clean(), keys })
    }
}

/// `o <- beta o + P V` for the queries from `row` and the keys from `key` on, with `p` of `[queries, keys]`.
///
/// Where all of V is finite this is one matrix product. Elsewhere a product takes what is finite, and each NaN and
/// infinity goes to the rows that see its key.
pub fn add_weighted<T: Real>(
    head: &Head<T>,
    p: &ArrayView2<'_, T>,
    (row, key): (usize, usize),
    beta: T,
    o: &mut ArrayViewMut2<'_, T>,
) {
    let keys = key..key + p.ncols();
    let Some(odd) = &head.odd_values else {
        return general_mat_mul(T::one(), p, &head.v.slice(s![keys, ..]), beta, o);
    };
    general_mat_mul(T::one(), p, &odd.clean.slice(s![keys.clone(), ..]), beta, o);
    for &key in odd.keys.iter().filter(|key| keys.contains(key)) {
        for (n, mut o) in o.rows_mut().into_iter().enumerate() {
            if head.sees(row + n, key) && head.dropout_factor(row + n, key) != T::zero() {
                // A weight of NaN has made the component NaN already.
                o.iter_mut().zip(head.v.row(key)).filter(|(_, v)| !v.is_finite()).for_each(|(o, &v)| *o += v);
            }
        }
    }
}

/// `factor x`, for a factor that may have rounded to 0 but is not 0: an infinity stays.
pub fn scaled<T: Real>(x: T, factor: T) -> T {
    if factor == T::zero() && x.is_infinite() { x } else { x * factor }
}

/// The larger of two, NaN if either is.
#[inline(always)]
pub fn larger<T: Real>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}
