//! How the window is opened, and what is said where it cannot be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eframe::{NativeOptions, egui};

use crate::app::ink::theme::Theme;
use crate::app::message::window::Overlay;
use crate::app::run::file_dialog::{self, PickFile};
use crate::app::run::gpu::device::{FindGpu, ListGpus, OpenGpu};
use crate::app::run::link::Link;
use crate::app::shell::app::App;
use crate::app::shell::display;
use crate::attention::Input;
use crate::files::printable;
use crate::gpu;
use crate::playback::lesson::{Language, Position};
use crate::sentence::Sentence;

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
    /// How a person picks a folder.
    pub pick_folder: PickFile,
    /// How every GPU is listed, and one of them opened.
    pub list_gpus: ListGpus,
    pub open_gpu: OpenGpu,
    /// A panel that stands open, by its id.
    pub panel: Option<&'static str>,
    /// What is opened, and where in it.
    pub place: Link,
    /// In place of what was kept.
    pub language: Option<Language>,
    /// Where none was kept.
    pub system_language: Option<Language>,
    pub theme: Option<Theme>,
    /// From 0, and where in it.
    pub lesson: Option<(usize, Position)>,
    /// A lesson of one's own, by its path, in place of one of the program's.
    pub own_lesson: Option<(std::path::PathBuf, Position)>,
    /// The change or the build of the lesson's beat is made, as its "Show me" makes it.
    pub is_solved: bool,
    /// A folder of lessons, whose list is shown.
    pub lesson_folder: Option<std::path::PathBuf>,
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
            pick_file: file_dialog::with_dialog,
            pick_folder: file_dialog::with_folder_dialog,
            list_gpus: gpu::devices,
            open_gpu: gpu::open,
            panel: None,
            place: Link::default(),
            language: None,
            system_language: None,
            theme: None,
            lesson: None,
            own_lesson: None,
            is_solved: false,
            lesson_folder: None,
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
    let display = display::display()?;
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

pub(super) fn native_options(title: &str, renderer: eframe::Renderer, display: display::Display) -> NativeOptions {
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
