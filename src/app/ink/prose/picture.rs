//! Pictures of a lesson.

use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui::{self, ColorImage, Context, Id, Sense, TextureHandle, TextureOptions, Ui, Vec2, vec2};

use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::{fill, say};
use crate::playback::lesson::ShownPicture;
use crate::playback::lesson::markdown::LessonPicture;

/// The textures of the pictures on screen, with what they were made of.
#[derive(Clone, Default)]
struct PictureTextures(HashMap<String, (Arc<[u8]>, TextureHandle)>);

/// More are thrown away and made again.
const MOST_KEPT: usize = 16;

/// Shows the picture `file`, as wide as the text at most; or says why it cannot.
pub(super) fn show(ui: &mut Ui, file: &str, words: &str, pictures: &[ShownPicture], size: f32) {
    let found = pictures.iter().find(|picture| picture.name == file).map(|picture| &picture.picture);
    let picture = match found {
        Some(Ok(picture)) => picture,
        Some(Err(what)) => return trouble(ui, file, &say(ui.ctx(), what), size),
        None => return,
    };
    let whole = vec2(picture.width as f32, picture.height as f32);
    paint(ui, file, words, picture, whole * (ui.available_width() / whole.x).min(1.0));
}

/// The picture as large as the room allows.
pub(super) fn projected(ui: &mut Ui, file: &str, words: &str, pictures: &[ShownPicture]) {
    let found = pictures.iter().find(|picture| picture.name == file).and_then(|picture| picture.picture.as_ref().ok());
    let Some(picture) = found else { return show(ui, file, words, pictures, theme::TITLE) };
    let (whole, room) = (vec2(picture.width as f32, picture.height as f32), ui.available_size());
    let shown = whole * (room.x / whole.x).min(room.y / whole.y);
    ui.vertical_centered(|ui| paint(ui, file, words, picture, shown));
}

fn paint(ui: &mut Ui, file: &str, words: &str, picture: &LessonPicture, shown: Vec2) {
    let texture = texture(ui.ctx(), file, picture);
    let (rect, response) = ui.allocate_exact_size(shown, Sense::hover());
    let name = if words.is_empty() { file } else { words };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, name));
    if !words.is_empty() {
        response.on_hover_text(words);
    }
    ui.painter().rect_filled(rect, 2.0, theme::PAPER);
    egui::Image::new((texture.id(), shown)).paint_at(ui, rect);
}

fn trouble(ui: &mut Ui, file: &str, what: &str, size: f32) {
    let text = fill(ui.ctx(), "The picture {0} cannot be shown: {1}", &[&file, &what]);
    ui.label(egui::RichText::new(text).size(size).color(Palette::of(ui).trouble));
}

fn texture(ctx: &Context, file: &str, picture: &LessonPicture) -> TextureHandle {
    let id = Id::unique("pictures of the lesson");
    let kept: PictureTextures = ctx.data(|data| data.get_temp(id)).unwrap_or_default();
    if let Some((pixels, texture)) = kept.0.get(file)
        && Arc::ptr_eq(pixels, &picture.pixels)
    {
        return texture.clone();
    }
    let image = ColorImage::from_rgba_unmultiplied([picture.width, picture.height], &picture.pixels);
    let texture = ctx.load_texture(file, image, TextureOptions::LINEAR);
    let mut kept = kept.0;
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(file.to_owned(), (Arc::clone(&picture.pixels), texture.clone()));
    ctx.data_mut(|data| data.insert_temp(id, PictureTextures(kept)));
    texture
}
