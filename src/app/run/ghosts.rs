//! The weights of every tile as the run computed them, though nothing stored them: made once per run by a worker.

use std::ops::Range;
use std::sync::Arc;

use eframe::egui::Context;

use crate::app::run::job::Signals;
use crate::app::run::latest::Latest;
use crate::app::run::scene::FinishedRun;
use crate::schedule::language::Names;
use crate::schedule::{Part, Plan};

/// Values along a side of the picture.
pub const MOST_SIDE: usize = 256;
/// Operations that the looking may take: a tile may need the scores of all before it in its row.
const MOST_FLOPS: u64 = 4 << 30;
const MOST_TILES: usize = 1 << 12;

/// Weights by query and key, thinned out where there are many; of a cell, the largest.
#[derive(Debug, PartialEq)]
pub struct Ghosts {
    pub rows: usize,
    pub cols: usize,
    values: Vec<f64>,
    /// Of each tile, row by row: the steps done once its weights are there; 0 where no step makes them.
    made: Vec<u64>,
    tiles: usize,
    /// The largest weight that is a number.
    pub limit: f64,
    /// Of each cell, the part of `limit`: from 0 to [`WHOLE`], or [`NO_NUMBER`].
    levels: Vec<u8>,
}

/// The level of the largest weight.
pub const WHOLE: u8 = 254;
/// The level of what is not finite.
pub const NO_NUMBER: u8 = 255;

impl Ghosts {
    /// The levels of a row of cells.
    pub fn levels(&self, row: usize) -> &[u8] {
        &self.levels[row * self.cols..][..self.cols]
    }

    /// The weights of a tile are computed by then.
    pub fn is_made(&self, (i, j): (usize, usize), cursor: u64) -> bool {
        self.made.get(i * self.tiles + j).is_some_and(|made| (1..=cursor).contains(made))
    }

    /// `None` where the text has no weights, or where it would take long.
    fn of(scene: &FinishedRun, signals: &Signals) -> Option<Self> {
        let (schedule, plan) = (scene.schedule(), scene.plan());
        let tiles = plan.t_r() * plan.t_c();
        if tiles > MOST_TILES || scene.flops().saturating_mul(plan.t_c() as u64) > MOST_FLOPS {
            return None;
        }
        if !schedule.algorithm.has_part(Part::Weights) {
            return None;
        }
        let (mut made, mut names) = (vec![0; tiles], vec![None; tiles]);
        schedule.for_each(|n, step| {
            let name = schedule.algorithm.part(step.line, Part::Weights);
            let name = name.filter(|name| schedule.effects(step).writes.meets(Names::of(*name)));
            let tile = step.place.tile().filter(|_| schedule.is_of(step, scene.settings.run.head()));
            if let Some((name, (i, j))) = name.zip(tile)
                && made[i * plan.t_c() + j] == 0
            {
                (made[i * plan.t_c() + j], names[i * plan.t_c() + j]) = (n + 1, Some(name));
            }
        });
        let (rows, cols) = (plan.n_q.min(MOST_SIDE), plan.n_k.min(MOST_SIDE));
        let (values, levels) = (vec![0.0; rows * cols], Vec::new());
        let mut ghosts = Self { rows, cols, values, made, tiles: plan.t_c(), limit: 0.0, levels };
        for i in 0..plan.t_r() {
            for j in 0..plan.t_c() {
                if signals.is_cancelled() {
                    return None;
                }
                let cursor = ghosts.made[i * ghosts.tiles + j];
                let Some(name) = names[i * ghosts.tiles + j] else { continue };
                let view = scene.run.view(cursor);
                if let Some(weights) = view.get(&schedule.algorithm.text().names[name]) {
                    ghosts.put(plan, (i, j), weights);
                }
            }
        }
        ghosts.limit = ghosts.values.iter().fold(0.0, |most, weight| f64::max(most, *weight));
        ghosts.levels = ghosts.values.iter().map(|weight| level(*weight, ghosts.limit)).collect();
        Some(ghosts)
    }

    fn put(&mut self, plan: &Plan, (i, j): (usize, usize), weights: &ndarray::Array2<f64>) {
        let (rows, cols): (Range<usize>, Range<usize>) = (plan.rows(i), plan.cols(j));
        for ((r, c), &weight) in weights.indexed_iter() {
            let (query, key) = (rows.start + r, cols.start + c);
            if query < rows.end && key < cols.end {
                let at = query * self.rows / plan.n_q * self.cols + key * self.cols / plan.n_k;
                let known = &mut self.values[at];
                if weight.is_nan() || weight > *known {
                    *known = weight;
                }
            }
        }
    }
}

fn level(weight: f64, limit: f64) -> u8 {
    match weight.is_finite() {
        true if limit > 0.0 => ((weight / limit).clamp(0.0, 1.0) * f64::from(WHOLE)).round() as u8,
        true => 0,
        false => NO_NUMBER,
    }
}

/// Ghosts of the scene on screen.
#[derive(Default)]
pub struct Keeper(Latest<u64, Option<Arc<Ghosts>>>);

impl Keeper {
    /// `None` while they are being made, or where there are none.
    pub fn get(&mut self, ctx: &Context, scene: &Arc<FinishedRun>, generation: u64) -> Option<Arc<Ghosts>> {
        let scene = scene.clone();
        let made = self.0.by_worker(ctx, generation, move |signals| Ok(Ghosts::of(&scene, signals).map(Arc::new)));
        made?.ok()?.clone()
    }

