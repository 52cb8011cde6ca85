//! What leaves and comes back: a run as JSON (versioned, read back and checked), as CSV, and for the Perfetto viewer.
//!
//! Takes bytes and gives bytes; whoever calls opens the files.

mod describe;
mod error;
mod format;
mod json;
mod number;
mod sink;
mod walk;

pub use describe::Export;
pub use error::TraceError;
pub use format::*;
pub use json::{Summary, write_json};
pub use number::{Number, Values};
pub use walk::Tiles;

/// The JSON Schema of a trace, made from its types.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Trace)
}
