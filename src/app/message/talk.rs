//! What is asked of a talk, and of the first two minutes.

/// The first two minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TourMessage {
    Start,
    Next,
    /// Leave it and look around.
    Explore,
}

/// What a remote's keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkMessage {
    /// From where the lesson is: what is on screen.
    Here,
    /// From its first beat.
    FromStart,
    Stop,
    Blank,
    /// Back to the beat after a look at something else.
    Return,
    Notes,
    Vote,
    /// All but what the pointer points at is dimmed.
    Spotlight,
    /// The sentence in the other language, below it.
    BothLanguages,
}
