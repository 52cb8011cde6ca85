//! One attention problem, and the view of it that a single (batch, query head) computes.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4, Axis, s};

use super::band::Band;
use super::dropout::Dropout;
use super::format::Format;
use super::mask::Mask;
use super::not_finite::OddValues;
use super::pages::Pages;
use super::pairs::BiasOf;
use super::precision::{Precision, Real, store_scaled, store_scores_as};
use super::shape::Shape;
use crate::sentence::{Sentence, says_a_sentence};

/// `softmax(mask(modify(scale * Q K^T))) V` for every batch entry and query head.
///
/// Values are kept in f64, which holds f16, bf16 and f32 inputs exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub shape: Shape,
    /// `[batch, heads, n_q, d]`
    pub q: Array4<f64>,
    /// `[batch, kv_heads, n_k, d]`
    pub k: Array4<f64>,
    /// `[batch, kv_heads, n_k, d_v]`
    pub v: Array4<f64>,
    /// Factor of every dot product, `1 / sqrt(d)` unless the input says otherwise.
    pub scale: f64,
    pub mask: Mask,
    /// `s <- cap * tanh(s / cap)`, before ALiBi, bias and masks.
    pub softcap: Option<f64>,
    /// `[batch, heads]`, added as `-slope * |i + (n_k - n_q) - j|`.
    pub alibi_slopes: Option<Array2<f64>>,
    /// Added to the scores; each axis is of full size or 1 (`[batch, heads, n_q, n_k]`). May hold `-inf`.
    pub bias: Option<Array4<f64>>,
    /// The arrays that the bias was made of: what it costs to read, and no number.
    pub bias_of: BiasOf,
    /// `[heads]`, logits of learned sinks: each takes part in the softmax of every row of its head as one more score, whose
    /// weight gives nothing to O (gpt-oss, 2025). Finite in f32.
    pub sinks: Option<Array1<f64>>,
    pub dropout: Option<Dropout>,
    /// Where K and V lie, of an input that keeps them in pages: it changes what is read, and no number.
    pub pages: Option<Arc<Pages>>,
}

/// Why a problem cannot be set up. Every message says what, where and what to do.
#[derive(Clone, Debug, PartialEq)]
pub enum ProblemError {
    Empty {
        name: &'static str,
    },
    HeadGroups {
        heads: usize,
        kv_heads: usize,
    },
    Shape {
        name: &'static str,
        found: Vec<usize>,
        expected: Sentence,
    },
    Value {
        name: &'static str,
        value: String,
        need: &'static str,
    },
    Prefix {
        prefix: usize,
        need: Sentence,
    },
    /// Of sequences that a file packs into one array.
    Packed(Sentence),
}

impl ProblemError {
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Empty { name } => {
                Sentence::new("{0} is 0: there is nothing to compute; every size must be at least 1").with(name)
            }
            Self::HeadGroups { heads, kv_heads } => Sentence::new(
                "{0} query heads cannot share {1} key/value heads: the first must be a multiple of the second",
            )
            .with(heads)
            .with(kv_heads),
            Self::Shape { name, found, expected } => {
                let sentence = Sentence::new("{0} has shape {1}, but {2} is needed").and(*name);
                sentence.with(format!("{found:?}")).and(expected.clone())
            }
            Self::Value { name, value, need } => Sentence::new("{0} is {1}: {2}").and(*name).with(value).and(*need),
            Self::Prefix { prefix, need } => {
                Sentence::new("a prefix of {0} {0|token|tokens} needs {1}").with(prefix).and(need.clone())
            }
            Self::Packed(fault) => fault.clone(),
        }
    }
}

says_a_sentence!(ProblemError);

