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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn works() -> impl Strategy<Value = BeatWork> {
        let filling = prop::collection::vec(prop::option::of(0usize..9), 0..5);
        let done = any::<[bool; 3]>().prop_map(|[question, change, build]| DoneAlone { question, change, build });
        (".{0,6}", prop::option::of(0usize..5), 0u32..9, filling, any::<bool>(), done).prop_map(
            |(typed, chosen, tries, filling, is_shown, done)| BeatWork {
                typed,
                chosen,
                tries,
                filling,
                is_shown,
                done,
                ..BeatWork::default()
            },
        )
    }

    proptest! {
        /// What is kept, through its file, is the work again; cards only where there are any.
        #[test]
        fn work_is_kept_through_its_file(work in works()) {
            let text = serde_json::to_string(&work.kept()).expect("JSON");
            let kept: KeptWork = serde_json::from_str(&text).expect("it is read");
            prop_assert_eq!(&kept, &work.kept());
            let again = BeatWork::of(Some(&kept), Scene::default(), Some(work.filling.len()));
            prop_assert_eq!(again.kept(), kept);
            prop_assert_eq!(again.filling, work.filling);
            prop_assert!(again.verdict.is_none() && again.grade.is_none() && again.unread.is_none());
        }

        /// The lesson may have other holes by now: there are as many as it has, the first as they were filled.
        #[test]
        fn a_lesson_with_other_holes_has_its_own(work in works(), holes in 0usize..7) {
            let again = BeatWork::of(Some(&work.kept()), Scene::default(), Some(holes)).filling;
            prop_assert_eq!(again.len(), holes);
            for (n, hole) in again.into_iter().enumerate() {
                prop_assert_eq!(hole, work.filling.get(n).copied().flatten());
            }
        }
    }

    #[test]
    fn what_is_done_is_counted() {
        for n in 0..8usize {
            let [question, change, build] = [1, 2, 4].map(|bit| n & bit > 0);
            assert_eq!(DoneAlone { question, change, build }.count(), n.count_ones() as usize);
        }
    }

    /// Fields that a later version adds, or an earlier one lacks, cost nothing.
    #[test]
    fn a_file_of_another_version_is_read() {
        let kept: KeptWork = serde_json::from_str(r#"{"typed": "0.5", "later": [1]}"#).expect("it is read");
        assert_eq!(kept, KeptWork { typed: "0.5".into(), ..KeptWork::default() });
        assert_eq!(BeatWork::of(None, Scene::default(), Some(2)).filling, [None, None]);
    }
}
