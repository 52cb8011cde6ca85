//! The stories of the row that the needle shows, as the run has it and as it should be: made once per row, at once where
//! that is cheap, else by a worker.

use std::sync::Arc;

use eframe::egui::Context;

use crate::app::run::latest::Latest;
use crate::app::run::scene::FinishedRun;
use crate::attention::{Precision, oracle};
use crate::machine::{RowStory, RowVisit};

/// FinishedRun and row.
type RowKey = (u64, usize);

/// What happens to the row in the run on screen, and what should.
pub struct RowTold {
    pub own: RowStory,
    pub right: RowStory,
    /// After each visit of the run on screen, how far the average so far is from that of the same keys in f64: the
    /// largest component. `None` of a row of too many keys.
    pub errors: Option<Vec<f64>>,
}

/// Keys of a row above which its errors are not computed: each visit is held against all keys so far.
pub const LONGEST_ROW: usize = 16_384;

impl RowTold {
    fn of(scene: &FinishedRun, query: usize) -> Self {
        let algorithm = &scene.schedule().algorithm;
        let right = algorithm.base().unwrap_or(algorithm);
        let own = scene.run.story_of(algorithm, query);
        let right = if right == algorithm { own.clone() } else { scene.run.story_of(right, query) };
        let is_short = scene.plan().n_k <= LONGEST_ROW && scene.run.has_numbers();
        let errors = is_short.then(|| errors(scene, query, &own));
        Self { own, right, errors }
    }
}

fn errors(scene: &FinishedRun, query: usize, story: &RowStory) -> Vec<f64> {
    let settings = &scene.settings;
    let mut head = scene.input.problem.head::<f64>(settings.run.batch(), settings.run.head(), Precision::F64);
    // Splits average their keys alone: a sink enters when they are combined.
    head.sink = head.sink.filter(|_| !scene.schedule().algorithm.has_splits());
    let of_visit = |visit: &RowVisit| {
        let exact = oracle::row_until(&head, query, visit.first_key + visit.scores.len()).o;
        let distance = |(c, exact): (usize, f64)| (visit.average_of(&visit.new, c).unwrap_or(0.0) - exact).abs();
        // NaN is the largest of all.
        exact
            .into_iter()
            .enumerate()
            .map(distance)
            .fold(0.0, |most: f64, x| if x.is_nan() || x > most { x } else { most })
    };
    story.visits.iter().map(of_visit).collect()
}

#[derive(Default)]
pub struct Stories(Latest<RowKey, Arc<RowTold>>);

impl Stories {
    /// The stories of `query`; `None` while they are being made.
    pub fn get(
        &mut self,
        ctx: &Context,
        scene: &Arc<FinishedRun>,
        generation: u64,
        query: usize,
    ) -> Option<Arc<RowTold>> {
        let key = (generation, query);
        if scene.is_cheap() {
            return self.0.at_once(key, || Arc::new(RowTold::of(scene, query))).cloned();
        }
        let scene = scene.clone();
        self.0.by_worker(ctx, key, move |_| Ok(Arc::new(RowTold::of(&scene, query))))?.ok().cloned()
    }

    /// Takes in what a worker has made, asked for or not.
    pub fn update(&mut self) {
        self.0.update();
    }

    pub fn is_busy(&self) -> bool {
        self.0.is_busy()
    }
}
