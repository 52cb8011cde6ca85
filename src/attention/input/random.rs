//! Random inputs, `random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]`, the same on every machine and in every version.
//!
//! The generator is ChaCha with 8 rounds (`rand_chacha::ChaCha8Rng`). Its key is the seed as eight little-endian bytes
//! followed by zeros; Q, K, V, dO and sinks are its streams 0, 1, 2, 3 and 4, so that one does not depend on the size of another.
//! Values follow the standard normal distribution (`rand_distr::StandardNormal`), row-major, rounded to f32, so that a
//! run in f32 starts from the same numbers as one in f64.

use ndarray::{Array1, Array4};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::Input;
use super::budget::{BUDGET, Budget};
use super::element::Element;
use super::error::InputError;
use crate::attention::{Pages, Problem, Shape};
use crate::number;
use crate::sentence::Sentence;

/// How a spec begins.
pub const PREFIX: &str = "random:";

/// The random input of a spec. Its rank is 4 where BATCH is given, 3 where HEADS is, and 2 elsewhere.
///
/// Errors when the spec does not parse, a size is 0, heads do not divide, or the tensors exceed the budget.
pub fn read(spec: &str, seed: u64) -> Result<Input, InputError> {
    let (shape, rank) = sizes(spec)?;
    let mut input = Input::new(spec, problem(shape, seed)?, rank);
    input.seed = Some(seed);
    Ok(input)
}

/// The same where steps and counts are enough: of tensors that exceed the budget, their shape without numbers, and a warning
/// that says so. Errors as [`read`] does where the counts themselves would be out of reach.
pub fn read_or_count(spec: &str, seed: u64) -> Result<Input, InputError> {
    let (shape, rank) = sizes(spec)?;
    match read(spec, seed) {
        Err(InputError::TooLarge { bytes, .. }) if can_be_counted(&shape) => {
            let mut input = Input::new(spec, Problem::of_shape(shape)?, rank);
            input.seed = Some(seed);
            let said = "counted alone, without numbers: one of Q, K and V is {0}, and {1} is the limit of all";
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            input.warnings.push(Sentence::new(said).with(number::bytes(bytes)).with(number::bytes(BUDGET)));
            Ok(input)
        }
        read => read,
    }
}

/// No count of a pass over all heads exceeds 64 bits, whatever the blocks: of bytes, elements and operations each is at most
/// 32 times the pairs times the widths.
fn can_be_counted(shape: &Shape) -> bool {
    let &Shape { batch, heads, n_q, n_k, d, d_v, .. } = shape;
    let product = [batch, heads, n_q, n_k].into_iter().fold(32u128, |all, n| all.saturating_mul(n as u128));
    product.saturating_mul(d as u128 + d_v as u128 + 16) <= u128::from(u64::MAX)
}

/// The sizes that a spec names, with the rank of its arrays.
fn sizes(spec: &str) -> Result<(Shape, usize), InputError> {
    let refuse = |fault: &'static str| InputError::Random { spec: spec.into(), fault: fault.into() };
    let sizes = spec.strip_prefix(PREFIX).ok_or_else(|| refuse("a random input begins with random:"))?;
    let sizes: Vec<usize> = sizes
        .split(',')
        .map(|size| size.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| refuse("whole numbers with commas between them are needed"))?;
    let (n_q, n_k, d, heads, kv_heads, batch, rank) = match sizes[..] {
        [n_q, n_k, d] => (n_q, n_k, d, 1, 1, 1, 2),
        [n_q, n_k, d, heads] => (n_q, n_k, d, heads, heads, 1, 3),
        [n_q, n_k, d, heads, kv_heads] => (n_q, n_k, d, heads, kv_heads, 1, 3),
        [n_q, n_k, d, heads, kv_heads, batch] => (n_q, n_k, d, heads, kv_heads, batch, 4),
        _ => return Err(refuse("three to six numbers are needed")),
    };
    let shape = Shape { batch, heads, kv_heads, n_q, n_k, d, d_v: d };
    shape.validate()?;
    Ok((shape, rank))
}

/// A problem of random Q, K and V. Errors when the shape is not valid or exceeds the budget.
pub(super) fn problem(shape: Shape, seed: u64) -> Result<Problem, InputError> {
    shape.validate()?;
    let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = shape;
    let shapes = [[batch, heads, n_q, d], [batch, kv_heads, n_k, d], [batch, kv_heads, n_k, d_v]];
    let mut budget = Budget::new();
    for (name, shape) in ["Q", "K", "V"].into_iter().zip(&shapes) {
        // Values are rounded to f32.
        budget.take(Sentence::verbatim(name), shape, Element::F32)?;
    }
    Ok(Problem::new(normal(shapes[0], seed, 0), normal(shapes[1], seed, 1), normal(shapes[2], seed, 2))?)
}

