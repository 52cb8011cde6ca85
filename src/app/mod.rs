//! The window. All of egui is here, in seven folders, each of which imports only those above it:
//!
//! - [`tongue`]: the language on screen. [`ink`]: how a mark is made.
//! - [`run`]: what is computed, read and written, on workers; a finished run is a [`FinishedRun`], at the cursor a [`Snapshot`].
//! - [`message`]: all that can be asked, as plain data. [`state`]: what is chosen and kept, and what a panel reads in a frame.
//! - [`panels`]: what is drawn, which pushes messages. [`shell`]: the window, in which each message finds its owner.
//!
//! This file is the only face that the command line and the tests see.

mod ink;
mod message;
mod panels;
mod run;
mod shell;
mod state;
mod tongue;

pub use ink::theme::Theme;
pub use message::commands::Entry;
pub use message::window::Overlay;
pub use panels::list::COMMANDS;
pub use run::document::Document;
pub use run::file_dialog::{PickFile, Picked};
pub use run::gpu::device::{FindGpu, Found, ListGpus, OpenGpu};
pub use run::lesson_file::{is_lesson, read as read_lesson};
pub use run::link::{Link, of_scene};
pub use run::open_file::understood;
pub use run::scene::{Check, FinishedRun};
pub use run::settings::Settings;
pub use run::snapshot::{RowState, Snapshot};
pub use shell::app::App;
pub use shell::display::display;
pub use shell::frame_cost::{FrameTimes, frame_times};
pub use shell::headless::{NoPicture, Size, picture};
pub use shell::open::{AppOptions, Renderer, open};
pub use shell::start_cost::first_frame;
pub use state::answers::{account, answers};
pub use state::lesson::OpenLesson;
pub use state::lesson_work::{Given, LessonTask};
pub use state::store::{given, platform_folder};
pub use tongue::chinese::ALL as CHINESE;