impl Problem {
    /// A problem without masks or modifiers and with the scale `1 / sqrt(d)`.
    ///
    /// Errors when the shapes do not fit together or a size is 0.
    pub fn new(q: Array4<f64>, k: Array4<f64>, v: Array4<f64>) -> Result<Self, ProblemError> {
        let (batch, heads, n_q, d) = q.dim();
        let (k_batch, kv_heads, n_k, k_d) = k.dim();
        let (_, _, _, d_v) = v.dim();
        let shape = Shape { batch, heads, kv_heads, n_q, n_k, d, d_v };
        shape.validate()?;
        if (k_batch, k_d) != (batch, d) {
            let expected = Sentence::new("[{0}, any, any, {1}] (the batch and d of Q)").with(batch).with(d);
            return Err(ProblemError::Shape { name: "K", found: k.shape().to_vec(), expected });
        }
        if v.shape()[..3] != [batch, kv_heads, n_k] {
            let expected = Sentence::new("[{0}, {1}, {2}, any] (like K)").with(batch).with(kv_heads).with(n_k);
            return Err(ProblemError::Shape { name: "V", found: v.shape().to_vec(), expected });
        }
        Ok(Self {
            shape,
            q,
            k,
            v,
            scale: 1.0 / (d as f64).sqrt(),
            mask: Mask::default(),
            softcap: None,
            alibi_slopes: None,
            bias: None,
            bias_of: BiasOf::default(),
            sinks: None,
            dropout: None,
            pages: None,
        })
    }

    /// The sizes of a problem and none of its values: there is nothing to compute, and all to count.
    ///
    /// Errors when a size is 0 or heads do not divide.
    pub fn of_shape(shape: Shape) -> Result<Self, ProblemError> {
        shape.validate()?;
        let Shape { batch, heads, kv_heads, d, d_v, .. } = shape;
        let no_rows = |heads: usize, width: usize| Array4::zeros((batch, heads, 0, width));
        let (q, k, v) = (no_rows(heads, d), no_rows(kv_heads, d), no_rows(kv_heads, d_v));
        let scale = 1.0 / (d as f64).sqrt();
        let (mask, bias_of) = (Mask::default(), BiasOf::default());
        let (softcap, alibi_slopes, bias, sinks, dropout, pages) = (None, None, None, None, None, None);
        Ok(Self { shape, q, k, v, scale, mask, softcap, alibi_slopes, bias, bias_of, sinks, dropout, pages })
    }

    /// It has Q, K and V, and is no shape alone.
    pub fn has_values(&self) -> bool {
        !self.q.is_empty()
    }