/// A random gradient of the output, `[batch, heads, n_q, d_v]`.
pub fn d_o(shape: &Shape, seed: u64) -> Array4<f64> {
    normal([shape.batch, shape.heads, shape.n_q, shape.d_v], seed, 3)
}

/// Random logits of sinks, `[heads]`.
pub fn sinks(heads: usize, seed: u64) -> Array1<f64> {
    normal([heads, 1, 1, 1], seed, 4).into_iter().collect()
}

fn normal(shape: [usize; 4], seed: u64, stream: u64) -> Array4<f64> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    Array4::from_shape_simple_fn(shape, || {
        let x: f64 = rng.sample(StandardNormal);
        f64::from(x as f32)
    })
}

/// Pages of a cache that was in use for a while: so many keys of each sequence in pages of `size`, which lie anywhere in the
/// pool. The same for the same sizes: the key is of ones, the stream 5.
pub fn pages(lengths: &[usize], size: usize) -> Pages {
    let counts: Vec<usize> = lengths.iter().map(|keys| keys.div_ceil(size)).collect();
    let pool = counts.iter().sum();
    let mut numbers: Vec<usize> = (0..pool).collect();
    let mut rng = ChaCha8Rng::from_seed([1; 32]);
    rng.set_stream(5);
    // Fisher and Yates, from the last.
    (1..pool).rev().for_each(|at| numbers.swap(at, rng.random_range(0..=at)));
    let mut numbers = numbers.into_iter();
    let table = counts.iter().map(|&count| numbers.by_ref().take(count).collect()).collect();
    Pages { pool, size, table, width: counts.into_iter().max().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_for_good() {
        let q = |seed| read("random:2,1,2", seed).unwrap().problem.q.into_raw_vec_and_offset().0;
        assert_eq!(q(0), PINNED, "a change of generator breaks every trace that was written");
        assert_ne!(q(1), q(0));
        let input = read("random:3,5,2,4,2", 0).unwrap();
        assert_eq!((input.rank, input.seed), (3, Some(0)));
        assert_eq!(input.problem.shape, Shape { batch: 1, heads: 4, kv_heads: 2, n_q: 3, n_k: 5, d: 2, d_v: 2 });
        assert_eq!(input.problem.q.as_slice().unwrap()[..4], PINNED, "sizes do not move the stream");
        let batch = read("random:3,5,2,4,2,6", 0).unwrap();
        assert_eq!((batch.rank, batch.problem.shape.batch), (4, 6));
        let first = batch.problem.q.slice(ndarray::s![..1, .., .., ..]);
        assert_eq!(first, input.problem.q, "nor does a batch, whose first entry has the numbers of one alone");
    }

    const PINNED: [f64; 4] = [1.377697229385376, 0.4053468108177185, -1.196268916130066, -1.9350470304489136];

    /// What no memory holds is a shape; what no counter holds is refused, as is what no spec is.
    #[test]
    fn what_is_too_large_to_hold_is_counted() {
        let shape = |spec: &str| read_or_count(spec, 0).map(|input| (input.problem.has_values(), input.problem.shape));
        assert!(shape("random:8,8,4").unwrap().0);
        let (has_values, counted) = shape("random:1048576,1048576,128,32,8").unwrap();
        assert_eq!((has_values, counted.n_q, counted.heads, counted.kv_heads), (false, 1 << 20, 32, 8));
        for spec in
            ["random:8000000,8000000,100000", "random:8000000,8000000,64,100000", "random:4000000000,4000000000,9"]
        {
            assert!(shape(spec).unwrap_err().to_string().contains("use fewer tokens or heads"), "{spec}");
        }
        assert!(shape("random:0,2,3").is_err() && shape("random:1,2").is_err());
    }

    #[test]
    fn values_are_standard_normal() {
        let v = read("random:1,1000,64", 7).unwrap().problem.v;
        let (mean, deviation) = (v.mean().unwrap(), v.std(0.0));
        assert!(mean.abs() < 0.02 && (deviation - 1.0).abs() < 0.02, "{mean} {deviation}");
    }

    #[test]
    fn bad_specs_say_what_a_spec_looks_like() {
        for spec in ["random:", "random:1,2", "random:1,2,3,4,2,6,7", "random:a,b,c", "random:-1,2,3", "rand:1,2,3"] {
            let text = read(spec, 0).unwrap_err().to_string();
            assert!(text.contains("random:256,256,64,8,2"), "{text}");
        }
        let error = |spec| read(spec, 0).unwrap_err().to_string();
        assert!(error("random:0,2,3").contains("n_q is 0"));
        assert!(error("random:4,4,4,3,2").contains("multiple"));
        assert!(error("random:4,4,4,2,2,0").contains("batch is 0"));
        assert!(error("random:4000000000,4000000000,4000000000").contains("MiB"));
        assert!(error("random:1000000,1,200").contains("MiB"));
    }
}
