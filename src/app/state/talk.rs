//! A talk that is being held, what it gives back at its end, and the votes of the class.

use crate::app::message::window::Side;
use crate::app::run::document::OpenInput;
use crate::app::run::link::Landing;
use crate::app::run::pair::Choices;
use crate::app::run::selection::RowMark;
use crate::app::state::lesson::Of;
use crate::playback::lesson::{Distance, Position};

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
