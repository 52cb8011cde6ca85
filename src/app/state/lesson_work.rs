//! What a person did at one beat of a lesson: tries, answers, changes, builds; and what of it is kept for the next start.

use serde::{Deserialize, Serialize};

use crate::playback::lesson::build::Grade;
use crate::playback::lesson::{Beat, Scene, Verdict};
use crate::sentence::Sentence;

/// The work at one beat.
#[derive(Clone, Debug, Default)]
pub struct BeatWork {
    /// What was typed.
    pub typed: String,
    pub chosen: Option<usize>,
    /// Answers that were judged.
    pub tries: u32,
    /// Of the last one.
    pub verdict: Option<Verdict>,
    /// Why what was typed is no answer.
    pub unread: Option<Sentence>,
    /// What the stage shows, as the person made it.
    pub scene: Scene,
    /// What is to be found is on the stage.
    pub is_found: bool,
    /// The cards in the holes.
    pub filling: Vec<Option<usize>>,
    /// The card that the next hole gets.
    pub brush: Option<usize>,
    pub grade: Option<Grade>,
    /// The way was shown, and what follows is not the person's own: the change or the build.
    pub is_shown: bool,
    pub done: DoneAlone,
}

/// What a person got right by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DoneAlone {
    pub question: bool,
    pub change: bool,
    pub build: bool,
}

impl DoneAlone {
    /// What a beat asks for.
    pub fn all_of(beat: &Beat) -> Self {
        Self { question: beat.predict.is_some(), change: beat.change.is_some(), build: beat.build.is_some() }
    }

    pub fn count(self) -> usize {
        [self.question, self.change, self.build].into_iter().filter(|is_done| *is_done).count()
    }
}

/// What a beat asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LessonTask {
    Question,
    Change,
    Build,
}

/// One answer that was judged: of the person's own, or after the way was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// From 0.
    pub beat: usize,
    pub task: LessonTask,
    /// Of a question what was typed, chosen or clicked; of a change the keys of a scene that it set; of a build the keys of
    /// its cards, with `-` for a hole left empty.
    pub answer: String,
    pub is_right: bool,
    pub is_shown: bool,
}

/// How often a question was asked again, and whether that was enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CameBack {
    pub times: u64,
    pub is_settled: bool,
}

/// What is kept of the work at one beat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptWork {
    pub typed: String,
    /// The place of a choice in the order that the kept seed gives.
    pub chosen: Option<usize>,
    pub tries: u32,
    pub filling: Vec<Option<usize>>,
    pub is_shown: bool,
    pub done: DoneAlone,
}

impl BeatWork {
    pub fn kept(&self) -> KeptWork {
        let has_cards = self.filling.iter().any(Option::is_some);
        KeptWork {
            typed: self.typed.clone(),
            chosen: self.chosen,
            tries: self.tries,
            filling: if has_cards { self.filling.clone() } else { Vec::new() },
            is_shown: self.is_shown,
            done: self.done,
        }
    }

    /// The work that was kept, at a beat with this scene and so many holes. Its verdict and its grade are made again.
    pub fn of(kept: Option<&KeptWork>, scene: Scene, holes: Option<usize>) -> Self {
        let kept = kept.cloned().unwrap_or_default();
        let mut filling = kept.filling;
        // The lesson may have other holes by now.
        if let Some(holes) = holes {
            filling.resize(holes, None);
        }
        Self {
            typed: kept.typed,
            chosen: kept.chosen,
            tries: kept.tries,
            filling,
            is_shown: kept.is_shown,
            done: kept.done,
            scene,
            ..Self::default()
        }
    }
}
