//! Which programs a chip would run at once with that of the cursor: modelled by the clock, of the run as it is on its chip.

use std::collections::HashSet;
use std::sync::Arc;

use eframe::egui::Context;

use crate::app::run::latest::Latest;
use crate::app::run::scene::FinishedRun;
use crate::clock::{GridQuestion, ModelledGrid, Order};
use crate::schedule::Place;
use crate::sentence::Sentence;

/// The grids of a run, with the place of each program.
pub struct AtOnce {
    grids: Vec<ModelledGrid>,
    places: Vec<Vec<Place>>,
    /// Groups of heads before that of the run, over all batch entries.
    before: usize,
    /// How often the programs of each kernel come in the schedule.
    heads: Vec<usize>,
    pub chip: &'static str,
}

impl AtOnce {
    /// Errors where nothing is known of the format's rates, or the grid has too many blocks.
    pub fn of(scene: &FinishedRun) -> Result<Self, Sentence> {
        let (schedule, run, shape) = (scene.schedule(), &scene.settings.run, scene.input.problem.shape);
        let chip = scene.settings.hardware();
        let (algorithm, setting) = (schedule.algorithm.clone(), schedule.setting.clone());
        let before = (run.batch() * shape.heads + run.head()) / setting.heads.max(1);
        let title = chip.title;
        let question = GridQuestion { algorithm, shape, setting, chip, order: Order::default() };
        let grids = question.answer().map(|answer| answer.kernels);
        let grids = grids.ok_or("no rate of this format is known, or the blocks are too many to list")?;
        let places: Vec<Vec<Place>> = (0..grids.len()).map(|kernel| question.places(kernel)).collect();
        let programs = schedule.kernels.iter().map(|kernel| kernel.programs);
        let heads = programs.zip(&places).map(|(all, places)| all.checked_div(places.len()).unwrap_or(0)).collect();
        Ok(Self { grids, places, before, heads, chip: title })
    }

    /// The places of the programs for the same head that run while one of a kernel does, itself not among them; `None` where
    /// they are not known.
    pub fn beside(&self, (kernel, program): (usize, usize)) -> Option<Vec<Place>> {
        let (grid, places) = self.grids.get(kernel).zip(self.places.get(kernel))?;
        let each = places.len();
        // The programs of a schedule are counted over its heads.
        let copy = self.before * self.heads[kernel] + program.checked_div(each)?;
        let known: HashSet<usize> = grid.beside(copy * each + program % each)?.into_iter().collect();
        Some((0..each).filter(|at| known.contains(&(copy * each + at))).map(|at| places[at]).collect())
    }
}

/// What of it is known of the scene on screen, and whether it is shown.
#[derive(Default)]
pub struct AtOnceShown {
    pub is_on: bool,
    work: Latest<u64, Arc<AtOnce>>,
}

impl AtOnceShown {
    /// `None` while it is off, or being found out.
    pub fn get(
        &mut self,
        ctx: &Context,
        scene: &Arc<FinishedRun>,
        generation: u64,
    ) -> Option<Result<Arc<AtOnce>, Sentence>> {
        if !self.is_on {
            return None;
        }
        let scene = scene.clone();
        let made = self.work.by_worker(ctx, generation, move |_| AtOnce::of(&scene).map(Arc::new))?;
        Some(made.cloned().map_err(Clone::clone))
    }

    /// Takes in what a worker has made, asked for or not.
    pub fn update(&mut self) {
        self.work.update();
    }

    pub fn is_busy(&self) -> bool {
        self.work.is_busy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::job::Signals;
    use crate::app::run::settings::Settings;
    use crate::attention::Precision;
    use crate::attention::input::random;
    use crate::schedule::{RunSpec, Tiling, algorithm, hardware};

    /// The run on the chip of that name.
    fn scene(name: &str, input: &str, precision: Precision, chip: &str) -> FinishedRun {
        let input = Arc::new(random::read(input, 3).expect("an input"));
        let settings = Settings {
            algorithm: algorithm::by_name(name).expect("it is there").clone(),
            // Of backward passes too a block fits the toy chip.
            ..Settings::for_input(&input).with_blocks(Tiling { br: 2, bc: 4 })
        };
        let hardware = hardware::by_name(chip);
        assert!(hardware.is_some(), "{chip}");
        let run = RunSpec { precision: Some(precision), causal: Some(true), hardware, ..settings.run };
        FinishedRun::build(input, Settings { run, ..settings }, &Signals::default()).expect("it runs")
    }

    const CHIPS: [&str; 2] = [hardware::DEFAULT, "toy"];

    /// Programs are at once with each other, and none with itself; on a chip that holds all, all are, under a causal mask as
    /// long as the longest runs.
    #[test]
    fn programs_are_at_once_with_each_other() {
        for name in ["flash2", "split-kv", "flash2-backward", "two-kernel-backward"] {
            let inputs = ["random:16,16,4", "random:13,13,4,6,3"];
            for (input, chip) in inputs.into_iter().flat_map(|input| CHIPS.map(|chip| (input, chip))) {
                let scene = scene(name, input, Precision::F32, chip);
                let at_once = AtOnce::of(&scene).expect("a model");
                for (kernel, grid) in scene.schedule().kernels.iter().enumerate() {
                    let each = at_once.places[kernel].len();
                    let beside = |program: usize| at_once.beside((kernel, program)).expect("few blocks");
                    for program in 0..grid.programs {
                        let own = at_once.places[kernel][program % each];
                        let first = program - program % each;
                        let met = beside(program);
                        assert!(!met.contains(&own), "{name} {input}: {own:?} beside itself");
                        for (n, other) in at_once.places[kernel].iter().enumerate() {
                            assert_eq!(met.contains(other), beside(first + n).contains(&own), "{name} {input}");
                        }
                        // An A100 has more slots than these grids have blocks; the toy chip has four.
                        let is_room_for_all = chip == hardware::DEFAULT;
                        assert!(!is_room_for_all || met.len() == each - 1, "{name} {input} kernel {kernel}: {met:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn where_no_rate_is_known_there_is_a_reason() {
        assert!(AtOnce::of(&scene("flash2", "random:16,16,4", Precision::F64, hardware::DEFAULT)).is_err());
    }
}
