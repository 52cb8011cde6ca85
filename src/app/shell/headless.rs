//! The window's picture without a window: the same frames, painted by wgpu into a texture and read back.

use eframe::egui;
#[cfg(feature = "wgpu")]
use eframe::egui::{Context, Event, RawInput, Rect, Vec2};

#[cfg(feature = "wgpu")]
use crate::app::run::export::png;
#[cfg(feature = "wgpu")]
use crate::app::shell::app::App;
use crate::app::shell::open::AppOptions;
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

#[cfg(feature = "wgpu")]
pub use wgpu_painter::paint;

#[cfg(not(feature = "wgpu"))]
pub fn paint(
    _: &[egui::ClippedPrimitive],
    _: egui::TexturesDelta,
    _: [u32; 2],
    _: f32,
) -> Result<Vec<u8>, crate::sentence::Sentence> {
    Err(NO_RENDERER.into())
}

#[cfg(not(feature = "wgpu"))]
const NO_RENDERER: &str = "this build draws no pictures without a window; build with `--features wgpu`";

#[cfg(not(feature = "wgpu"))]
pub fn picture(_: Option<Input>, _: &AppOptions, _: Size) -> Result<Vec<u8>, NoPicture> {
    Err(NoPicture::Renderer(NO_RENDERER.into()))
}

#[cfg(feature = "wgpu")]
mod wgpu_painter {
    //! egui's triangles into a texture, and the texture into memory.

    use std::time::Duration;

    use eframe::egui::{ClippedPrimitive, TexturesDelta};
    use eframe::egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
    use eframe::wgpu;

    use crate::sentence::Sentence;

    const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
    const PATIENCE: Duration = Duration::from_secs(60);

    fn device() -> Result<(wgpu::Device, wgpu::Queue), Sentence> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions::default();
        let adapter = pollster::block_on(instance.request_adapter(&options))
            .map_err(|_| "no graphics driver was found to draw with (a software one such as llvmpipe is enough)")?;
        let limits = wgpu::Limits {
            max_texture_dimension_2d: adapter.limits().max_texture_dimension_2d,
            ..wgpu::Limits::downlevel_defaults()
        };
        let wanted = wgpu::DeviceDescriptor { required_limits: limits, ..wgpu::DeviceDescriptor::default() };
        pollster::block_on(adapter.request_device(&wanted)).map_err(Sentence::verbatim)
    }

    /// RGBA of every pixel, row by row.
    pub fn paint(
        triangles: &[ClippedPrimitive],
        mut textures: TexturesDelta,
        [width, height]: [u32; 2],
        scale: f32,
    ) -> Result<Vec<u8>, Sentence> {
        let (device, queue) = device()?;
        let longest = device.limits().max_texture_dimension_2d;
        if width.max(height) > longest {
            return Err(Sentence::new("the graphics driver draws at most {0} pixels on a side").with(longest));
        }
        let mut renderer = Renderer::new(&device, FORMAT, RendererOptions::PREDICTABLE);
        for (id, images) in textures.set.drain() {
            images.iter().for_each(|image| renderer.update_texture(&device, &queue, id, image));
        }
        textures.free.clear();
        let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        let target = device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let screen = ScreenDescriptor { size_in_pixels: [width, height], pixels_per_point: scale };
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let buffers = renderer.update_buffers(&device, &queue, &mut encoder, triangles, &screen);
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let attachment = wgpu::RenderPassColorAttachment {
            view: &view,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            depth_slice: None,
        };
        let descriptor = wgpu::RenderPassDescriptor { color_attachments: &[Some(attachment)], ..Default::default() };
        let mut pass = encoder.begin_render_pass(&descriptor).forget_lifetime();
        renderer.render(&mut pass, triangles, &screen);
        drop(pass);
        // Rows in a buffer start at multiples of 256 bytes.
        let stride = (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(stride) * u64::from(height),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
        let into = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(target.as_image_copy(), into, size);
        queue.submit(buffers.into_iter().chain([encoder.finish()]));
        let (sender, receiver) = std::sync::mpsc::channel();
        buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| drop(sender.send(result)));
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(PATIENCE) };
        device.poll(wait).map_err(Sentence::verbatim)?;
        let mapped = receiver.recv_timeout(PATIENCE).map_err(Sentence::verbatim)?;
        mapped.map_err(Sentence::verbatim)?;
        let bytes = buffer.slice(..).get_mapped_range().map_err(Sentence::verbatim)?;
        let rows = bytes.chunks_exact(stride as usize).flat_map(|row| &row[..4 * width as usize]);
        Ok(rows.copied().collect())
    }
}
