//! What is computed, read and written, on workers. It draws nothing.

pub mod document;
pub mod export;
pub mod file_dialog;
pub mod flows;
pub mod ghosts;
pub mod gpu;
pub mod job;
pub mod lesson_file;
pub mod lesson_folder;
pub mod link;
pub mod lock;
pub mod open_file;
pub mod open_trace;
pub mod overview;
pub mod pair;
pub mod refusal;
pub mod row;
pub mod said;
pub mod scene;
pub mod selection;
pub mod settings;
pub mod share;
pub mod snapshot;
pub mod source;
pub mod stored;
pub mod watched;
