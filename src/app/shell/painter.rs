//! The toolkit's triangles into a texture, and the texture into memory.

#[cfg(feature = "wgpu")]
pub use with_wgpu::paint;

#[cfg(not(feature = "wgpu"))]
use eframe::egui::{ClippedPrimitive, TexturesDelta};

#[cfg(not(feature = "wgpu"))]
use crate::sentence::Sentence;

#[cfg(not(feature = "wgpu"))]
pub const NO_RENDERER: &str = "this build draws no pictures without a window; build with `--features wgpu`";

#[cfg(not(feature = "wgpu"))]
pub fn paint(_: &[ClippedPrimitive], _: TexturesDelta, _: [u32; 2], _: f32) -> Result<Vec<u8>, Sentence> {
    Err(NO_RENDERER.into())
}

#[cfg(feature = "wgpu")]
mod with_wgpu {
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