    /// Checks the fields that callers set after [`Problem::new`].
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.shape.validate()?;
        let Shape { batch, heads, n_q, n_k, .. } = self.shape;
        check_modifiers(self.scale, self.softcap, self.dropout.as_ref().map(|dropout| dropout.rate))?;
        self.mask.check(&self.shape)?;
        // Those of the rows, where they are of several.
        let all_heads = heads * self.heads_as_rows();
        if let Some(slopes) = self.alibi_slopes.as_ref().filter(|slopes| slopes.dim() != (batch, all_heads)) {
            let expected = Sentence::verbatim(format!("[{batch}, {all_heads}] (batch, heads)"));
            return Err(ProblemError::Shape { name: "alibi_slopes", found: slopes.shape().to_vec(), expected });
        }
        if let Some(sinks) = &self.sinks {
            check_sinks(sinks, all_heads)?;
        }
        if let Some(bias) = &self.bias {
            let fits = bias.shape().iter().zip([batch, heads, n_q, n_k]).all(|(&size, full)| size == 1 || size == full);
            if !fits {
                let expected = Sentence::new("{0}, or 1 on any axis").with(format!("[{batch}, {heads}, {n_q}, {n_k}]"));
                return Err(ProblemError::Shape { name: "bias", found: bias.shape().to_vec(), expected });
            }
        }
        Ok(())
    }

    /// Query heads that the rows of one query are of: 1, or a group of packed heads.
    pub fn heads_as_rows(&self) -> usize {
        self.mask.heads_as_rows.unwrap_or(1).max(1)
    }

    /// The numbers of the query heads that the rows of `head` are of, where `of` gives that of one.
    fn of_rows<T>(&self, head: usize, of: impl Fn(usize) -> T) -> PerHead<T> {
        let heads = self.heads_as_rows();
        PerHead((head * heads..(head + 1) * heads).map(of).collect())
    }

    /// The slopes of ALiBi of (batch, head), if it has any.
    pub fn slopes_of<T: Real>(&self, batch: usize, head: usize) -> Option<PerHead<T>> {
        let slopes = self.alibi_slopes.as_ref()?;
        Some(self.of_rows(head, |head| T::narrow(slopes[[batch, head]])))
    }

    /// The logits of the sinks of a head, if it has any.
    pub fn sinks_of<T: Real>(&self, head: usize) -> Option<PerHead<T>> {
        let sinks = self.sinks.as_ref()?;
        Some(self.of_rows(head, |head| T::narrow(sinks[head])))
    }

    /// What of its mask or its ALiBi no kernel knows that has a band, key lengths and diagonals of sequences alone, by its name.
    pub fn beyond_band(&self) -> Option<&'static str> {
        let is_packed = self.heads_as_rows() > 1 && (self.alibi_slopes.is_some() || self.dropout.is_some());
        let of_heads = is_packed.then_some("ALiBi or dropout of query heads as rows of a block");
        self.mask.beyond_band().or(of_heads)
    }

    /// A bias of -inf hides key `j` from query `i` of (batch, head), as a mask does.
    pub fn is_hidden_by_bias(&self, batch: usize, head: usize, i: usize, j: usize) -> bool {
        self.bias.as_ref().is_some_and(|bias| {
            let at = |axis: usize, index: usize| if bias.len_of(Axis(axis)) == 1 { 0 } else { index };
            bias[[at(0, batch), at(1, head), at(2, i), at(3, j)]] == f64::NEG_INFINITY
        })
    }

    /// What (batch, head) computes, rounded to `precision`; where that has scales, one for each tensor.
    ///
    /// Panics if `batch` or `head` is out of range.
    pub fn head<T: Real>(&self, batch: usize, head: usize, precision: Precision) -> Head<T> {
        self.head_in_blocks(batch, head, precision, [&[self.shape.n_q], &[self.shape.n_k]])
    }

    /// The same with a scale for each block of queries and of keys, of which the ends are given, where `precision` has
    /// scales.
    ///
    /// Panics if `batch` or `head` is out of range.
    pub fn head_in_blocks<T: Real>(
        &self,
        batch: usize,
        head: usize,
        precision: Precision,
        [of_queries, of_keys]: [&[usize]; 2],
    ) -> Head<T> {
        let kv_head = self.shape.kv_head(head);
        let mut saturated = 0;
        let mut matrix = |name: &str, tensor: &Array4<f64>, head: usize, ends: &[usize]| {
            let mut values = tensor.slice(s![batch, head, .., ..]).mapv(T::narrow);
            let format = precision.format_of(name);
            saturated += if precision.scales(name) {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let block = |(start, &end): (usize, &usize)| store_scaled(values.slice_mut(s![start..end, ..]), format);
                starts.zip(ends).map(block).sum()
            } else {
                T::store_as(values.as_slice_mut().expect("a mapped array is contiguous"), format)
            };
            values
        };
        let at = |axis: usize, index: usize, bias: &Array4<f64>| if bias.len_of(Axis(axis)) == 1 { 0 } else { index };
        let q = matrix("Q", &self.q, head, of_queries);
        let [k, v] = [("K", &self.k), ("V", &self.v)].map(|(name, tensor)| matrix(name, tensor, kv_head, of_keys));
        Head {
            batch,
            head,
            q,
            k,
            scale: T::narrow(self.scale),
            softcap: self.softcap.map(T::narrow),
            alibi_slope: self.slopes_of(batch, head),
            bias: self
                .bias
                .as_ref()
                .map(|bias| matrix_of_bias(bias, at(0, batch, bias), at(1, head, bias), precision.format)),
            sink: self.sinks_of(head),
            odd_values: OddValues::of(&v),
            v,
            saturated,
            dropout: self.dropout.clone(),
            band: self.mask.band_of(&self.shape, batch, head..head + 1),
        }
    }

    /// The first `prefix` tokens. Exact for a causal problem, where no token sees those after it.
    pub fn prefix(&self, prefix: usize) -> Result<Self, ProblemError> {
        let Shape { n_q, n_k, .. } = self.shape;
        let refuse = |need: Sentence| Err(ProblemError::Prefix { prefix, need });
        if !self.mask.causal || n_q != n_k {
            return refuse("a causal input with as many queries as keys: elsewhere a token sees later ones".into());
        }
        if prefix == 0 || prefix > n_q {
            return refuse(Sentence::new("a number from 1 to {0}, the length of the input").with(n_q));
        }
        let first = |tensor: &Array4<f64>| tensor.slice(s![.., .., ..prefix, ..]).to_owned();
        let mut short = match self.has_values() {
            true => Self::new(first(&self.q), first(&self.k), first(&self.v))?,
            false => Self::of_shape(Shape { n_q: prefix, n_k: prefix, ..self.shape })?,
        };
        short.scale = self.scale;
        if !self.mask.is_cut_at(prefix) {
            return Err(is_not_cut(prefix));
        }
        short.mask = self.mask.clone().of_first(prefix);
        short.softcap = self.softcap;
        short.alibi_slopes = self.alibi_slopes.clone();
        short.bias = self.bias.as_ref().map(|bias| {
            let (rows, cols) = (bias.len_of(Axis(2)).min(prefix), bias.len_of(Axis(3)).min(prefix));
            bias.slice(s![.., .., ..rows, ..cols]).to_owned()
        });
        short.bias_of = self.bias_of;
        short.sinks = self.sinks.clone();
        short.dropout = self.dropout.clone();
        short.pages = self.pages.clone();
        Ok(short)
    }

    /// The inputs that hold a NaN or an infinity, each with the first place of one, such as `Q[0, 0, 3, 1]`. A bias of
    /// `-inf` is a mask, and not named.
    pub fn not_finite(&self) -> Vec<String> {
        let tensors = [("Q", Some(&self.q)), ("K", Some(&self.k)), ("V", Some(&self.v)), ("bias", self.bias.as_ref())];
        let is_odd = |name: &str, x: f64| !x.is_finite() && (name != "bias" || x != f64::NEG_INFINITY);
        let first = |(name, tensor): (&str, Option<&Array4<f64>>)| {
            let ((b, h, i, c), _) = tensor?.indexed_iter().find(|(_, x)| is_odd(name, **x))?;
            Some(format!("{name}[{b}, {h}, {i}, {c}]"))
        };
        tensors.into_iter().filter_map(first).collect()
    }
}

