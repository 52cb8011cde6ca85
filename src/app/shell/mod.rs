//! The window: one frame, who does what is asked, and pictures without a window.

pub mod app;
pub mod begin;
pub mod display;
pub mod done;
pub mod exporting;
pub mod frame_cost;
pub mod gpu;
pub mod headless;
pub mod keys;
pub mod lessons;
pub mod open;
pub mod own_lesson;
pub mod own_text;
pub mod palette;
pub mod picture;
pub mod present;
pub mod presenting;
pub mod route;
pub mod side_width;
pub mod sides;
pub mod stage;
pub mod start_cost;
pub mod tally;
pub mod text;
pub mod top_bar;
pub mod window;
