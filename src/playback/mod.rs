//! The player and the lessons, as functions of a position. No files, clock, threads or window: time comes in as `Tick`,
//! texts come in, answers go out.

mod boundary;
mod command;
pub mod lesson;
mod player;

pub use boundary::{next, previous};
pub use command::{Command, Unit};
pub use player::{MAX_SPEED, MIN_SPEED, Player, STEPS_PER_S};
