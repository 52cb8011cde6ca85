//! How the pointer moves over the plane of tiles, and closer to it.

use eframe::egui::{Rect, Ui};

use crate::app::ink::zoom::gathered;
use crate::app::message::Message;
use crate::app::message::plane_lens::PlaneLens;
use crate::app::message::view::ViewMessage;
use crate::playback::lesson::Distance;

/// The wheel zooms at the pointer, dragging moves, a double click shows everything. Beyond `most`, over the tile at hand,
/// the wheel leads to the next closer view.
pub fn steer(
    ui: &Ui,
    response: &eframe::egui::Response,
    rect: Rect,
    lens: PlaneLens,
    (most, tile): (f32, Option<Rect>),
    messages: &mut Vec<Message>,
) {
    let mut wanted = lens;
    if let Some(at) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = (scroll / 200.0).exp() * pinch;
        if factor != 1.0 {
            wanted = wanted.zoomed(factor, (at - rect.min) / rect.size(), most);
            let is_closest = wanted.zoom == lens.zoom && factor > 1.0;
            if is_closest && tile.is_some_and(|tile| tile.contains(at)) && gathered(ui.ctx(), factor.ln() * 200.0) > 0 {
                messages.push(Message::Distance(Distance::Middle));
            }
        }
    }
    if response.dragged() {
        wanted.center -= response.drag_delta() / rect.size() / wanted.zoom;
        wanted.center = wanted.seen().center().to_vec2();
    }
    if response.double_clicked() {
        wanted = PlaneLens::default();
    }
    if wanted != lens {
        messages.push(Message::View(ViewMessage::Lens(wanted)));
    }
}
