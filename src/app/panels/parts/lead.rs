//! The wheel leads from one view into the next.

use eframe::egui::{Response, Ui};

use crate::app::ink::zoom::wheel;
use crate::app::message::Message;
use crate::playback::lesson::Distance;

/// Over `response`, which is of the view at `distance`: closer, or back.
pub fn lead(ui: &Ui, response: &Response, distance: Distance, messages: &mut Vec<Message>) {
    let next = match (distance, wheel(ui, response)) {
        (Distance::Far, 1) | (Distance::Near, -1) => Distance::Middle,
        (Distance::Middle, 1) => Distance::Near,
        (Distance::Middle, -1) => Distance::Far,
        _ => return,
    };
    messages.push(Message::Distance(next));
}
