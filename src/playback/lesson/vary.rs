//! New numbers for a question: other values of the scene, of which a seed takes one each. The lesson is checked with all.

use super::cue::changed;
use super::error::{LessonError, Result};
use super::fields::Field;
use super::scene::Scene;
use crate::sentence::Sentence;

/// Values that properties of the scene may have instead: `head: 0 | 3; prefix: 12 | 16`.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    field: Field,
    /// A key with its values.
    choices: Vec<(String, Vec<String>)>,
}

/// All combinations are checked.
const MOST: usize = 64;

impl Vary {
    pub(super) fn parse(field: Field) -> Result<Self> {
        let mut choices = Vec::new();
        for part in field.value.split(';') {
            let (key, values) =
                part.split_once(':').ok_or_else(|| field.fault("`key: value | value; key: value` is needed"))?;
            let values: Vec<String> = values.split('|').map(|value| value.trim().to_owned()).collect();
            choices.push((key.trim().to_owned(), values));
        }
        let vary = Self { field, choices };
        let count = vary.choices.iter().fold(1_usize, |count, (_, values)| count.saturating_mul(values.len()));
        if count > MOST {
            let what = "there {0|is|are} {0} {0|way|ways} to vary this, and {1} are the most";
            return Err(vary.field.fault(Sentence::new(what).with(count).with(MOST)));
        }
        Ok(vary)
    }

    /// How many scenes there are.
    fn count(&self) -> usize {
        self.choices.iter().map(|(_, values)| values.len()).product()
    }

    /// What the scene with this number, round and round, has of its own.
    fn settings(&self, number: u64) -> Vec<Field> {
        let mut rest = (number % self.count().max(1) as u64) as usize;
        let one = |(key, values): &(String, Vec<String>)| {
            let value = values[rest % values.len()].clone();
            rest /= values.len();
            Field { key: key.clone(), value, ..self.field.clone() }
        };
        self.choices.iter().map(one).collect()
    }

    /// The scene with this number.
    pub fn scene(&self, scene: &Scene, number: u64) -> Result<Scene> {
        changed(scene, &self.settings(number))
    }

    /// Every scene, with what it has of its own.
    pub(super) fn scenes<'a>(&'a self, scene: &'a Scene) -> impl Iterator<Item = (String, Result<Scene>)> + 'a {
        (0..self.count() as u64).map(|number| {
            let settings = self.settings(number);
            let said: Vec<String> = settings.iter().map(|field| format!("{}: {}", field.key, field.value)).collect();
            (said.join("; "), changed(scene, &settings))
        })
    }

    /// A fault of one of the scenes.
    pub(super) fn fault(&self, said: &str, fault: &LessonError) -> LessonError {
        self.field.fault(Sentence::new("with {0}: {1}").with(said).and(fault.sentence()))
    }
}
