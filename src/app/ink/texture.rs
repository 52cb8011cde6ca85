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
        self.picture(ctx, name, key, || image(rows, cols, color))
    }

    /// The same of a picture that `paint` makes whole; its sides are at most [`LONGEST_SIDE`].
    pub fn picture(
        &mut self,
        ctx: &Context,
        name: &'static str,
        key: impl Hash,
        paint: impl FnOnce() -> ColorImage,
    ) -> TextureId {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let key = hasher.finish();
        if let Some((known, handle)) = self.kept.get(name)
            && *known == key
        {
            return handle.id();
        }
        let handle = ctx.load_texture(name, paint(), TextureOptions::NEAREST);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::{Cell, RefCell};

    proptest! {
        /// Each pixel is an element, row by row in order; of a long side every n-th line, evenly, from the first on.
        #[test]
        fn pixels_are_elements_in_their_order(long in 1usize..3000, short in 1usize..3) {
            for (rows, cols) in [(long, short), (short, long)] {
                let asked = RefCell::new(Vec::new());
                let image = image(rows, cols, |row, col| {
                    asked.borrow_mut().push((row, col));
                    theme::CLEAR
                });
                let [width, height] = image.size;
                prop_assert_eq!((width, height), (cols.min(LONGEST_SIDE), rows.min(LONGEST_SIDE)));
                let asked = asked.into_inner();
                prop_assert_eq!(asked.len(), width * height);
                let lines = |of: usize, shown: usize, at: &dyn Fn(usize) -> usize| {
                    let lines: Vec<usize> = (0..shown).map(at).collect();
                    let steps = lines.windows(2).all(|two| (1..=of.div_ceil(shown)).contains(&(two[1] - two[0])));
                    lines[0] == 0 && steps && lines[shown - 1] + of.div_ceil(shown) >= of
                };
                prop_assert!(lines(rows, height, &|y| asked[y * width].0), "rows of {rows}");
                prop_assert!(lines(cols, width, &|x| asked[x].1), "columns of {cols}");
            }
        }
    }

    #[test]
    fn nothing_is_clear() {
        for (rows, cols) in [(0, 0), (0, 5), (5, 0)] {
            let image = image(rows, cols, |_, _| unreachable!("there is no element"));
            assert!(image.pixels.iter().all(|pixel| *pixel == theme::CLEAR), "{rows} x {cols}");
        }
    }

    #[test]
    fn a_texture_is_painted_again_only_for_another_key() {
        let (ctx, mut textures, painted) = (Context::default(), Textures::default(), Cell::new(0));
        let mut paint = |name, key: u64| {
            let color = |_, _| {
                painted.set(painted.get() + 1);
                theme::NO_TINT
            };
            textures.get(&ctx, name, key, (2, 3), color)
        };
        let first = paint("a", 1);
        assert_eq!((paint("a", 1), paint("b", 1) != first), (first, true));
        assert_eq!(painted.get(), 12, "two names of six elements");
        paint("a", 2);
        paint("a", 1);
        assert_eq!(painted.get(), 24, "one is kept of a name");
    }
}
