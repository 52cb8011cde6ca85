//! Why a row is not like others: it sees no key, or something that is not finite. In a sentence with its place.

use super::format::Format;
use super::not_finite::Odd;
use super::precision::{Precision, Real, store_scores_as};
use super::problem::Head;
use crate::number::plain;
use crate::sentence::Sentence;

/// A row that is not like others.
#[derive(Clone, Debug, PartialEq)]
pub struct OddRow {
    /// Why, with the first place that makes it so.
    pub why: Sentence,
    /// The lines of [`super::not_finite::TABLE`] that hold for it, at least one.
    pub odds: Vec<Odd>,
}

/// What the rule of [`super::not_finite`] makes of row `i`, and by what; `None` where the row is like any other.
/// `precision` is the format of the tensors; scores are rounded to it where they are stored. `m` is what the run gave: an
/// overflow within a dot product is an infinity or, where two meet, NaN, by the order of its additions.
pub fn of<T: Real>(head: &Head<T>, i: usize, precision: Precision, stores_scores: bool, m: f64) -> Option<OddRow> {
    let only = |odd: Odd, why: Sentence| Some(OddRow { why, odds: vec![odd] });
    let keys: Vec<usize> = (0..head.n_k()).filter(|&j| head.sees(i, j)).collect();
    // With a sink, a row has a finite score whatever it sees of keys.
    if keys.is_empty() && head.sink.is_some() {
        return None;
    }
    // A text without a guard gives such a row something else: the sentence tells what the run gave.
    if keys.is_empty() && m != f64::NEG_INFINITY {
        return None;
    }
    if keys.is_empty() {
        return only(Odd::NoKey, Sentence::new("Query {0} sees no key: m and L are -inf, l and O are 0.").with(i));
    }
    let stored = precision.format_of("S");
    let score = |j: usize| {
        let mut s = [score(head, i, j)];
        if stores_scores {
            store_scores_as(&mut s, stored);
        }
        s[0]
    };
    let scores: Vec<T> = keys.iter().map(|&j| score(j)).collect();
    let first = |is_it: &dyn Fn(T) -> bool| scores.iter().position(|&s| is_it(s)).map(|n| keys[n]);
    let format = if stores_scores { stored } else { of_arithmetic(precision) };
    let of_score = |j: usize, pattern: &'static str| Sentence::new(pattern).and(place(head, i, j, format));
    let (nan, inf) = (first(&|s| s.is_nan()), first(&|s| s == T::infinity()));
    if let Some(j) = nan.or(inf).filter(|_| m.is_nan()) {
        return only(Odd::NanScore, of_score(j, "{0} is NaN: so are m, l, L and O of the row."));
    }
    if let Some(j) = inf.or(nan).filter(|_| m == f64::INFINITY) {
        return only(Odd::PlusInfScore, of_score(j, "{0} is inf: m of the row is inf, and l, L and O are NaN."));
    }
    if head.sink.is_none() && scores.iter().all(|&s| s == T::neg_infinity()) {
        let pattern = "{0} is -inf, as are all of the row: m is -inf, and l, L and O are NaN.";
        return only(Odd::OnlyMinusInfScores, of_score(keys[0], pattern));
    }
    // All that is left may hold at once.
    let (in_v, mut odds) = of_values(head, i, &keys);
    let low = first(&|s| s == T::neg_infinity());
    odds.extend(low.map(|_| Odd::MinusInfScore));
    let why = in_v.or_else(|| low.map(|j| of_score(j, "{0} is -inf: the key weighs nothing.")))?;
    Some(OddRow { why, odds })
}

/// The format that scores on chip are computed in.
fn of_arithmetic(precision: Precision) -> Format {
    if precision == Precision::F64 { Format::F64 } else { Format::F32 }
}

/// "The score of query 3, key 5", and whether it is beyond the format or made of something that was not finite.
fn place<T: Real>(head: &Head<T>, i: usize, j: usize, format: Format) -> Sentence {
    let wide = |x: T| x.widen();
    let mut rows = head.q.row(i).into_iter().chain(head.k.row(j));
    let is_overflow = rows.all(|x| x.is_finite()) && head.bias_at(i, j).is_finite() && head.scale.is_finite();
    if !is_overflow {
        return Sentence::new("The score of query {0}, key {1}").with(i).with(j);
    }
    let dot: f64 = head.q.row(i).iter().zip(head.k.row(j)).map(|(q, k)| wide(*q) * wide(*k)).sum();
    let exact = wide(head.scale) * dot + wide(head.bias_at(i, j));
    let sentence = Sentence::new("The score of query {0}, key {1} ({2}) overflows {3}: it").with(i).with(j);
    sentence.with(plain(exact)).with(format.name())
}

fn score<T: Real>(head: &Head<T>, i: usize, j: usize) -> T {
    let dot = head.q.row(i).iter().zip(head.k.row(j)).fold(T::zero(), |sum, (&q, &k)| sum + q * k);
    let s = head.scale * dot;
    head.biased(head.softcap.map_or(s, |cap| cap * (s / cap).tanh()), i, j)
}

