//! Reads a schedule: numbers, meters, and state after any step in bounded memory.

mod chip;
mod effects;
pub mod language;
mod lazy;
mod memory;
pub mod meter;
mod numbers;
mod provenance;
mod recording;
mod run;
mod story;
mod view;
mod watch;

pub use chip::{Slot, Slots};
pub use effects::{Block, Effects};
pub use meter::{Meter, MeterIndex, Totals};
pub use numbers::{Hidden, Machine, Meaning, carry_out};
pub use provenance::provenance;
pub use recording::{CHECKPOINT_BUDGET, Checkpoints, Recording, output, run};
pub use run::{RowHistory, Run, Visit};
pub use story::{RowStory, RowSums, RowVisit};
pub use view::View;
pub use watch::Probe;