/// Refuses a scale, a softcap or a rate of dropout that no attention has.
pub fn check_modifiers(scale: f64, softcap: Option<f64>, rate: Option<f64>) -> Result<(), ProblemError> {
    if !scale.is_finite() {
        return Err(value("scale", scale, "it must be finite"));
    }
    if let Some(cap) = softcap.filter(|cap| !(cap.is_finite() && *cap > 0.0)) {
        return Err(value("softcap", cap, "it must be finite and above 0"));
    }
    match rate.filter(|rate| !(0.0..1.0).contains(rate)) {
        Some(rate) => Err(value("dropout", rate, "it must be at least 0 and below 1")),
        None => Ok(()),
    }
}

/// Refuses sinks that are not one finite logit for each of `heads` query heads.
fn check_sinks(sinks: &Array1<f64>, heads: usize) -> Result<(), ProblemError> {
    if sinks.len() != heads {
        let expected = Sentence::verbatim(format!("[{heads}] (heads)"));
        return Err(ProblemError::Shape { name: "sinks", found: sinks.shape().to_vec(), expected });
    }
    match sinks.iter().find(|sink| !(**sink as f32).is_finite()) {
        Some(sink) => Err(value("a sink", sink, "it must be finite, and in f32 as well")),
        None => Ok(()),
    }
}

/// Why `prefix` tokens of a causal input are no input of their own.
pub fn is_not_cut(prefix: usize) -> ProblemError {
    let need = "no prefix keys after it, and a diagonal that key lengths do not move: else these tokens see others";
    ProblemError::Prefix { prefix, need: need.into() }
}

fn value(name: &'static str, value: impl ToString, need: &'static str) -> ProblemError {
    ProblemError::Value { name, value: value.to_string(), need }
}

fn matrix_of_bias<T: Real>(bias: &Array4<f64>, batch: usize, head: usize, format: Format) -> Array2<T> {
    let mut values = bias.slice(s![batch, head, .., ..]).mapv(T::narrow);
    store_scores_as(values.as_slice_mut().expect("a mapped array is contiguous"), format);
    values
}

/// A number of each query head whose rows a [`Head`] has: of a head alone, one; of packed heads, those of the group.
#[derive(Clone, Debug, PartialEq)]
pub struct PerHead<T>(Vec<T>);

impl<T: Copy> PerHead<T> {
    /// That of the head which row `i` is of.
    #[inline]
    pub fn at(&self, i: usize) -> T {
        self.0[i % self.0.len()]
    }

