//! The main view drawn once more for its picture, with more pixels than the window has: a slide is larger than a window.

use eframe::egui::{ClippedPrimitive, ColorImage, Context, Pos2, RawInput, Rect, TexturesDelta, Ui, Vec2, ViewportId};

use crate::app::ink::theme;
use crate::app::shell::painter;
use crate::sentence::Sentence;

/// Pixels on a side for each of the window's.
const TIMES: f32 = 2.0;
/// A texture has at most so many on a side.
const LONGEST: f32 = 8192.0;
/// Frames in which what sizes itself by its content comes to its size.
const FRAMES: usize = 4;

/// What was drawn, to be painted on a worker.
pub struct Enlarged {
    triangles: Vec<ClippedPrimitive>,
    textures: TexturesDelta,
    size: [u32; 2],
    scale: f32,
}

impl Enlarged {
    /// What `draw` draws in a window of `size` points, otherwise like that of `like`.
    pub fn of(like: &Context, size: Vec2, mut draw: impl FnMut(&mut Ui)) -> Self {
        let ctx = Context::default();
        theme::install(&ctx);
        // The colours, the language, and what panels remember.
        let memory = like.memory(Clone::clone);
        ctx.memory_mut(|own| *own = memory);
        let scale = (TIMES * like.pixels_per_point()).min(LONGEST / size.max_elem().max(1.0));
        let (time, zoom) = (like.input(|input| input.time), like.zoom_factor());
        let (mut shapes, mut textures) = (Vec::new(), TexturesDelta::default());
        for _ in 0..FRAMES {
            let mut input = RawInput {
                screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
                time: Some(time),
                max_texture_side: Some(LONGEST as usize),
                ..RawInput::default()
            };
            if let Some(viewport) = input.viewports.get_mut(&ViewportId::ROOT) {
                viewport.native_pixels_per_point = Some(scale / zoom);
            }
            let output = ctx.run_ui(input, |ui| draw(ui));
            textures.append(output.textures_delta);
            shapes = output.shapes;
        }
        let triangles = ctx.tessellate(shapes, scale);
        Self { triangles, textures, size: [size.x, size.y].map(|points| (points * scale).round() as u32), scale }
    }

    /// Its pixels, where a renderer works.
    pub fn painted(self) -> Result<ColorImage, Sentence> {
        let Self { triangles, textures, size: [width, height], scale } = self;
        let pixels = painter::paint(&triangles, textures, [width, height], scale)?;
        Ok(ColorImage::from_rgba_premultiplied([width as usize, height as usize], &pixels))
    }
}
