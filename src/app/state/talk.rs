//! A talk that is being held, what it gives back at its end, and the votes of the class.

use std::collections::BTreeMap;

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
    /// The beat whose next answer the teacher asked for in the notes.
    pub answer_asked_at: Option<Position>,
    /// That of the beat on screen, while it is shown.
    pub vote: Option<Vote>,
    /// Those that are not shown, by the lesson and the beat.
    pub votes: BTreeMap<(String, usize), Vote>,
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
    /// What the person made of the size, as a factor, and how much of it fits what is on screen.
    pub size: TalkSize,
}

impl Talk {
    /// Shows the vote of a beat, as far as it has come, or puts it away.
    pub fn turn_vote(&mut self, lesson: &str, beat: usize, choices: usize) {
        if self.vote.is_some() {
            return self.put_vote_away();
        }
        let at = (lesson.to_owned(), beat);
        // A text that was written anew may have other choices.
        let kept = self.votes.remove(&at).filter(|vote| vote.rounds.iter().all(|round| round.len() == choices));
        self.vote = (choices > 0).then(|| kept.unwrap_or_else(|| Vote::new(at, choices)));
    }

    /// What was counted so far stays.
    pub fn put_vote_away(&mut self) {
        self.votes.extend(self.vote.take().map(|vote| (vote.at.clone(), vote)));
    }

    /// Another beat is on screen than the one that was voted on.
    pub fn is_at(&mut self, lesson: &str, beat: usize) {
        if self.vote.as_ref().is_some_and(|vote| (vote.at.0.as_str(), vote.at.1) != (lesson, beat)) {
            self.put_vote_away();
        }
    }

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

/// How large a talk is beside what its screen gives, as a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct TalkSize {
    /// What the person asked for.
    wanted: f32,
    /// The most at which nothing of what is on screen is cut, as far as it was seen.
    fits: f32,
    /// Of what.
    seen: u64,
    /// It was asked for and not seen yet.
    is_asked: bool,
}

impl Default for TalkSize {
    fn default() -> Self {
        Self { wanted: 1.0, fits: f32::INFINITY, seen: 0, is_asked: false }
    }
}

impl TalkSize {
    /// Each step of the size is by this factor.
    pub const STEP: f32 = 1.1;

    pub fn now(&self) -> f32 {
        self.wanted.min(self.fits)
    }

    pub fn ask(&mut self, size: f32) {
        (self.wanted, self.is_asked) = (size, true);
    }

    /// What is on screen, by a number that is its own: of anything new it is not known yet what fits.
    pub fn look_at(&mut self, seen: u64) {
        if self.seen != seen {
            (self.seen, self.fits) = (seen, f32::INFINITY);
        }
    }

    /// It was drawn in this size, and some of it is cut: gives whether it gets smaller. What the screen gives fits.
    pub fn is_cut(&mut self) -> bool {
        let now = self.now();
        let is_large = now > 1.0;
        if is_large {
            self.fits = (now / Self::STEP).max(1.0);
        }
        is_large
    }

    /// It was drawn whole: gives whether that is less than was asked for in the last moment. From then on this is asked.
    pub fn is_whole(&mut self) -> bool {
        let is_less = std::mem::take(&mut self.is_asked) && self.fits < self.wanted;
        if is_less {
            self.wanted = self.fits;
        }
        is_less
    }
}

/// A vote of the class: counts by choice, one row for each round. How many hands a choice has is seen once the round is
/// closed, since hands follow hands.
#[derive(Clone, Debug)]
pub struct Vote {
    /// The lesson and the beat.
    at: (String, usize),
    rounds: Vec<Vec<u32>>,
    /// Hands of the last round are counted.
    is_open: bool,
}

