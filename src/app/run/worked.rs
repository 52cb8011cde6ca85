//! How a step worked out one number: what the names that it reads held, and what it made of them.

use std::ops::Range;

use ndarray::Array2;

use crate::app::run::scene::FinishedRun;
use crate::machine::View;
use crate::number::short;
use crate::schedule::language::{Extent, Names, Shape};

/// A query and, of a pair, its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberAt {
    pub query: usize,
    pub key: Option<usize>,
}

/// Names of the text, each with what it held of the row or pair that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    pub read: Vec<String>,
    pub made: Vec<String>,
}

/// So many numbers of a row are told.
const MOST: usize = 4;

impl Worked {
    /// Of step `n` (from 0).
    pub fn of(scene: &FinishedRun, n: u64, asked: NumberAt) -> Self {
        let schedule = scene.schedule();
        let Some(step) = schedule.step(n).filter(|_| scene.run.has_numbers()) else { return Self::default() };
        let effects = schedule.effects(&step);
        let [before, after] = [n, n + 1].map(|cursor| scene.run.view(cursor));
        let told = |view: &View, names: Names| {
            let text = schedule.algorithm.text();
            let of = |name: &str| text.name(name).is_some_and(|id| names.has(id));
            let held = view.iter().filter(|held| of(&held.name));
            held.filter_map(|held| Some(format!("{} = {}", held.name, tell(&held.values, held.shape, view, asked)?)))
                .collect()
        };
        Self { read: told(&before, effects.reads), made: told(&after, effects.writes) }
    }
}

/// Such as `6.508`; of a block that has other rows, nothing.
fn tell(values: &Array2<f64>, shape: Shape, view: &View, asked: NumberAt) -> Option<String> {
    let place = |range: &Range<usize>, token: usize| range.contains(&token).then(|| token - range.start);
    let row = match shape.rows {
        Extent::Keys => place(&view.cols, asked.key?),
        _ => place(&view.rows, asked.query),
    };
    let row = values.rows().into_iter().nth(row?)?;
    let numbers: Vec<f64> = match (shape.cols, asked.key) {
        (Extent::Keys | Extent::AllKeys, Some(key)) => vec![*row.get(place(&view.cols, key)?)?],
        _ => row.to_vec(),
    };
    let told: Vec<String> = numbers.iter().take(MOST).map(|&x| short(x)).collect();
    Some(match &told[..] {
        [one] => one.clone(),
        _ if numbers.len() > MOST => format!("[{} ..]", told.join(" ")),
        _ => format!("[{}]", told.join(" ")),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::run::job::Signals;
    use crate::app::run::settings::Settings;
    use crate::attention::input::preset;
    use crate::schedule::{Tiling, algorithm};

    fn scene() -> FinishedRun {
        let input = Arc::new(preset::row());
        let algorithm = algorithm::by_name("flash2").unwrap().clone();
        let settings = Settings { algorithm, ..Settings::for_input(&input).with_blocks(Tiling { br: 1, bc: 2 }) };
        FinishedRun::build(input, settings, &Signals::default()).unwrap()
    }

    /// The last of the steps that `label` names.
    fn last(scene: &FinishedRun, label: &str) -> u64 {
        let schedule = scene.schedule();
        (0..schedule.len()).rfind(|&n| schedule.algorithm.operation(schedule.step(n).unwrap().line) == label).unwrap()
    }

    /// Weights 1, 2 / 8, 1 / 4, 4 of the values 10 to 60, by hand: scores are their logarithms, the maximum ln 8.
    #[test]
    fn a_step_tells_what_it_read_and_made() {
        let scene = scene();
        let of = |label: &str, key| Worked::of(&scene, last(&scene, label), NumberAt { query: 0, key });
        let worked = |read: &[&str], made: &[&str]| Worked {
            read: read.iter().map(ToString::to_string).collect(),
            made: made.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(of("exponentiate", Some(5)), worked(&["S = 1.386", "m = 2.079"], &["P = 0.5000"]));
        assert_eq!(of("exponentiate", None), worked(&["S = [1.386 1.386]", "m = 2.079"], &["P = [0.5000 0.5000]"]));
        // In the scale of 8 so far: 1/8, 2/8, 1 and 1/8, of 10, 20, 30 and 40.
        let rescaled = of("rescale", None);
        assert_eq!(rescaled.read, ["O = 41.25", "l = 1.500", "alpha = 1.000"]);
        assert_eq!(rescaled.made, ["O = 41.25", "l = 1.500"]);
        // Of another pair than those of its tile a step tells nothing of the tile.
        assert_eq!(of("exponentiate", Some(0)), worked(&["m = 2.079"], &[]));
        // A run of which no number is held tells none, and so does a step that is not there.
        assert_eq!(Worked::of(&scene, scene.schedule().len(), NumberAt { query: 0, key: None }), Worked::default());
    }
}
