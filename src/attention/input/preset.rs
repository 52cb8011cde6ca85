//! Inputs made to show or to stress one thing: a maximum that always rises, a row that sees nothing, and the like.

use ndarray::{Array4, s};

use super::error::InputError;
use super::{Input, random};
use crate::attention::{Problem, Shape};
use crate::sentence::Sentence;

/// One head, one batch entry; a setting of Q, K and the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Each key beats all before it: a new maximum in every tile.
    RisingMax,
    /// The first key is the maximum: after it nothing is ever rescaled.
    FallingMax,
    /// One key in the middle takes nearly all the weight of every query.
    Outlier,
    /// All keys are the same, so that every query averages V.
    EqualScores,
    /// Scores near 1e4, where exp overflows without the maximum; their differences stay small.
    LargeScores,
    /// Causal, bottom-right, with more queries than keys: the first queries see nothing.
    DeadRows,
    /// The last third of the keys is padding.
    Padding,
}

impl Preset {
    pub const ALL: [Preset; 7] = [
        Preset::RisingMax,
        Preset::FallingMax,
        Preset::Outlier,
        Preset::EqualScores,
        Preset::LargeScores,
        Preset::DeadRows,
        Preset::Padding,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Preset::RisingMax => "rising-max",
            Preset::FallingMax => "falling-max",
            Preset::Outlier => "outlier",
            Preset::EqualScores => "equal-scores",
            Preset::LargeScores => "large-scores",
            Preset::DeadRows => "dead-rows",
            Preset::Padding => "padding",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The input of this preset in these sizes, `[n, d]`; what it does not set is random.
    ///
    /// Errors when a size is 0, the tensors exceed the budget, or `DeadRows` has no more queries than keys.
    pub fn input(self, n_q: usize, n_k: usize, d: usize, seed: u64) -> Result<Input, InputError> {
        let mut problem = random::problem(Shape::single(n_q, n_k, d), seed)?;
        let step = 0.125;
        match self {
            // Queries differ in how steeply their scores rise or fall, from once to twice the step.
            Preset::RisingMax => rank_one(&mut problem, |i| 1.0 + i as f64 / n_q as f64, |j| step * j as f64),
            Preset::FallingMax => rank_one(&mut problem, |i| 1.0 + i as f64 / n_q as f64, |j| -step * j as f64),
            Preset::Outlier => add_score(&mut problem, |j| if j == n_k / 2 { 20.0 } else { 0.0 }),
            Preset::EqualScores => {
                let first = problem.k.slice(s![.., .., ..1, ..]).to_owned();
                problem.k.assign(&first);
            }
            Preset::LargeScores => add_score(&mut problem, |_| 1e4),
            Preset::DeadRows if n_q <= n_k => {
                let fault =
                    Sentence::new("needs more queries than keys, and there are {0} and {1}").with(n_q).with(n_k);
                return Err(InputError::Preset { preset: self.name(), fault });
            }
            Preset::DeadRows => problem.mask.causal = true,
            Preset::Padding => problem.mask.key_lengths = Some(vec![n_k - n_k / 3]),
        }
        let mut input = Input::new(self.name(), problem, 2);
        input.seed = Some(seed);
        Ok(input)
    }
}

/// Makes the score of (i, j) the product `query(i) * key(j)`: only the first component of Q is not 0.
fn rank_one(problem: &mut Problem, query: impl Fn(usize) -> f64, key: impl Fn(usize) -> f64) {
    let scale = problem.scale;
    problem.q.fill(0.0);
    set_first(&mut problem.q, |i| query(i) / scale);
    set_first(&mut problem.k, key);
}

/// Gives the first component over to a score of `key(j)`, the same for every query; the others stay random.
fn add_score(problem: &mut Problem, key: impl Fn(usize) -> f64) {
    let scale = problem.scale;
    // Both factors of a large score stay within the range of f16.
    let factor = 64.0;
    set_first(&mut problem.q, |_| factor);
    set_first(&mut problem.k, |j| key(j) / (factor * scale));
}

/// Sets component 0 of each row.
fn set_first(tensor: &mut Array4<f64>, value: impl Fn(usize) -> f64) {
    tensor.slice_mut(s![0, 0, .., 0]).iter_mut().enumerate().for_each(|(row, x)| *x = value(row));
}

/// The scene `row`: one query whose weights are 1, 2, 8, 1, 4, 4 and whose values are 10 to 60 (key blocks of 2).
pub fn row() -> Input {
    let column = |values: [f64; 6]| Array4::from_shape_fn((1, 1, 6, 1), |(_, _, j, _)| values[j]);
    let keys = column([1.0, 2.0, 8.0, 1.0, 4.0, 4.0].map(f64::ln));
    let values = column([10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    // With q = 1, d = 1 and so a scale of 1, a score is its key.
    let problem = Problem::new(Array4::ones((1, 1, 1, 1)), keys, values).expect("these shapes fit together");
    Input::new("row", problem, 2)
}

/// The scene `toy`: 16 queries and keys of 4 components, for 4x4 blocks on a chip of 512 bytes.
pub fn toy() -> Input {
    let problem = random::problem(Shape::single(16, 16, 4), 0).expect("these sizes are valid and small");
    let mut input = Input::new("toy", problem, 2);
    input.seed = Some(0);
    input
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Precision, oracle};

    fn rows(preset: Preset, n_q: usize, n_k: usize) -> Vec<oracle::Row> {
        let input = preset.input(n_q, n_k, 8, 3).unwrap();
        let head = input.problem.head(0, 0, Precision::F64);
        (0..n_q).map(|i| oracle::row(&head, i)).collect()
    }

    #[test]
    fn each_preset_does_what_it_says() {
        for row in rows(Preset::RisingMax, 5, 40) {
            assert!(row.s.is_sorted_by(|a, b| a < b));
        }
        for row in rows(Preset::FallingMax, 5, 40) {
            assert!(row.s.is_sorted_by(|a, b| a > b));
        }
        for row in rows(Preset::Outlier, 5, 40) {
            assert!(row.p[20] > 0.99, "{}", row.p[20]);
        }
        for row in rows(Preset::EqualScores, 5, 40) {
            assert!(row.p.iter().all(|p| (p - 1.0 / 40.0).abs() < 1e-15));
        }
        for row in rows(Preset::LargeScores, 5, 40) {
            assert!(row.s.iter().all(|s| (s - 1e4).abs() < 50.0));
            assert!(row.p.iter().all(|&p| p < 0.9), "no row collapses to one key");
        }
        let dead: Vec<bool> = rows(Preset::DeadRows, 5, 3).iter().map(|row| row.l == 0.0).collect();
        assert_eq!(dead, [true, true, false, false, false]);
        for row in rows(Preset::Padding, 5, 40) {
            assert!(row.p.iter().enumerate().all(|(j, p)| (*p > 0.0) == (j < 27)));
        }
        assert!(Preset::DeadRows.input(3, 3, 1, 0).unwrap_err().to_string().contains("more queries than keys"));
    }

    #[test]
    fn names_and_sizes() {
        for preset in Preset::ALL {
            assert_eq!(Preset::parse(preset.name()), Some(preset));
            assert!(preset.input(2, 1, 1, 0).is_ok());
            assert!(preset.input(0, 1, 1, 0).is_err());
            assert!(preset.input(1 << 40, 1, 1 << 40, 0).is_err());
        }
    }

    #[test]
    fn the_row_scene_averages_to_what_the_lesson_says() {
        let averages = |keys: usize| {
            let mut problem = row().problem;
            problem.mask.key_lengths = Some(vec![keys]);
            let row = oracle::row(&problem.head(0, 0, Precision::F64), 0);
            (row.l, row.o[0])
        };
        for (keys, l, average) in [(2, 1.5, 50.0 / 3.0), (4, 1.5, 27.5), (6, 2.5, 38.5)] {
            let found = averages(keys);
            assert!((found.0 - l).abs() < 1e-12 && (found.1 - average).abs() < 1e-12, "{found:?}");
        }
        assert_eq!(toy().problem.shape, Shape::single(16, 16, 4));
    }
}