    pub fn map(&self, of: impl FnMut(T) -> T) -> Self {
        Self(self.0.iter().copied().map(of).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().copied()
    }
}

/// The inputs of one (batch, query head) in the type that computes.
#[derive(Clone, Debug)]
pub struct Head<T> {
    pub batch: usize,
    pub head: usize,
    /// `[n_q, d]`
    pub q: Array2<T>,
    /// `[n_k, d]`
    pub k: Array2<T>,
    /// `[n_k, d_v]`
    pub v: Array2<T>,
    /// What in V is no finite number; `None` where all of it is.
    pub odd_values: Option<OddValues<T>>,
    pub scale: T,
    pub softcap: Option<T>,
    pub alibi_slope: Option<PerHead<T>>,
    /// `[n_q or 1, n_k or 1]`
    pub bias: Option<Array2<T>>,
    /// The logit of the head's sink.
    pub sink: Option<PerHead<T>>,
    pub dropout: Option<Dropout>,
    pub band: Band,
    /// Elements of Q, K and V that saturated: see [`Format::saturates`].
    pub saturated: u64,
}

impl<T: Real> Head<T> {
    pub fn n_q(&self) -> usize {
        self.q.nrows()
    }
    pub fn n_k(&self) -> usize {
        self.k.nrows()
    }

    /// Query `i` sees key `j`: no mask hides the pair, and its bias is not -inf.
    pub fn sees(&self, i: usize, j: usize) -> bool {
        self.band.keeps(i, j) && self.bias_at(i, j) != T::neg_infinity()
    }

    /// Query `i` sees some key, and the last that a mask leaves it lies before `end`.
    pub fn has_seen_all(&self, i: usize, end: usize) -> bool {
        self.has_seen_all_since(i, 0, end)
    }

    /// The same of the keys from `start` on.
    pub fn has_seen_all_since(&self, i: usize, start: usize, end: usize) -> bool {
        let keys = self.band.keys_of(i).hull();
        keys.end <= end && (keys.start.max(start)..keys.end).any(|j| self.sees(i, j))
    }

    /// The score of a pair with ALiBi and its bias; a bias of -inf hides the pair, whatever its score is.
    pub fn biased(&self, s: T, i: usize, j: usize) -> T {
        let bias = self.bias_at(i, j);
        if bias == T::neg_infinity() { bias } else { s - self.alibi_at(i, j) + bias }
    }

    /// The bias of one pair; 0 without a bias.
    pub fn bias_at(&self, i: usize, j: usize) -> T {
        self.bias.as_ref().map_or(T::zero(), |bias| {
            bias[[if bias.nrows() == 1 { 0 } else { i }, if bias.ncols() == 1 { 0 } else { j }]]
        })
    }

    /// What ALiBi subtracts from the score of one pair: `slope * |i + (n_k - n_q) - j|`, with the length of the sequence
    /// in the place of n_k where its diagonal ends there.
    pub fn alibi_at(&self, i: usize, j: usize) -> T {
        self.slope_at(i).map_or(T::zero(), |slope| slope * T::narrow(self.band.distance(i, j) as f64))
    }

    /// The slope of ALiBi of a row.
    #[inline]
    pub fn slope_at(&self, i: usize) -> Option<T> {
        self.alibi_slope.as_ref().map(|slopes| slopes.at(i))
    }

    /// The logit of the sink of a row.
    #[inline]
    pub fn sink_at(&self, i: usize) -> Option<T> {
        self.sink.as_ref().map(|sinks| sinks.at(i))
    }

    /// The factor of one weight under dropout: 0, or `1 / (1 - rate)`; 1 without dropout.
    pub fn dropout_factor(&self, i: usize, j: usize) -> T {
        self.dropout.as_ref().map_or(T::one(), |dropout| {
            // A pair is drawn as in a run of its own sequence.
            let own = self.band.sequences.as_ref().and_then(|all| all.place(i, j));
            let (batch, i, j) = own.unwrap_or((self.batch, i, j));
            // And a row of packed heads as the query of its own head.
            let heads = self.band.packed.as_ref().map_or(1, |(heads, _)| *heads);
            if dropout.keeps(batch, self.head * heads + i % heads, i / heads, j) {
                T::narrow(1.0 / (1.0 - dropout.rate))
            } else {
                T::zero()
            }
        })
    }
}
