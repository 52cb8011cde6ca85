//! A talk that is being held, what it gives back at its end, and the votes of the class.

use crate::app::message::window::Side;
use crate::app::run::document::OpenInput;
use crate::app::run::lesson_file;
use crate::app::run::link::Landing;
use crate::app::run::pair::Choices;
use crate::app::run::selection::RowMark;
use crate::app::state::lesson::{Of, OpenLesson};
use crate::files;
use crate::playback::lesson::{Distance, Language, Lesson, Position};

/// What was on screen before a talk.
#[derive(Clone, Debug)]
pub struct Before {
    pub zoom: f32,
    /// Nothing yet, where the program began with the talk: there the stage stays where the talk came to.
    pub stage: Option<StageBefore>,
}

/// The stage as it was before a talk.
#[derive(Clone, Debug)]
pub struct StageBefore {
    /// `None` while an input was on its way: the beat has it.
    pub kept: Option<OpenInput>,
    pub landing: Landing,
    pub distance: Distance,
    pub is_comparing: bool,
    /// The other run of a comparison.
    pub compared: Choices,
    pub mark: RowMark,
    pub side: Side,
    pub hides_figure: bool,
    /// The beat of the lesson that was open.
    pub beat: Option<(Of, Position)>,
}

/// What a talk remembers.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    pub is_blank: bool,
    pub has_notes: bool,
    pub vote: Option<Vote>,
    pub has_spotlight: bool,
    pub has_both_languages: bool,
    /// The lesson in the other language, once it was asked for.
    pub second: SecondText,
    /// Seconds of the clock at which it began.
    pub began: f64,
    pub before: Option<Before>,
    /// Another input than that of the beat is looked at: the lesson says nothing of it.
    pub is_away: bool,
    /// The lesson's last beat is behind.
    pub is_over: bool,
    /// What the person made of the size, as a factor.
    pub scale: f32,
}

impl Talk {
    /// The spotlight is seen.
    pub fn is_lit(&self) -> bool {
        self.has_spotlight && !self.is_blank && !self.is_over
    }
}

/// What a lesson says in the other language: read once, said anew at each beat.
#[derive(Clone, Debug, Default)]
pub struct SecondText {
    read: Option<((Of, Language), Option<Lesson>)>,
    said: Option<(Position, Option<String>)>,
}

impl SecondText {
    /// What `open`, which is on screen in another language, says here in `language`; `None` where it is not written in it.
    pub fn said(&mut self, open: &OpenLesson, language: Language) -> Option<&str> {
        let key = (open.of.clone(), language);
        if self.read.as_ref().is_none_or(|(known, _)| *known != key) {
            let lesson = match &open.of {
                Of::BuiltIn(entry) => entry.lesson(language).ok(),
                Of::File(path) => {
                    let other = files::lesson_in(path, language.code()).filter(|other| other != path);
                    other.and_then(|other| lesson_file::read(&other).ok())
                }
            };
            (self.read, self.said) = (Some((key, lesson)), None);
        }
        if self.said.as_ref().is_none_or(|(at, _)| *at != open.position) {
            let lesson = self.read.as_ref().and_then(|(_, lesson)| lesson.as_ref());
            self.said = Some((open.position, lesson.and_then(|lesson| open.said_in(lesson))));
        }
        self.said.as_ref().and_then(|(_, said)| said.as_deref())
    }
}

/// A vote of the class: counts by choice, one row for each round.
#[derive(Clone, Debug, Default)]
pub struct Vote {
    pub rounds: Vec<Vec<u32>>,
}

impl Vote {
    pub fn new(choices: usize) -> Self {
        Self { rounds: vec![vec![0; choices]] }
    }

    pub fn now(&mut self) -> Option<&mut Vec<u32>> {
        self.rounds.last_mut()
    }

    pub fn add(&mut self, choice: usize, by: i64) {
        if let Some(count) = self.now().and_then(|counts| counts.get_mut(choice)) {
            *count = count.saturating_add_signed(by as i32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_are_counted_in_the_last_round_and_never_below_none() {
        let mut vote = Vote::new(3);
        for (choice, by) in [(0, 1), (2, 1), (2, 1), (1, -1), (0, -1), (0, -1), (3, 1)] {
            vote.add(choice, by);
        }
        assert_eq!(vote.rounds, [[0, 0, 2]]);
        vote.rounds.push(vec![0; 3]);
        vote.add(1, 1);
        assert_eq!(vote.rounds, [[0, 0, 2], [0, 1, 0]]);
        let mut none = Vote::default();
        none.add(0, 1);
        assert_eq!(none.rounds, Vec::<Vec<u32>>::new());
    }

    #[test]
    fn a_spotlight_is_out_on_a_blank_screen_and_after_the_end() {
        let lit = Talk { has_spotlight: true, ..Talk::default() };
        assert!(lit.is_lit() && !Talk::default().is_lit());
        assert!(!Talk { is_blank: true, ..lit.clone() }.is_lit());
        assert!(!Talk { is_over: true, ..lit }.is_lit());
    }
}
