//! What becomes of an input in a number format: which values are beyond it, and which biases swallow the scores.

use ndarray::Array4;

use super::format::Format;
use super::precision::{Precision, Real};
use super::problem::Problem;
use crate::number::plain;
use crate::sentence::Sentence;

/// `x` as `format` holds it.
pub fn stored(x: f64, format: Format) -> f64 {
    if format == Format::F64 { x } else { format.round(f32::narrow(x)).widen() }
}

/// What a conversion of `problem` to `precision` loses that a rounding does not explain. Keys past the key length are
/// left out: nothing reads them.
pub fn warnings(problem: &Problem, precision: Precision) -> Vec<Sentence> {
    let mut warnings = Vec::new();
    for (name, tensor, is_of_keys) in [("Q", &problem.q, false), ("K", &problem.k, true), ("V", &problem.v, true)] {
        let is_read = |[batch, _, row, _]: [usize; 4]| !is_of_keys || exists(problem, batch, row);
        // A scale brings what it divides within reach.
        let format = precision.format_of(name);
        let format = if precision.has_scales() && format == Format::E4m3 { Format::F32 } else { format };
        warnings.extend(beyond(name, tensor, format, is_read));
    }
    if let Some(bias) = &problem.bias {
        warnings.extend(beyond("bias", bias, precision.format, |_| true));
        warnings.extend(swallows_scores(bias, precision.format));
    }
    // Factors are kept in the format of the arithmetic.
    let arithmetic = if precision == Precision::F64 { Format::F64 } else { Format::F32 };
    let slopes = problem.alibi_slopes.iter().flatten().map(|&slope| ("an ALiBi slope", slope));
    let factors = [("the scale", problem.scale)].into_iter().chain(problem.softcap.map(|cap| ("the softcap", cap)));
    let lost = factors.chain(slopes).find(|(_, x)| x.is_finite() && !stored(*x, arithmetic).is_finite());
    warnings.extend(lost.map(|(name, x)| {
        told(Sentence::new(name), x, arithmetic, Sentence::new("it becomes {0}").with(stored(x, arithmetic)))
    }));
    warnings
}

/// The first value of V that is no finite number in `precision`, of a key that exists: its place, such as `V[0, 0, 3, 1]`,
/// and what it is there.
pub fn not_finite_value(problem: &Problem, precision: Precision) -> Option<(String, f64)> {
    let values = problem.v.indexed_iter().map(|((b, h, j, c), &v)| ([b, h, j, c], stored(v, precision.format_of("V"))));
    let mut odd = values.filter(|([b, _, j, _], v)| !v.is_finite() && exists(problem, *b, *j));
    odd.next().map(|(at, v)| (format!("V{at:?}"), v))
}

/// The key is no padding.
fn exists(problem: &Problem, batch: usize, key: usize) -> bool {
    let band = problem.mask.band(&problem.shape, batch);
    (band.padding..band.kv).contains(&key)
}

/// The first finite value that the format has no finite number for, and how many there are.
fn beyond(
    name: &'static str,
    tensor: &Array4<f64>,
    format: Format,
    is_read: impl Fn([usize; 4]) -> bool,
) -> Option<Sentence> {
    // A hidden pair stays hidden; any other infinity is lost where the format has none.
    let is_lost = |x: f64| match x.is_finite() {
        true => format.saturates(x) || !stored(x, format).is_finite(),
        false => x.is_infinite() && name != "bias" && stored(x, format).is_finite(),
    };
    let mut lost =
        tensor.indexed_iter().map(|((b, h, i, c), &x)| ([b, h, i, c], x)).filter(|(at, x)| is_lost(*x) && is_read(*at));
    let (at, x) = lost.next()?;
    let others = lost.count();
    let became = stored(x, format);
    let end = match name {
        "bias" if became == f64::NEG_INFINITY => Sentence::new("it becomes {0}, which hides the pair").with(became),
        _ => Sentence::new("it becomes {0}").with(became),
    };
    let end = if others == 0 { end } else { Sentence::new("{0}; so do others, {1} more").and(end).with(others) };
    Some(told(Sentence::verbatim(format!("{name}{at:?}")), x, format, end))
}

fn told(name: Sentence, x: f64, format: Format, end: Sentence) -> Sentence {
    let sentence = Sentence::new("{0} is {1}, beyond {2} (at most {3}): {4}").and(name).with(plain(x));
    sentence.with(format.name()).with(format.largest()).and(end)
}

