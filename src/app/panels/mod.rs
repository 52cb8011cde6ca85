//! What is drawn: one file, or one folder, is one panel.

pub mod block_sizes;
pub mod breakpoints;
pub mod check;
pub mod code;
pub mod compare;
pub mod far;
pub mod figure;
pub mod gpu;
pub mod grid;
pub mod kernel;
pub mod lesson;
pub mod memories;
pub mod memory_strip;
pub mod needle;
pub mod odd_rows;
pub mod open;
pub mod parts;
pub mod plot;
pub mod provenance;
pub mod row_numbers;
pub mod setup;
pub mod strip;
pub mod tile;
pub mod timeline;
pub mod tour;
pub mod traffic;
