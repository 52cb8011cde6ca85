//! What a lesson is asked for, and what is clicked in answer to it.

use crate::playback::lesson::Scene;
use crate::schedule::Tensor;

/// What a lesson is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum LessonMessage {
    Next,
    Previous,
    /// Judge what was answered or built.
    Check,
    /// Show the answer, or a way to build it.
    GiveUp,
    /// The scene of the beat, as it was.
    Restore,
    /// The picture of the beat, with what was changed in it, after a look at something else.
    Return,
    /// Another scene, made with the open controls.
    Try(Box<Scene>),
    /// A change that finds what is to be found.
    ShowWay,
    /// Where a build goes wrong: the row, after this key block or at its end.
    LookAt(usize, Option<usize>),
    /// Judge what was answered to a question that came back.
    CheckReturning(usize),
    /// None of those that came back now.
    SkipReturning,
    Close,
}

/// What was clicked, where a lesson asks for a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Tensor(Tensor),
    /// Query block and key block.
    Tile(usize, usize),
}
