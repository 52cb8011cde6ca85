//! From one view into the next, closer one: what is looked at grows until it fills the room, and shrinks back.

use eframe::egui::{Context, Id, Rect, Response, Ui, Vec2, emath::TSTransform};

/// Seconds from one view to the next.
pub const SECONDS: f64 = 0.3;
/// Until here the view that is left is seen, then the one that is reached.
const LEAVES: f32 = 0.6;
/// So large the closer view is while it begins.
const BEGINS: f32 = 0.9;
/// Points of the wheel that lead on to the next view, and seconds after which they are forgotten.
const FAR_ENOUGH: f32 = 80.0;
const FORGOTTEN: f64 = 0.5;

/// What is seen of two views on the way between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glide {
    /// The wider view is seen, and not the closer one.
    pub shows_wider: bool,
    pub transform: TSTransform,
    pub opacity: f32,
}

impl Glide {
    /// `closer` from 0, the wider view, to 1, the closer one; `focus` is what the wider one has of it, in `room`.
    pub fn new(closer: f32, focus: Rect, room: Rect) -> Self {
        if closer >= LEAVES {
            let part = (closer - LEAVES) / (1.0 - LEAVES);
            let scale = BEGINS + (1.0 - BEGINS) * part;
            let transform = about(room.center(), room.center(), scale);
            return Self { shows_wider: false, transform, opacity: part };
        }
        let part = closer / LEAVES;
        let most = (room.size() / focus.size().max(Vec2::splat(4.0))).min_elem().clamp(1.0, 8.0);
        let scale = most.powf(part);
        let to = focus.center() + (room.center() - focus.center()) * part;
        Self { shows_wider: true, transform: about(focus.center(), to, scale), opacity: 1.0 - 0.6 * part }
    }

    /// Draws `view` as it is seen on the way: nothing of it leaves `room`.
    pub fn draw(&self, ui: &mut Ui, room: Rect, view: impl FnOnce(&mut Ui)) {
        let (ctx, layer) = (ui.ctx().clone(), ui.layer_id());
        let next = || ctx.graphics_mut(|graphics| graphics.entry(layer).next_idx());
        let from = next();
        ui.scope(|ui| {
            ui.multiply_opacity(self.opacity);
            view(ui);
        });
        let to = next();
        ctx.graphics_mut(|graphics| {
            let list = graphics.entry(layer);
            list.transform_range(from, to, self.transform);
            for n in from.0..to.0 {
                let mut index = from;
                index.0 = n;
                list.mutate_shape(index, |shape| shape.clip_rect = shape.clip_rect.intersect(room));
            }
        });
    }
}

/// `from` comes to lie at `to`, all else grows around it.
fn about(from: eframe::egui::Pos2, to: eframe::egui::Pos2, scale: f32) -> TSTransform {
    TSTransform::new(to.to_vec2() - from.to_vec2() * scale, scale)
}

/// The wheel over `response` leads on: 1 closer, -1 farther, 0 not yet.
pub fn wheel(ui: &Ui, response: &Response) -> i8 {
    if !response.contains_pointer() {
        return 0;
    }
    let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
    gathered(ui.ctx(), scroll + pinch.ln() * 200.0)
}

/// Adds to what the wheel has turned beyond the ends of a view.
pub fn gathered(ctx: &Context, turned: f32) -> i8 {
    let (id, now) = (Id::unique("wheel between views"), ctx.input(|input| input.time));
    if turned == 0.0 {
        return 0;
    }
    let (sum, since): (f32, f64) = ctx.data(|data| data.get_temp(id)).unwrap_or((0.0, now));
    let is_on = now - since < FORGOTTEN && sum * turned >= 0.0;
    let sum = if is_on { sum + turned } else { turned };
    let leads_on = sum.abs() >= FAR_ENOUGH;
    ctx.data_mut(|data| data.insert_temp(id, (if leads_on { 0.0 } else { sum }, now)));
    if !leads_on {
        0
    } else if sum > 0.0 {
        1
    } else {
        -1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{RawInput, pos2, vec2};

    const ROOM: Rect = Rect { min: pos2(200.0, 40.0), max: pos2(1000.0, 640.0) };

    #[test]
    fn what_is_looked_at_stays_in_sight_and_comes_to_the_middle() {
        let focus = Rect::from_min_size(pos2(500.0, 400.0), vec2(80.0, 80.0));
        let start = Glide::new(0.0, focus, ROOM);
        assert_eq!((start.transform, start.opacity), (TSTransform::IDENTITY, 1.0));
        let mut area = focus.area();
        for n in 1..=10 {
            let glide = Glide::new(n as f32 / 10.0 * 0.59, focus, ROOM);
            let seen = glide.transform * focus;
            assert!(glide.shows_wider && ROOM.expand(1.0).contains_rect(seen) && seen.area() > area, "{seen:?}");
            area = seen.area();
        }
        let end = Glide::new(1.0, focus, ROOM);
        assert!(!end.shows_wider && end.opacity == 1.0);
        assert!((end.transform * ROOM.min - ROOM.min).length() < 1e-3);
    }

    #[test]
    fn a_turn_of_the_wheel_leads_on_once_it_is_far_enough() {
        let ctx = Context::default();
        let turn = |turned| {
            let mut led = 0;
            let _ = ctx.run_ui(RawInput::default(), |ui| led = gathered(ui.ctx(), turned));
            led
        };
        assert_eq!([50.0, 20.0, 20.0].map(turn), [0, 0, 1]);
        assert_eq!([-50.0, 20.0, -50.0, -50.0].map(turn), [0, 0, 0, -1]);
    }
}
