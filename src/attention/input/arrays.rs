//! Named arrays of an `.npz` or an `.npy` set, and the problem they make.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, Array4, ArrayD, Axis, Ix1, Ix2, Ix4};

use super::Input;
use super::error::InputError;
use crate::attention::Problem;
use crate::sentence::Sentence;

/// The arrays that were found, under the names of [`canonical`].
#[derive(Default)]
pub struct Arrays(BTreeMap<&'static str, ArrayD<f64>>);

/// The name under which a file's array is used; `None` for an array that an input has no use for (O, L, dQ, ...).
pub fn canonical(name: &str) -> Option<&'static str> {
    Some(match name.strip_suffix(".npy").unwrap_or(name) {
        "Q" | "q" => "Q",
        "K" | "k" => "K",
        "V" | "v" => "V",
        "dO" | "do" => "dO",
        "bias" => "bias",
        "alibi_slopes" => "alibi_slopes",
        "keep" => "keep",
        _ => return None,
    })
}

impl Arrays {
    /// Errors when there is one of this name already, as when a file holds both `Q` and `q`.
    pub fn insert(&mut self, name: &'static str, array: ArrayD<f64>) -> Result<(), InputError> {
        match self.0.insert(name, array) {
            None => Ok(()),
            Some(_) => refuse(name, "comes twice (as in Q and q); keep one of them"),
        }
    }

    /// The input that these arrays make. Q, K and V are `[N, d]`, `[heads, N, d]` or `[batch, heads, N, d]`.
    pub fn into_input(mut self, name: &str) -> Result<Input, InputError> {
        let (q, k, v) = (self.required("Q")?, self.required("K")?, self.required("V")?);
        let rank = q.ndim();
        for (name, array) in [("Q", &q), ("K", &k), ("V", &v)] {
            if !(2..=4).contains(&array.ndim()) {
                let need = "[N, d], [heads, N, d] or [batch, heads, N, d] is needed";
                return refuse(
                    name,
                    Sentence::new("has shape {0}; {1}").with(format!("{:?}", array.shape())).and(need),
                );
            }
            if array.ndim() != rank {
                let fault = Sentence::new("has {0} axes and Q has {1}; give them the same number");
                return refuse(name, fault.with(array.ndim()).with(rank));
            }
        }
        let problem = Problem::new(lift("Q", q)?, lift("K", k)?, lift("V", v)?)?;
        let mut input = Input::new(name, problem, rank);
        self.add_modifiers(&mut input)?;
        input.problem.validate()?;
        input.warn_of_not_finite();
        Ok(input)
    }

    /// The optional arrays: `bias`, `alibi_slopes`, `keep` and `dO`.
    fn add_modifiers(&mut self, input: &mut Input) -> Result<(), InputError> {
        let shape = input.problem.shape;
        if let Some(bias) = self.0.remove("bias") {
            input.problem.bias = Some(lift("bias", bias)?);
        }
        if let Some(slopes) = self.0.remove("alibi_slopes") {
            input.problem.alibi_slopes = Some(slopes_of(slopes, shape.batch)?);
        }
        if let Some(keep) = self.0.remove("keep") {
            let scores = [shape.batch, shape.heads, shape.n_q, shape.n_k];
            input.keep = Some(Arc::new(booleans("keep", full("keep", keep, scores)?)?));
        }
        if let Some(d_o) = self.0.remove("dO") {
            input.d_o = Some(full("dO", d_o, [shape.batch, shape.heads, shape.n_q, shape.d_v])?);
        }
        Ok(())
    }

    fn required(&mut self, name: &str) -> Result<ArrayD<f64>, InputError> {
        match self.0.remove(name) {
            Some(array) => Ok(array),
            None => refuse(name, "is missing; an input needs Q, K and V, or q, k and v"),
        }
    }
}

fn refuse<T>(array: &str, fault: impl Into<Sentence>) -> Result<T, InputError> {
    Err(InputError::Array { array: array.into(), fault: fault.into() })
}

/// `[batch, heads, rows, columns]`: missing leading axes are 1, as in NumPy's broadcasting.
pub(super) fn lift(name: &str, mut array: ArrayD<f64>) -> Result<Array4<f64>, InputError> {
    if array.ndim() < 2 {
        let fault = Sentence::new("has shape {0}; at least two axes are needed");
        return refuse(name, fault.with(format!("{:?}", array.shape())));
    }
    while array.ndim() < 4 {
        array.insert_axis_inplace(Axis(0));
    }
    let shape = array.shape().to_vec();
    let fault = || Sentence::new("has shape {0}; at most four axes fit").with(format!("{shape:?}"));
    array.into_dimensionality::<Ix4>().or_else(|_| refuse(name, fault()))
}

/// An array that must not be broadcast.
fn full(name: &str, array: ArrayD<f64>, shape: [usize; 4]) -> Result<Array4<f64>, InputError> {
    let found = array.shape().to_vec();
    let array = lift(name, array)?;
    if array.shape() == shape {
        return Ok(array);
    }
    let fault = Sentence::new("has shape {0}, but {1} is needed (leading axes of 1 may be left out)");
    refuse(name, fault.with(format!("{found:?}")).with(format!("{shape:?}")))
}

/// Slopes of `[heads]`, the same in each batch entry, or `[batch, heads]`.
fn slopes_of(slopes: ArrayD<f64>, batch: usize) -> Result<Array2<f64>, InputError> {
    let shape = slopes.shape().to_vec();
    if let Ok(slopes) = slopes.clone().into_dimensionality::<Ix1>() {
        // The number of heads is checked with the problem.
        let all = slopes.broadcast((batch, slopes.len())).map(|slopes| slopes.to_owned());
        return all.map_or_else(|| refuse("alibi_slopes", "is too large"), Ok);
    }
    let need = "[heads] or [batch, heads] is needed";
    let fault = || Sentence::new("has shape {0}; {1}").with(format!("{shape:?}")).and(need);
    slopes.into_dimensionality::<Ix2>().or_else(|_| refuse("alibi_slopes", fault()))
}

fn booleans(name: &str, array: Array4<f64>) -> Result<Array4<bool>, InputError> {
    match array.iter().find(|&&x| x != 0.0 && x != 1.0) {
        Some(odd) => refuse(name, Sentence::new("holds {0}; only 0 and 1, or booleans, make a mask").with(odd)),
        None => Ok(array.mapv(|x| x == 1.0)),
    }
}
