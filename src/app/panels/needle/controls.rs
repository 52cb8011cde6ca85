//! Below the needle: the six frames to click, the component of O, and the switch that forgets alpha.

use eframe::egui::{self, Ui, vec2};

use super::frame::{Frame, cursor_of};
use super::picture::Picture;
use crate::app::message::Message;
use crate::app::message::view::ViewMessage;
use crate::app::run::settings::Settings;
use crate::app::tongue::words::{self, fill, tr};
use crate::playback::Command;
use crate::playback::lesson::BUGS;
use crate::schedule::Part;

pub const HEIGHT: f32 = 36.0;

/// Points of width that all of them need; in less the component is as it was chosen.
const ROOM_FOR_COMPONENT: f32 = 490.0;

/// The bug of the run that the switch is of.
const FORGETS: &str = "forget-alpha";

pub fn show(ui: &mut Ui, picture: &Picture<'_>, messages: &mut Vec<Message>) {
    ui.add_space(4.0);
    let is_wide = ui.available_width() >= ROOM_FOR_COMPONENT;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for frame in Frame::ALL {
            let is_last = picture.now.index + 1 == picture.story.visits.len();
            let of_frame = words::say(ui.ctx(), &frame.name(picture.algorithm()));
            let name = fill(ui.ctx(), "Frame {0}: {1}", &[&frame.number(), &of_frame]);
            let button = egui::Button::new(frame.number().to_string())
                .selected(frame == picture.now.frame)
                .min_size(vec2(28.0, 24.0));
            let response = ui.add_enabled(frame != Frame::Fit || is_last, button);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            if response.on_hover_text(&name).clicked() {
                let cursor = cursor_of(picture.story, picture.now.visit, frame);
                messages.push(Message::Player(Command::SeekTo(cursor)));
            }
        }
        ui.add_space(12.0);
        if is_wide {
            component(ui, picture, messages);
        }
        if !picture.can_forget {
            return;
        }
        let settings = &picture.look.scene.settings;
        let mut forgets = settings.bug == FORGETS;
        let hint = tr(ui.ctx(), "The bug of a missing rescale: the old keys keep their weight when the maximum rises");
        let name = tr(ui.ctx(), "Forget alpha").to_owned();
        if ui.checkbox(&mut forgets, name).on_hover_text(hint).changed() {
            let bug = if forgets { FORGETS } else { BUGS[0] };
            messages.push(Message::Change(Box::new(Settings { bug, ..settings.clone() })));
        }
    });
}

/// Which component of O the needle shows, where there are several.
fn component(ui: &mut Ui, picture: &Picture<'_>, messages: &mut Vec<Message>) {
    let d_v = picture.look.scene.plan().d_v;
    if d_v < 2 {
        return;
    }
    let mut component = picture.component;
    let label = ui.label(fill(ui.ctx(), "component of {0}", &[&picture.called(Part::Output)]));
    let drag = egui::DragValue::new(&mut component).range(0..=d_v - 1).speed(0.1);
    if ui.add(drag).labelled_by(label.id).changed() {
        messages.push(Message::View(ViewMessage::Component(component)));
    }
    ui.add_space(12.0);
}
