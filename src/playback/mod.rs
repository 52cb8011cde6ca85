//! The player, a cursor over a schedule that only commands move, and lessons as functions of a position.
//!
//! Neither has a clock, files or a window: time comes in as `Tick`, texts come in as texts.

mod boundary;
pub mod breakpoint;
mod command;
pub mod lesson;
mod loop_range;
mod player;

pub use boundary::{next, previous};
pub use command::{Command, Unit};
pub use loop_range::LoopRange;
pub use player::{GLIDE_S, MAX_SPEED, MIN_SPEED, Player, STEPS_PER_S};
