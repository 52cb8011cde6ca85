//! A window that tells when its first frame was shown, and closes: what a start costs, beside a window with nothing in it.

use eframe::egui::{Context, Ui, ViewportCommand};

use crate::app::shell::app::App;
use crate::app::shell::display;
use crate::app::shell::open::{AppOptions, native_options};
use crate::sentence::Sentence;

/// The window, or an empty one.
struct FirstFrame {
    app: Option<App>,
    frames: u32,
    report: fn(),
}

/// Opens the window as a start does, or one with nothing in it; calls `report` when its first frame was handed over.
pub fn first_frame(is_empty: bool, report: fn()) -> Result<(), Sentence> {
    let create = move |cc: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        let app = (!is_empty).then(|| App::new(&cc.egui_ctx, None, &AppOptions::default()));
        Ok(Box::new(FirstFrame { app, frames: 0, report }))
    };
    let options = native_options("tilescope", eframe::Renderer::default(), display::display()?);
    eframe::run_native("tilescope", options, Box::new(create)).map_err(Sentence::verbatim)
}

impl eframe::App for FirstFrame {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        if let Some(app) = &mut self.app {
            app.frame(ui);
        }
        self.end(&ui.ctx().clone());
    }
}

impl FirstFrame {
    /// The second frame is drawn after the first was shown.
    fn end(&mut self, ctx: &Context) {
        self.frames += 1;
        if self.frames == 2 {
            (self.report)();
        }
        if self.frames >= 2 {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        ctx.request_repaint();
    }
}
