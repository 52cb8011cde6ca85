//! Reads a schedule: numbers, meters, and state after any step in bounded memory.

mod chip;
mod effects;
mod lazy;
mod memory;
pub mod meter;
mod numbers;
mod recording;
mod run;
mod view;

pub use chip::{Slot, Slots};
pub use effects::{Block, Effects};
pub use meter::{Meter, MeterIndex, Totals};
pub use numbers::{Hidden, Machine, Meaning, carry_out};
pub use recording::{CHECKPOINT_BUDGET, Checkpoints, Recording, output, run};
pub use run::{RowHistory, Run, Visit};
pub use view::View;
