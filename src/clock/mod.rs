//! The clock: how long the thread blocks of a text would take on a chip. Modelled from what each block moves and computes,
//! by the chip's figures: no step is carried out, no time passes, and no number here is measured.
//!
//! A chip is SMs with slots for thread blocks ([`occupancy`]), which take the blocks of a grid in some order ([`queue`]);
//! three roofs bound what it does a second ([`roofs`]); between SMs and HBM lies a cache ([`l2`]). What of a block goes on at
//! once is between two extremes, where the lanes of its text say ([`in_lanes`]), by a list schedule of its steps ([`list`]). [`what_if`] puts them
//! together for a shape, block sizes and a chip.

mod in_lanes;
mod l2;
mod list;
mod occupancy;
mod queue;
mod roofs;
mod what_if;

pub use l2::Cache;
pub use occupancy::{BlocksPerSm, Limit};
pub use queue::{Order, Slotted, makespan, place, share_of_waves, waves};
pub use roofs::{Bound, Roof, Roofs};
pub use what_if::{GridQuestion, Modelled, ModelledGrid, NOT_MODELLED, Times};
