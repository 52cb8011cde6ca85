//! The player: a cursor over a schedule, moved only by commands. It has no clock and no window: time comes in as `Tick`.

mod boundary;
pub mod breakpoint;
mod command;
mod player;

pub use boundary::{next, previous};
pub use command::{Command, Unit};
pub use player::{GLIDE_S, MAX_SPEED, MIN_SPEED, Player, STEPS_PER_S};
