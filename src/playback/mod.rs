//! The player, a cursor over a schedule that only commands move, and lessons as functions of a position.
//!
//! Neither has a clock, files or a window: time comes in as `Tick`, texts come in as texts.

mod boundary;
mod command;
pub mod lesson;
mod player;

pub use boundary::{next, previous};
pub use command::{Command, Unit};
pub use player::{MAX_SPEED, MIN_SPEED, Player, STEPS_PER_S};
