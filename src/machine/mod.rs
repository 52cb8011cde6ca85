//! Carries out a schedule: numbers, meters, and state after any step in bounded memory.

mod chip;
mod compile;
mod evaluate;
mod fault;
mod given;
mod hbm;
mod inputs;
mod lazy;
pub mod meter;
mod names;
mod product;
mod provenance;
mod recording;
mod reported;
mod results;
mod rows;
mod run;
mod story;
mod sums;
mod view;
mod watch;

pub use compile::Program;
pub use evaluate::Machine;
pub use fault::Fault;
pub use given::Given;
pub use hbm::{Block, MOST_BYTES};
pub use inputs::{column, inputs};
pub use meter::{Meter, MeterIndex, Totals};
pub use names::Online;
pub use provenance::provenance;
pub use recording::{CHECKPOINT_BUDGET, Checkpoints, Recording, carry_out, run};
pub use results::Results;
pub use run::{RowHistory, Run, Visit};
pub use story::{RowStory, RowSums, RowVisit};
pub use view::{Seen, View, shapes};
pub use watch::Probe;
