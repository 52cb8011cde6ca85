//! Pictures of the window, as it is on screen, and of the main view, which has twice as many pixels on a side: it stands on
//! a slide. That of a view says below it what it is of, so that it can be understood from it alone.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use eframe::egui::{self, ColorImage, Context, Rect, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::Palette;
use crate::app::message::export::Goal;
use crate::app::run::export::{self, Ended};
use crate::app::run::job::Job;
use crate::app::shell::enlarged::Enlarged;
use crate::app::state::seen::Look;
use crate::app::tongue::words::fill;
use crate::number::grouped;

/// How far a picture of the main view has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sitting {
    /// The next frame has its title and caption, and nothing else than the view; texts under the pointer go.
    Asked(Goal),
    /// They went.
    Cleared(Goal),
    /// A frame with its caption was drawn; the picture is on its way.
    Taken,
}

/// What the view shows, in a line: input, head, algorithm, blocks, precision, step.
pub fn caption(ui: &mut Ui, title: &str, look: &Look<'_>) {
    let settings = &look.scene.settings;
    let plan = look.scene.plan();
    let (at, of) = (grouped(look.snapshot.cursor), grouped(look.scene.schedule().len()));
    let run =
        format!("{} {}x{}, {}", settings.algorithm.short_name(), plan.br, plan.bc, settings.run.precision().name());
    let text = fill(ui.ctx(), "{0}, head {1}: {2}, step {3} of {4}", &[&title, &settings.run.head(), &run, &at, &of]);
    let label = ui.label(draw::label(&text).color(Palette::of(ui).ink));
    draw::describe(&label, "caption of the picture", &text);
}

/// Asks for a picture of the window, and does with it what was wished; the job ends with what became of it.
pub fn take(ctx: &Context, goal: Goal) -> Job<Ended> {
    let (to, receiver) = (ctx.clone(), asked(ctx));
    Job::start(ctx, move |_| match arrived(&receiver) {
        None => Err(NO_PICTURE.into()),
        Some(image) => finish(&to, (*image).clone(), goal),
    })
}

/// The same of the main view, which was drawn once more with more pixels; where no renderer works, of what is in `part` of
/// the window, in points.
pub fn of_view(ctx: &Context, view: Enlarged, part: Rect, goal: Goal) -> Job<Ended> {
    let (to, scale) = (ctx.clone(), ctx.pixels_per_point());
    Job::start(ctx, move |_| {
        let image = view.painted().ok();
        match image.or_else(|| Some(cut(&*arrived(&asked(&to))?, part, scale))) {
            None => Err(NO_PICTURE.into()),
            Some(image) => finish(&to, image, goal),
        }
    })
}

const NO_PICTURE: &str = "This system gives no picture of the window.";

/// Asks for a picture of the window's next frame.
fn asked(ctx: &Context) -> Receiver<Arc<ColorImage>> {
    let (sender, receiver) = channel();
    let waker = ctx.clone();
    ctx.request_screenshot(move |image| {
        // Nobody waits any more: the window is closing.
        let _ = sender.send(image);
        waker.request_repaint();
    });
    ctx.request_repaint();
    receiver
}

fn arrived(receiver: &Receiver<Arc<ColorImage>>) -> Option<Arc<ColorImage>> {
    receiver.recv_timeout(Duration::from_secs(5)).ok()
}

fn finish(ctx: &Context, image: ColorImage, goal: Goal) -> Ended {
    if goal == Goal::Copy {
        ctx.copy_image(image);
        return Ok("The picture is on the clipboard.".into());
    }
    let bytes: Vec<u8> = image.pixels.iter().flat_map(egui::Color32::to_array).collect();
    let [width, height] = image.size;
    let png = export::png(&bytes, width as u32, height as u32);
    export::saved(png.and_then(|png| export::save("tilescope", "png", &png)))
}

/// The pixels of `part` (in points), as far as the image has them.
fn cut(image: &ColorImage, part: Rect, scale: f32) -> ColorImage {
    let [width, height] = image.size;
    let pixel = |points: f32, most: usize| ((points * scale).round().max(0.0) as usize).min(most);
    let (left, right) = (pixel(part.left(), width), pixel(part.right(), width));
    let (top, bottom) = (pixel(part.top(), height), pixel(part.bottom(), height));
    let rows = image.pixels.chunks_exact(width.max(1)).take(bottom).skip(top);
    let pixels = rows.flat_map(|row| row[left..right.max(left)].iter().copied()).collect();
    ColorImage::new([right.saturating_sub(left), bottom.saturating_sub(top)], pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Color32, pos2};

    #[test]
    fn a_part_is_cut_at_its_points() {
        let image = ColorImage::from_gray([6, 4], &std::array::from_fn::<u8, 24, _>(|n| n as u8));
        let part = |from: (f32, f32), to: (f32, f32)| {
            let part = Rect::from_min_max(pos2(from.0, from.1), pos2(to.0, to.1));
            let cut = cut(&image, part, 2.0);
            (cut.size, cut.pixels.iter().map(Color32::r).collect::<Vec<_>>())
        };
        assert_eq!(part((1.0, 0.5), (2.0, 1.5)), ([2, 2], vec![8, 9, 14, 15]));
        assert_eq!(part((2.5, 1.5), (99.0, 99.0)), ([1, 1], vec![23]));
        assert_eq!(part((-9.0, -9.0), (-1.0, -1.0)), ([0, 0], vec![]));
        assert_eq!(part((50.0, 50.0), (99.0, 99.0)).0, [0, 0]);
    }
}
