//! Choices that change what is added to the scores, or where the keys come from, in place of what an input says.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, Array4, Axis};
use serde::{Deserialize, Serialize};

use crate::attention::input::{Fact, GradSource, random};
use crate::attention::{Input, Problem, ProblemError, Shape};
use crate::sentence::Sentence;

/// Slopes of ALiBi: `-slope * distance` is added to a score. As text `none`, `standard`, `0.5`, or `0.5,0.25`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Slopes {
    None,
    /// Those of the paper (Press et al., "Train Short, Test Long", 2022): 2^(-8/n), 2^(-16/n), .. for n heads.
    Standard,
    /// One for all query heads, or one for each; finite.
    Each(Vec<f64>),
}

/// Logits of learned sinks. As text `none`, `0.5`, `0.5,-1`, or `random:7`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sinks {
    None,
    /// One for all query heads, or one for each; finite.
    Each(Vec<f64>),
    /// Of a standard normal distribution, by seed.
    Random(u64),
}

/// What is added to the scores beside ALiBi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bias {
    /// Bias and mask of the input's own, if it has any.
    Own,
    None,
}

/// Where the keys come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    Own,
    /// The queries: every token is compared with the others by one vector, and S is symmetric. Each query head has keys
    /// of its own then, and the values of its group.
    Q,
}

/// The gradient of the output, in place of that of the input. As text `ones`, `random` or `random:7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OutputGrad {
    /// That of the sum of all elements of O.
    Ones,
    /// Of a standard normal distribution, by this seed, or by that of the run.
    Random(Option<u64>),
}

impl Slopes {
    /// `[batch, heads]`; `None` without ALiBi.
    pub fn array(&self, shape: &Shape) -> Option<Array2<f64>> {
        let slope = |head: usize| match self {
            Self::None => 0.0,
            Self::Standard => standard(head, shape.heads),
            Self::Each(slopes) => slopes.get(head).or(slopes.first()).copied().unwrap_or(0.0),
        };
        (*self != Self::None).then(|| Array2::from_shape_fn((shape.batch, shape.heads), |(_, head)| slope(head)))
    }

    /// Errors where there are several slopes, and not one for each head.
    pub fn check(&self, shape: &Shape) -> Result<(), ProblemError> {
        match self {
            Self::Each(slopes) if slopes.len() > 1 && slopes.len() != shape.heads => {
                let expected = Sentence::new("one slope, or one for each query head ({0})").with(shape.heads);
                Err(ProblemError::Shape { name: "alibi", found: vec![slopes.len()], expected })
            }
            _ => Ok(()),
        }
    }
}

impl Sinks {
    /// `[heads]`; `None` without sinks.
    pub fn array(&self, heads: usize) -> Option<Array1<f64>> {
        match self {
            Self::None => None,
            Self::Each(logits) => {
                let logit = |head: usize| logits.get(head).or(logits.first()).copied().unwrap_or(0.0);
                Some(Array1::from_shape_fn(heads, logit))
            }
            Self::Random(seed) => Some(random::sinks(heads, *seed)),
        }
    }

    /// Errors where there are several logits, and not one for each head.
    pub(super) fn check(&self, heads: usize) -> Result<(), ProblemError> {
        match self {
            Self::Each(logits) if logits.len() > 1 && logits.len() != heads => {
                let expected = Sentence::new("one logit, or one for each query head ({0})").with(heads);
                Err(ProblemError::Shape { name: "sinks", found: vec![logits.len()], expected })
            }
            _ => Ok(()),
        }
    }
}

/// The slope of a head of `heads`: a geometric series for a power of two, and between its members those of twice as many.
fn standard(head: usize, heads: usize) -> f64 {
    let whole = 1 << heads.max(1).ilog2();
    let of = |n: usize, heads: usize| (-8.0 * n as f64 / heads as f64).exp2();
    if head < whole { of(head + 1, whole) } else { of(2 * (head - whole) + 1, 2 * whole) }
}

impl KeySource {
    /// Puts the queries of `problem` in the place of its keys.
    pub(super) fn apply(self, problem: &mut Problem) {
        if self == Self::Own {
            return;
        }
        let shape = problem.shape;
        let values: Vec<usize> = (0..shape.heads).map(|head| shape.kv_head(head)).collect();
        let v: Array4<f64> = problem.v.select(Axis(1), &values);
        (problem.k, problem.v) = (problem.q.clone(), v);
        problem.shape = self.shape(shape);
    }

    /// The sizes of an input of `shape` with these keys.
    pub(super) fn shape(self, shape: Shape) -> Shape {
        Shape { kv_heads: if self == Self::Q { shape.heads } else { shape.kv_heads }, ..shape }
    }

    /// Errors where queries cannot be keys.
    pub(super) fn check(self, shape: &Shape) -> Result<(), ProblemError> {
        if self == Self::Own || shape.n_q == shape.n_k {
            return Ok(());
        }
        let need = "queries take the place of keys only where there are as many of them";
        Err(ProblemError::Value { name: "keys", value: "q".into(), need })
    }
}

