//! The window. All of egui is here; a panel is a file, or a folder where it has many parts.
//!
//! Workers make a [`scene::Scene`] (a finished run); [`snapshot::Snapshot`] is that scene at the cursor; panels draw a
//! [`look::Look`] at both and push [`action::Action`]s, which [`carry_out`] does at the end of the frame. What matters to
//! one panel only (what is typed into it, how far it is zoomed) it keeps and changes itself.
//!
//! [`open_file`], [`export`] and [`store`] know which files are read and written, [`job`] starts the threads, and time is
//! egui's.

mod action;
mod begin;
mod blocks;
mod breakpoints;
mod carry_out;
mod check;
mod chinese;
mod code;
mod code_edit;
mod commands;
mod compare;
mod display;
mod document;
mod done;
mod draw;
mod export;
mod exporting;
mod far;
mod figure;
mod frame_cost;
mod gpu_job;
mod gpu_panel;
mod grid;
mod headless;
mod history;
mod icon;
mod job;
mod keys;
mod lesson;
mod lesson_build;
mod lesson_change;
mod lesson_click;
mod lesson_panel;
mod lesson_work;
mod look;
mod map;
mod matrix;
mod memory;
mod motion;
mod near;
mod needle;
mod odd_rows;
mod open_file;
mod open_panel;
mod open_trace;
mod operands;
mod own_lesson;
mod own_text;
mod palette;
mod pick;
mod picture;
mod place;
mod plot;
mod present;
mod presenting;
mod prose;
mod pyramid;
mod refusal;
mod scene;
mod settings;
mod setup;
mod sides;
mod snapshot;
mod stage;
mod start_cost;
mod store;
mod stored;
mod stories;
mod strip;
mod texture;
mod theme;
mod tile;
mod timeline;
mod top_bar;
mod tour;
mod traffic;
mod trail;
mod window;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eframe::{NativeOptions, egui};

use crate::attention::Input;
use crate::files::printable;
use crate::gpu;
use crate::playback::lesson::{Language, Position};
use crate::sentence::Sentence;

pub use action::Overlay;
pub use chinese::ALL as CHINESE;
pub use commands::{COMMANDS, Entry};
pub use display::display;
pub use document::Document;
pub use frame_cost::{FrameTimes, frame_times};
pub use gpu_job::{FindGpu, Found, ListGpus, OpenGpu};
pub use headless::{NoPicture, Size, picture};
pub use lesson::OpenLesson;
pub use open_file::understood;
pub use own_lesson::{is_lesson, read as read_lesson};
pub use pick::{PickFile, Picked};
pub use place::{Place, of_scene};
pub use scene::{Check, Scene};
pub use settings::Settings;
pub use snapshot::{RowState, Snapshot};
pub use stage::Wish;
pub use start_cost::first_frame;
pub use store::platform_folder;
pub use theme::Theme;
pub use window::App;

/// What draws the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Renderer {
    /// wgpu, and OpenGL where that fails.
    #[default]
    Auto,
    Wgpu,
    Glow,
}

/// How the window is opened.
#[derive(Clone, Debug)]
pub struct AppOptions {
    pub renderer: Renderer,
    /// How a GPU for the kernels is looked for.
    pub find_gpu: FindGpu,
    /// How a person picks a file.
    pub pick_file: PickFile,
    /// How every GPU is listed, and one of them opened.
    pub list_gpus: ListGpus,
    pub open_gpu: OpenGpu,
    /// The GPU panel is open.
    pub gpu_panel: bool,
    /// What is opened, and where in it.
    pub place: Place,
    /// In place of what was kept.
    pub language: Option<Language>,
    /// Where none was kept.
    pub system_language: Option<Language>,
    pub theme: Option<Theme>,
    /// From 0, and where in it.
    pub lesson: Option<(usize, Position)>,
    /// A lesson of one's own, by its path, in place of one of the program's.
    pub own_lesson: Option<(std::path::PathBuf, Position)>,
    pub is_presenting: bool,
    /// The first two minutes, also where it is not the first start.
    pub tour: bool,
    pub overlay: Option<Overlay>,
    /// Where settings are kept; `None` keeps nothing.
    pub folder: Option<std::path::PathBuf>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            renderer: Renderer::default(),
            find_gpu: gpu::probe_wgpu,
            pick_file: pick::with_dialog,
            list_gpus: gpu::devices,
            open_gpu: gpu::open,
            gpu_panel: false,
            place: Place::default(),
            language: None,
            system_language: None,
            theme: None,
            lesson: None,
            own_lesson: None,
            is_presenting: false,
            tour: false,
            overlay: None,
            folder: None,
        }
    }
}

/// Opens the window and stays until it is closed. `origin` names the input in the title.
///
/// Errors in a sentence when there is no display or no renderer works.
pub fn open(input: Option<(Input, String)>, options: AppOptions) -> Result<(), Sentence> {
    let display = display()?;
    let (input, origin) = input.map_or((None, None), |(input, origin)| (Some(input), Some(origin)));
    let title = origin.map_or("tilescope".into(), |origin| format!("{} - tilescope", printable(&origin)));
    // Once the window library has panicked it is asked nothing more.
    display::guarded(|is_open| {
        let run = |renderer| {
            let native = native_options(&title, renderer, display);
            run_native(&title, native, input.clone(), options.clone(), Arc::clone(&is_open))
        };
        match options.renderer {
            Renderer::Glow => run(eframe::Renderer::Glow),
            #[cfg(feature = "wgpu")]
            Renderer::Wgpu => run(eframe::Renderer::Wgpu),
            #[cfg(feature = "wgpu")]
            // Where both fail, the first reason is the clearer one.
            Renderer::Auto => {
                run(eframe::Renderer::Wgpu).or_else(|first| run(eframe::Renderer::Glow).map_err(|_| first))
            }
            #[cfg(not(feature = "wgpu"))]
            Renderer::Wgpu => Err("this build draws with OpenGL only; build with `--features wgpu`".into()),
            #[cfg(not(feature = "wgpu"))]
            Renderer::Auto => run(eframe::Renderer::Glow),
        }
    })
}

fn run_native(
    title: &str,
    native: NativeOptions,
    input: Option<Input>,
    options: AppOptions,
    is_open: Arc<AtomicBool>,
) -> Result<(), Sentence> {
    let create = move |cc: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        is_open.store(true, Ordering::Relaxed);
        let app = App::new(&cc.egui_ctx, input, &options);
        app.store.keep_at_end();
        Ok(Box::new(app))
    };
    eframe::run_native(title, native, Box::new(create)).map_err(display::cannot_open)
}

fn native_options(title: &str, renderer: eframe::Renderer, display: display::Display) -> NativeOptions {
    NativeOptions {
        renderer,
        viewport: egui::ViewportBuilder::default()
            .with_title(title)
            .with_app_id("tilescope")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([640.0, 400.0])
            .with_drag_and_drop(true),
        event_loop_builder: display::hook(display),
        ..NativeOptions::default()
    }
}