impl Vote {
    fn new(at: (String, usize), choices: usize) -> Self {
        Self { at, rounds: vec![vec![0; choices]], is_open: true }
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// The rounds that are over.
    pub fn told(&self) -> &[Vec<u32>] {
        &self.rounds[..self.rounds.len() - usize::from(self.is_open)]
    }

    /// All hands of the last round.
    pub fn hands(&self) -> u32 {
        self.rounds.last().map_or(0, |counts| counts.iter().sum())
    }

    /// Counts a hand up or down, while the round is open.
    pub fn add(&mut self, choice: usize, by: i32) {
        if let Some(count) = self.rounds.last_mut().filter(|_| self.is_open).and_then(|counts| counts.get_mut(choice)) {
            *count = count.saturating_add_signed(by);
        }
    }

    /// Ends the round. A further one without a hand was none.
    pub fn close_round(&mut self) {
        if self.is_open && self.hands() == 0 && self.rounds.len() > 1 {
            self.rounds.pop();
        }
        self.is_open = false;
    }

    pub fn again(&mut self) {
        self.close_round();
        let choices = self.rounds.last().map_or(0, Vec::len);
        self.rounds.push(vec![0; choices]);
        self.is_open = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_talk_is_what_was_asked_for_as_far_as_it_fits() {
        let mut size = TalkSize::default();
        size.look_at(1);
        assert!(!size.is_cut() && !size.is_whole(), "what the screen gives is as small as it gets");
        size.ask(1.331);
        assert!(size.is_cut() && size.is_cut());
        assert!((size.now() - 1.1).abs() < 1e-6, "{}", size.now());
        assert!(size.is_whole() && !size.is_whole(), "it is told once");
        // What fits elsewhere is not known, and no more is asked for than fitted here.
        size.look_at(2);
        assert!((size.now() - 1.1).abs() < 1e-6);
        assert!(size.is_cut());
        assert_eq!(size.now(), 1.0);
        assert!(!size.is_whole() && !size.is_cut());
        // Back at what fits more, it is as large as it was asked for.
        size.look_at(1);
        assert!((size.now() - 1.1).abs() < 1e-6);
        size.ask(0.5);
        assert!(!size.is_cut());
        assert_eq!(size.now(), 0.5);
    }

    #[test]
    fn hands_are_seen_when_the_round_is_over() {
        let mut vote = Vote::new(("a".into(), 0), 3);
        vote.add(1, 1);
        vote.add(1, 1);
        vote.add(0, -1);
        vote.add(7, 1);
        assert_eq!((vote.told().len(), vote.hands()), (0, 2));
        vote.close_round();
        vote.add(0, 1);
        assert_eq!(vote.told(), [vec![0, 2, 0]]);
        vote.again();
        vote.add(2, 1);
        assert_eq!((vote.told(), vote.hands()), ([vec![0, 2, 0]].as_slice(), 1));
        vote.close_round();
        assert_eq!(vote.told(), [vec![0, 2, 0], vec![0, 0, 1]]);
        vote.again();
        vote.close_round();
        assert_eq!(vote.told().len(), 2, "a round without a hand is none");
    }

    #[test]
    fn a_vote_that_is_put_away_is_kept_for_its_beat() {
        let mut talk = Talk::default();
        talk.turn_vote("a", 1, 2);
        talk.vote.as_mut().unwrap().add(0, 1);
        talk.turn_vote("a", 1, 2);
        assert!(talk.vote.is_none());
        talk.turn_vote("a", 2, 2);
        assert_eq!(talk.vote.as_ref().map(Vote::hands), Some(0));
        talk.is_at("a", 2);
        assert!(talk.vote.is_some());
        talk.is_at("a", 1);
        assert!(talk.vote.is_none());
        talk.turn_vote("a", 1, 2);
        assert_eq!(talk.vote.as_ref().map(Vote::hands), Some(1));
        talk.put_vote_away();
        // Its text has another choice by now.
        talk.turn_vote("a", 1, 3);
        assert_eq!(talk.vote.as_ref().map(Vote::hands), Some(0));
        talk.put_vote_away();
        talk.turn_vote("a", 3, 0);
        assert!(talk.vote.is_none(), "nothing is voted on");
    }

    #[test]
    fn hands_are_counted_in_the_last_round_and_never_below_none() {
        let mut vote = Vote::new(("a".into(), 0), 3);
        for (choice, by) in [(0, 1), (2, 1), (2, 1), (1, -1), (0, -1), (0, -1), (3, 1)] {
            vote.add(choice, by);
        }
        assert_eq!(vote.rounds, [[0, 0, 2]]);
        vote.close_round();
        vote.again();
        vote.add(1, 1);
        assert_eq!(vote.rounds, [[0, 0, 2], [0, 1, 0]]);
        let mut none = Vote::new(("a".into(), 0), 0);
        none.add(0, 1);
        assert_eq!(none.hands(), 0);
    }

    #[test]
    fn a_spotlight_is_out_on_a_blank_screen_and_after_the_end() {
        let lit = Talk { has_spotlight: true, ..Talk::default() };
        assert!(lit.is_lit() && !Talk::default().is_lit());
        assert!(!Talk { is_blank: true, ..lit.clone() }.is_lit());
        assert!(!Talk { is_over: true, ..lit }.is_lit());
    }
}