impl OutputGrad {
    /// By `seed` where it is by that of the run.
    pub fn seeded(self, seed: Option<u64>) -> Self {
        match self {
            Self::Random(None) => Self::Random(seed),
            said => said,
        }
    }

    /// Puts it into `input`, whole or a prefix; `seed` is that of the run. Gradients of a file are those of its own dO, and
    /// answer no other.
    pub(super) fn apply(self, input: &mut Input, seed: u64) {
        let shape = input.problem.shape;
        let (source, draw): (_, &dyn Fn() -> Array4<f64>) = match self.seeded(Some(input.seed.unwrap_or(seed))) {
            Self::Random(Some(seed)) => (GradSource::Random(seed), &move || random::d_o(&shape, seed)),
            Self::Random(None) | Self::Ones => {
                (GradSource::Ones, &|| Array4::ones((shape.batch, shape.heads, shape.n_q, shape.d_v)))
            }
        };
        // Of an input that is counted alone there are no numbers.
        let d_o = (!input.problem.q.is_empty()).then(draw);
        if std::mem::replace(&mut input.d_o, d_o).is_some() {
            (input.about.gradients, input.about.d_sinks) = (Default::default(), None);
        }
        input.told.grad = Some(source);
        input.told.by_option(Fact::Grad);
    }
}

impl FromStr for OutputGrad {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        match text {
            "ones" => return Ok(Self::Ones),
            "random" => return Ok(Self::Random(None)),
            _ => {}
        }
        let seed = text.strip_prefix(random::PREFIX).and_then(|seed| seed.trim().parse().ok());
        seed.map(|seed| Self::Random(Some(seed))).ok_or("it is ones, random or random:SEED".into())
    }
}

impl fmt::Display for OutputGrad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ones => f.write_str("ones"),
            Self::Random(None) => f.write_str("random"),
            Self::Random(Some(seed)) => write!(f, "{}{seed}", random::PREFIX),
        }
    }
}

impl FromStr for Slopes {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        match text {
            "none" => return Ok(Self::None),
            "standard" => return Ok(Self::Standard),
            _ => {}
        }
        let slope = |text: &str| text.trim().parse().ok().filter(|slope: &f64| slope.is_finite());
        let slopes: Option<Vec<f64>> = text.split(',').map(slope).collect();
        let what = "it is none, standard, a slope such as 0.5, or one for each query head, with commas";
        slopes.map(Self::Each).ok_or(Sentence::new(what))
    }
}

impl fmt::Display for Slopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Standard => f.write_str("standard"),
            Self::Each(slopes) => f.write_str(&slopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

impl FromStr for Sinks {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        if text == "none" {
            return Ok(Self::None);
        }
        let what = "it is none, a finite logit such as 0.5, one for each query head with commas, or random:SEED";
        if let Some(seed) = text.strip_prefix(random::PREFIX) {
            return seed.trim().parse().map(Self::Random).map_err(|_| Sentence::new(what));
        }
        let logit = |text: &str| text.trim().parse().ok().filter(|logit: &f64| (*logit as f32).is_finite());
        let logits: Option<Vec<f64>> = text.split(',').map(logit).collect();
        logits.map(Self::Each).ok_or(Sentence::new(what))
    }
}

impl fmt::Display for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Each(logits) => f.write_str(&logits.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            Self::Random(seed) => write!(f, "{}{seed}", random::PREFIX),
        }
    }
}

impl FromStr for Bias {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        match text {
            "own" => Ok(Self::Own),
            "none" => Ok(Self::None),
            _ => Err("it is own or none".into()),
        }
    }
}

impl fmt::Display for Bias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::None => "none",
        })
    }
}

impl FromStr for KeySource {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        match text {
            "own" => Ok(Self::Own),
            "q" => Ok(Self::Q),
            _ => Err("it is own, or q for the queries in place of the keys".into()),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::Q => "q",
        })
    }
}

crate::sentence::stands_as_text!(OutputGrad, Sinks, Slopes);

#[cfg(test)]
mod tests {
    use super::*;

    /// As `get_slopes` of the paper's code gives them.
    #[test]
    fn standard_slopes_are_those_of_the_paper() {
        let of = |heads: usize| (0..heads).map(|head| standard(head, heads)).collect::<Vec<_>>();
        assert_eq!(of(1), [2f64.powi(-8)]);
        assert_eq!(of(8), (1..=8).map(|n| 0.5f64.powi(n)).collect::<Vec<_>>());
        let twelve = of(12);
        assert_eq!(twelve[..8], of(8));
        let sixteen = of(16);
        assert_eq!(twelve[8..], [sixteen[0], sixteen[2], sixteen[4], sixteen[6]]);
    }
}