    /// Takes in what a worker has made, asked for or not.
    pub fn update(&mut self) {
        self.0.update();
    }

    pub fn is_busy(&self) -> bool {
        self.0.is_busy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::settings::Settings;
    use crate::attention::input::preset;
    use crate::schedule::{RunSpec, Tiling, algorithm};

    #[test]
    fn ghosts_are_the_weights_of_the_rows_stories() {
        for name in ["flash1", "flash2", "split-kv"] {
            for (br, bc, causal) in [(4, 4, false), (4, 4, true), (5, 3, true), (16, 1, false)] {
                let input = Arc::new(preset::toy());
                let settings = Settings {
                    algorithm: algorithm::by_name(name).unwrap().clone(),
                    ..Settings::for_input(&input).with_blocks(Tiling { br, bc })
                };
                let settings = Settings { run: RunSpec { causal: Some(causal), ..settings.run }, ..settings };
                let scene = FinishedRun::build(input, settings, &Signals::default()).unwrap();
                let ghosts = Ghosts::of(&scene, &Signals::default()).unwrap();
                let mut compared = 0;
                for query in 0..16 {
                    let story = scene.run.story_of(&scene.schedule().algorithm, query);
                    for visit in &story.visits {
                        for (n, weight) in visit.weights.iter().enumerate() {
                            assert_eq!(
                                ghosts.values[query * ghosts.cols + visit.first_key + n],
                                *weight,
                                "{name} {br}x{bc} {query}"
                            );
                            compared += 1;
                        }
                    }
                }
                assert!(compared >= 136, "{name} {br}x{bc}: {compared}");
                assert!(!ghosts.is_made((0, 0), 0) && ghosts.is_made((0, 0), scene.schedule().len()));
            }
        }
    }

    /// What a ghost is of, by the name of its text: what is subtracted from a score before its exponential.
    fn shift(name: &str, scores: &[f64], (key, block, splits): (usize, usize, usize)) -> f64 {
        let most = |from: usize, to: usize| scores[from..to.min(scores.len())].iter().copied().fold(f64::MIN, f64::max);
        let first = key - key % block;
        let blocks = scores.len().div_ceil(block);
        match name {
            "flash1" => most(first, first + block),
            "flash2" | "flash2-lanes" => most(0, first + block),
            "split-kv" => {
                // A split is so many whole blocks.
                let of_split = blocks.div_ceil(splits) * block;
                most(key - key % of_split, first + block)
            }
            _ => most(0, scores.len()),
        }
    }

    /// The weights of every forward text, and P again of every backward one, by dot products and exponentials.
    #[test]
    fn ghosts_are_exponentials_of_scores() {
        for algorithm in algorithm::of_program() {
            let name = algorithm.name();
            // The maximum of the one may be stale; the others load and store their weights, so that nothing is a ghost.
            if ["flash2-lazy", "standard", "standard-backward"].contains(&name) {
                continue;
            }
            for (br, bc) in [(4, 4), (5, 4), (16, 2)] {
                let input = Arc::new(preset::toy());
                let settings = Settings {
                    algorithm: algorithm.clone(),
                    ..Settings::for_input(&input).with_blocks(Tiling { br, bc })
                };
                let scene = FinishedRun::build(input.clone(), settings, &Signals::default()).unwrap();
                let ghosts = Ghosts::of(&scene, &Signals::default()).unwrap();
                let problem = &input.problem;
                for query in 0..16 {
                    let dot = |key: usize| (0..4).map(move |c| problem.q[[0, 0, query, c]] * problem.k[[0, 0, key, c]]);
                    let scores: Vec<f64> = (0..16).map(|key| dot(key).sum::<f64>() * problem.scale).collect();
                    let sum: f64 = scores.iter().map(|score| (score - scores[0]).exp()).sum();
                    for key in 0..16 {
                        let expected = match algorithm.is_backward() {
                            true => (scores[key] - scores[0]).exp() / sum,
                            false => (scores[key] - shift(name, &scores, (key, bc, 2))).exp(),
                        };
                        let shown = ghosts.values[query * ghosts.cols + key];
                        let is_same = (shown - expected).abs() <= 1e-5 * expected.max(1e-2);
                        assert!(is_same, "{name} {br}x{bc} {query},{key}: {shown} for {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_level_is_the_part_of_the_largest_weight() {
        let levels = [0.0, 1.0, 2.0, 4.0].map(|weight| level(weight, 4.0));
        assert_eq!(levels, [0, 64, 127, WHOLE]);
        assert_eq!([f64::NAN, f64::INFINITY].map(|weight| level(weight, 4.0)), [NO_NUMBER; 2]);
        assert_eq!([level(0.0, 0.0), level(f64::NAN, 0.0)], [0, NO_NUMBER], "where every weight is 0");
    }

    #[test]
    fn no_ghosts_where_a_look_would_take_long() {
        let input = Arc::new(crate::attention::input::random::read("random:2048,2048,64", 0).unwrap());
        let settings = Settings::for_input(&input).with_blocks(Tiling { br: 2048, bc: 8 });
        let scene = FinishedRun::build(input, settings, &Signals::default()).unwrap();
        assert_eq!(Ghosts::of(&scene, &Signals::default()), None);
    }
}