/// The bias furthest from 0 beside which the format tells no two scores apart that differ by less than 1.
fn swallows_scores(bias: &Array4<f64>, format: Format) -> Option<Sentence> {
    let values = bias.indexed_iter().map(|(at, &x)| (at, stored(x, format))).filter(|(_, x)| x.is_finite());
    let ((b, h, i, j), x) = values.reduce(|a, b| if b.1.abs() > a.1.abs() { b } else { a })?;
    let step = spacing(x, format);
    let sentence = "{0} is {1}: a score that is stored with it is rounded to steps of {2} in {3}; a bias of -inf hides \
                    a pair and rounds nothing";
    let sentence = Sentence::new(sentence).with(format!("bias[{b}, {h}, {i}, {j}]")).with(plain(x));
    (step >= 1.0).then(|| sentence.with(plain(step)).with(format.name()))
}

/// Distance to the next number of the format.
fn spacing(x: f64, format: Format) -> f64 {
    if x == 0.0 { 0.0 } else { (x.abs().log2().floor()).exp2() * format.spacing() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::cases::{single, with};

    fn said(precision: Precision, change: impl FnOnce(&mut Problem)) -> Vec<String> {
        warnings(&with(single(2, 3, 4), change), precision).iter().map(Sentence::to_string).collect()
    }

    #[test]
    fn what_fits_is_not_spoken_of() {
        for precision in Precision::ALL {
            assert_eq!(said(precision, |_| {}), Vec::<String>::new());
        }
        let odd = |p: &mut Problem| {
            // Not finite before the conversion, or never read.
            p.q[[0, 0, 1, 2]] = f64::NAN;
            p.mask.key_lengths = Some(vec![2]);
            p.k[[0, 0, 2, 0]] = 1e300;
        };
        assert_eq!(said(Precision::F16, odd), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        assert_eq!(
            said(Precision::F16, |p| p.q[[0, 0, 1, 2]] = 70000.0),
            ["Q[0, 0, 1, 2] is 70000, beyond f16 (at most 65504): it becomes inf"],
        );
        let both = |p: &mut Problem| (p.v[[0, 0, 0, 1]], p.v[[0, 0, 2, 3]]) = (-1e39, 1e39);
        assert_eq!(
            said(Precision::F32, both),
            ["V[0, 0, 0, 1] is -1.000e39, beyond f32 (at most 3.40e38): it becomes -inf; so do others, 1 more"],
        );
        assert_eq!(said(Precision::F64, both), Vec::<String>::new());
        let large = |p: &mut Problem| (p.v[[0, 0, 0, 1]], p.k[[0, 0, 2, 3]]) = (464.0, -500.0);
        assert_eq!(
            said(Precision::E4M3, large),
            ["K[0, 0, 2, 3] is -500, beyond e4m3 (at most 448): it becomes -448"],
            "464 rounds to 448"
        );
        assert_eq!(said(Precision::read("e4m3,scales=block").unwrap(), large), Vec::<String>::new());
        assert_eq!(said(Precision::read("e4m3,K=f16").unwrap(), large), Vec::<String>::new());
        assert_eq!(
            said(Precision::E4M3, |p| p.q[[0, 0, 1, 2]] = f64::INFINITY),
            ["Q[0, 0, 1, 2] is inf, beyond e4m3 (at most 448): it becomes 448"],
        );
        assert_eq!(
            said(Precision::BF16, |p| p.scale = 1e39),
            ["the scale is 1.000e39, beyond f32 (at most 3.40e38): it becomes inf"],
        );
    }

    #[test]
    fn a_bias_that_hides_or_swallows_is_named() {
        let bias = |x: f64| move |p: &mut Problem| p.bias = Some(Array4::from_elem((1, 1, 1, 3), x));
        let lowest = f64::from(f32::MIN);
        assert_eq!(
            said(Precision::F16, bias(lowest)),
            [
                "bias[0, 0, 0, 0] is -3.403e38, beyond f16 (at most 65504): it becomes -inf, which hides the pair; so do others, 2 more"
            ],
        );
        let swallowed = |x: f64, step: &str, format: &str| {
            format!(
                "bias[0, 0, 0, 0] is {}: a score that is stored with it is rounded to steps of {step} in {format}; \
                 a bias of -inf hides a pair and rounds nothing",
                plain(x)
            )
        };
        assert_eq!(said(Precision::F32, bias(lowest)), [swallowed(lowest, "2.028e31", "f32")]);
        assert_eq!(said(Precision::F16, bias(-1e4)), [swallowed(-1e4, "8", "f16")]);
        assert_eq!(said(Precision::F32, bias(-1e4)), Vec::<String>::new());
        assert_eq!(said(Precision::F16, bias(f64::NEG_INFINITY)), Vec::<String>::new());
    }
}
