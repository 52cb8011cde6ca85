//! What leaves and comes back: a run as JSON (versioned, read back and checked), as CSV, and for the Perfetto viewer.
//!
//! Takes bytes and gives bytes; whoever calls opens the files.

mod csv;
mod describe;
mod diff;
mod error;
mod follows;
mod format;
mod json;
mod number;
mod perfetto;
mod read;
mod sink;
mod timeline;
mod validate;
mod walk;

pub use csv::{HEADER as CSV_HEADER, write_csv};
pub use describe::Export;
pub use diff::{Difference, diff};
pub use error::TraceError;
pub use follows::follows;
pub use format::*;
pub use json::{Summary, write_json};
pub use number::{Number, Values};
pub use perfetto::write_perfetto;
pub use read::read;
pub use timeline::{Timed, tracks, write_timeline};
pub use walk::Tiles;

/// The JSON Schema of a trace, made from its types.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Trace)
}
