//! The window's picture without a window: the same frames, painted by wgpu into a texture and read back.

#[cfg(feature = "wgpu")]
use eframe::egui::{self, Context, Event, RawInput, Rect, Vec2};

#[cfg(feature = "wgpu")]
use crate::app::run::export::png;
#[cfg(feature = "wgpu")]
use crate::app::shell::app::App;
use crate::app::shell::open::AppOptions;
#[cfg(not(feature = "wgpu"))]
use crate::app::shell::painter::NO_RENDERER;
#[cfg(feature = "wgpu")]
use crate::app::shell::painter::paint;
use crate::attention::Input;
use crate::sentence::Sentence;

/// Frames that wait for work: a picture must come, or the program say why not.
#[cfg(feature = "wgpu")]
const MOST_FRAMES: u32 = 60_000;

/// Pixels of a picture, and how many of them make a point; and whether it has its words.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub width: u32,
    pub height: u32,
    pub scale: f32,
    pub has_text: bool,
}

/// The app on its own, moved on by frames.
#[cfg(feature = "wgpu")]
struct Headless {
    ctx: Context,
    app: App,
    size: Size,
    time: f64,
    textures: egui::TexturesDelta,
}

#[cfg(feature = "wgpu")]
impl Headless {
    fn new(input: Option<Input>, options: &AppOptions, size: Size) -> Self {
        let ctx = Context::default();
        ctx.set_embed_viewports(true);
        let app = App::new(&ctx, input, options);
        Self { ctx, app, size, time: 0.0, textures: egui::TexturesDelta::default() }
    }

    fn frame(&mut self, events: Vec<Event>) -> egui::FullOutput {
        let points = Vec2::new(self.size.width as f32, self.size.height as f32) / self.size.scale;
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, points / self.ctx.zoom_factor())),
            time: Some(self.time),
            events,
            max_texture_side: Some(8192),
            ..RawInput::default()
        };
        if let Some(viewport) = input.viewports.get_mut(&egui::ViewportId::ROOT) {
            viewport.native_pixels_per_point = Some(self.size.scale);
        }
        self.time += 1.0 / 60.0;
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| app.frame(ui));
        self.textures.append(std::mem::take(&mut output.textures_delta));
        output
    }

    /// Frames until nothing is under way; the last one.
    fn settled(&mut self) -> Result<egui::FullOutput, Sentence> {
        for _ in 0..MOST_FRAMES {
            self.frame(Vec::new());
            if !self.app.is_busy() {
                // What sizes itself by its content needs a few frames more; a second lets animations end.
                (0..60).for_each(|_| drop(self.frame(Vec::new())));
                return Ok(self.frame(Vec::new()));
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Err("the picture did not get ready".into())
    }
}

/// Why there is no picture.
#[derive(Debug)]
pub enum NoPicture {
    /// What was asked for cannot be shown; the window would show something else, and say so.
    Refused(Sentence),
    /// No renderer works.
    Renderer(Sentence),
}

impl From<Sentence> for NoPicture {
    fn from(why: Sentence) -> Self {
        NoPicture::Renderer(why)
    }
}

/// A PNG of the window.
#[cfg(feature = "wgpu")]
pub fn picture(input: Option<Input>, options: &AppOptions, size: Size) -> Result<Vec<u8>, NoPicture> {
    let mut headless = Headless::new(input, options, size);
    let output = headless.settled()?;
    if let Some(fault) = headless.app.document().refused() {
        return Err(NoPicture::Refused(fault.clone()));
    }
    let scale = headless.ctx.pixels_per_point();
    let mut shapes = output.shapes;
    if !size.has_text {
        shapes.iter_mut().for_each(|clipped| blank_text(&mut clipped.shape));
    }
    let triangles = headless.ctx.tessellate(shapes, scale);
    let pixels = paint(&triangles, headless.textures, [size.width, size.height], scale)?;
    Ok(png(&pixels, size.width, size.height)?)
}

/// Leaves the picture as it would be to somebody who cannot read.
#[cfg(feature = "wgpu")]
fn blank_text(shape: &mut egui::Shape) {
    match shape {
        egui::Shape::Text(_) => *shape = egui::Shape::Noop,
        egui::Shape::Vec(shapes) => shapes.iter_mut().for_each(blank_text),
        _ => {}
    }
}

#[cfg(not(feature = "wgpu"))]
pub fn picture(_: Option<Input>, _: &AppOptions, _: Size) -> Result<Vec<u8>, NoPicture> {
    Err(NoPicture::Renderer(NO_RENDERER.into()))
}
