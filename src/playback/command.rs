//! Everything that can happen to the cursor.

/// A way to move the player. Nothing else moves it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// At the end: from the start again.
    Play,
    Pause,
    Toggle,
    StepForward(Unit),
    StepBack(Unit),
    /// So many steps done; past the end is the end.
    SeekTo(u64),
    /// 0 is the start, 1 the end.
    SeekFraction(f64),
    Home,
    End,
    /// Clamped to [`super::MIN_SPEED`] and [`super::MAX_SPEED`].
    SetSpeed(f64),
    /// So many seconds have passed.
    Tick(f64),
    /// Play what lies between two cursors over and over.
    Loop(u64, u64),
    /// The loop starts, or ends, at the cursor.
    LoopFromHere,
    LoopToHere,
    /// Loop the unit that holds the step done last.
    LoopUnit(Unit),
    NoLoop,
}

/// How far one step goes: to the next place where one of these begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// One operation of the schedule.
    Operation,
    /// Several operations that a viewer sees as one: load, score, softmax, rescale, accumulate, store.
    Beat,
    /// All operations of one tile.
    Tile,
    /// One iteration of the outer loop: a query block, or a key block where keys are outside (flash1).
    QueryBlock,
}

impl Unit {
    pub const ALL: [Unit; 4] = [Unit::Operation, Unit::Beat, Unit::Tile, Unit::QueryBlock];
}
