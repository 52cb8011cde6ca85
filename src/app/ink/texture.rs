//! Textures of matrices, kept as long as what they show stays the same.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use eframe::egui::{Color32, ColorImage, Context, Rect, TextureHandle, TextureId, TextureOptions, pos2};

use crate::app::ink::theme;

/// The longest side of a texture: below the limit of every graphics driver; of longer matrices every n-th line is shown.
pub const LONGEST_SIDE: usize = 1024;

/// The whole of a texture.
pub const UV: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };

/// One texture per name.
#[derive(Default)]
pub struct Textures {
    kept: HashMap<&'static str, (u64, TextureHandle)>,
}

impl Textures {
    /// The texture `name` of a matrix of `rows` x `cols`, painted anew only when `key` has changed.
    pub fn get(
        &mut self,
        ctx: &Context,
        name: &'static str,
        key: impl Hash,
        (rows, cols): (usize, usize),
        color: impl Fn(usize, usize) -> Color32,
    ) -> TextureId {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let key = hasher.finish();
        if let Some((known, handle)) = self.kept.get(name)
            && *known == key
        {
            return handle.id();
        }
        let handle = ctx.load_texture(name, image(rows, cols, color), TextureOptions::NEAREST);
        let id = handle.id();
        self.kept.insert(name, (key, handle));
        id
    }
}

fn image(rows: usize, cols: usize, color: impl Fn(usize, usize) -> Color32) -> ColorImage {
    let (height, width) = (rows.clamp(1, LONGEST_SIDE), cols.clamp(1, LONGEST_SIDE));
    let is_empty = rows == 0 || cols == 0;
    let columns: Vec<usize> = (0..width).map(|x| x * cols / width).collect();
    let mut pixels = Vec::with_capacity(height * width);
    for y in 0..height {
        let row = y * rows / height;
        pixels.extend(columns.iter().map(|&col| if is_empty { theme::CLEAR } else { color(row, col) }));
    }
    ColorImage::new([width, height], pixels)
}