/// What row `i` sees in V that is not finite: the first in a sentence, and which lines of the table that makes hold.
fn of_values<T: Real>(head: &Head<T>, i: usize, keys: &[usize]) -> (Option<Sentence>, Vec<Odd>) {
    let used = keys.iter().copied().filter(|&j| head.dropout_factor(i, j) != T::zero());
    // One per component: NaN counts before an infinity.
    let mut odd_of = vec![None; head.v.ncols()];
    let mut first = None;
    for j in used {
        for (component, value) in head.v.row(j).iter().enumerate().filter(|(_, value)| !value.is_finite()) {
            first.get_or_insert((j, component, value.widen()));
            match value.is_nan() {
                true => odd_of[component] = Some(Odd::NanInV),
                false => _ = odd_of[component].get_or_insert(Odd::InfInV),
            }
        }
    }
    let odds = [Odd::NanInV, Odd::InfInV].into_iter().filter(|&odd| odd_of.contains(&Some(odd))).collect();
    let pattern = "V of key {0}, which query {1} sees, is {2} at component {3}: O is not finite there.";
    let why = first.map(|(j, component, value)| Sentence::new(pattern).with(j).with(i).with(value).with(component));
    (why, odds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::cases::{single, with};
    use crate::attention::{Problem, naive};

    fn said(precision: Precision, stores_scores: bool, change: impl FnOnce(&mut Problem)) -> Option<String> {
        let problem = with(single(3, 4, 2), |p| {
            p.q.fill(1.0);
            p.k.fill(1.0);
            p.scale = 1.0;
            change(p);
        });
        let head = problem.head::<f32>(0, 0, precision);
        let scores = if stores_scores { precision } else { Precision::F32 };
        let m = naive::attention(&head, scores).m[1];
        of(&head, 1, precision, stores_scores, m).map(|row| row.why.to_string())
    }

    #[test]
    fn each_kind_of_row_is_told_from_the_others() {
        let f32 = |change: &dyn Fn(&mut Problem)| said(Precision::F32, false, change);
        assert_eq!(f32(&|_| {}), None);
        let told = f32(&|p| p.mask.key_lengths = Some(vec![0])).unwrap();
        assert_eq!(told, "Query 1 sees no key: m and L are -inf, l and O are 0.");
        let told = f32(&|p| p.q[[0, 0, 1, 0]] = f64::NAN).unwrap();
        assert_eq!(told, "The score of query 1, key 0 is NaN: so are m, l, L and O of the row.");
        let told = f32(&|p| p.k[[0, 0, 2, 0]] = f64::INFINITY).unwrap();
        assert_eq!(told, "The score of query 1, key 2 is inf: m of the row is inf, and l, L and O are NaN.");
        let told = f32(&|p| p.v[[0, 0, 3, 1]] = f64::NAN).unwrap();
        assert_eq!(told, "V of key 3, which query 1 sees, is NaN at component 1: O is not finite there.");
        assert_eq!(f32(&|p| p.q[[0, 0, 0, 0]] = f64::NAN), None, "another row");
        let hidden = |p: &mut Problem| (p.v[[0, 0, 3, 1]], p.mask.key_lengths) = (f64::NAN, Some(vec![3]));
        assert_eq!(f32(&hidden), None, "nobody sees it");
    }

    #[test]
    fn a_row_without_keys_that_a_text_gave_something_else_is_not_told_by_the_rule() {
        let problem = with(single(3, 4, 2), |p| p.mask.key_lengths = Some(vec![0]));
        let head = problem.head::<f32>(0, 0, Precision::F32);
        let told = |m: f64| of(&head, 1, Precision::F32, false, m).map(|row| row.odds);
        assert_eq!(told(f64::NEG_INFINITY), Some(vec![Odd::NoKey]));
        assert_eq!([told(f64::NAN), told(-1000.0)], [None, None]);
    }

    #[test]
    fn an_overflow_is_named_with_its_place_and_never_a_row_without_keys() {
        let high = |p: &mut Problem| (p.q[[0, 0, 1, 0]], p.k[[0, 0, 2, 0]]) = (1e20, 1e20);
        assert_eq!(
            said(Precision::F32, false, high).unwrap(),
            "The score of query 1, key 2 (1.000e40) overflows f32: it is inf: m of the row is inf, and l, L and O are NaN."
        );
        let low = |p: &mut Problem| (p.q[[0, 0, 1, 0]], p.k[[0, 0, 2, 0]]) = (-1e20, 1e20);
        assert_eq!(
            said(Precision::F32, false, low).unwrap(),
            "The score of query 1, key 2 (-1.000e40) overflows f32: it is -inf: the key weighs nothing."
        );
        let all = |p: &mut Problem| {
            p.q.fill(-1e20);
            p.k.fill(1e20);
        };
        assert_eq!(
            said(Precision::F32, false, all).unwrap(),
            "The score of query 1, key 0 (-2.000e40) overflows f32: it is -inf, as are all of the row: m is -inf, and l, L \
             and O are NaN."
        );
        // Two infinities in one dot product: what is said is what the run made of them.
        let both = with(single(3, 4, 2), |p| {
            (p.q[[0, 0, 1, 0]], p.q[[0, 0, 1, 1]]) = (1e30, -1e30);
            p.k.fill(1e20);
        });
        let head = both.head::<f32>(0, 0, Precision::F32);
        let told = |m| of(&head, 1, Precision::F32, false, m).unwrap().why.to_string();
        assert!(told(f64::NAN).ends_with("NaN: so are m, l, L and O of the row."), "{}", told(f64::NAN));
        assert!(told(f64::INFINITY).ends_with("m of the row is inf, and l, L and O are NaN."));
        // Beyond f16, but only where it is stored.
        let stored = |p: &mut Problem| (p.q[[0, 0, 1, 0]], p.k[[0, 0, 2, 0]]) = (1e3, 1e3);
        assert!(said(Precision::F16, true, stored).unwrap().contains("(1000001) overflows f16"));
        assert_eq!(said(Precision::F16, false, stored), None);
    }
}
