//! What is computed, read and written, on workers. It draws nothing.

pub mod document;
pub mod export;
pub mod file_dialog;
pub mod gpu;
pub mod job;
pub mod link;
pub mod open_file;
pub mod open_trace;
pub mod overview;
pub mod refusal;
pub mod row;
pub mod scene;
pub mod settings;
pub mod snapshot;
pub mod stored;
