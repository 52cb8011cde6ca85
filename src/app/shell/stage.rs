//! The stage: the main view, what chooses it, and what opens the panels on demand.

use eframe::egui::{self, Context, Layout, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::SPACE;
use crate::app::ink::zoom::Glide;
use crate::app::message::{Message, commands};
use crate::app::panels::compare;
use crate::app::panels::list;
use crate::app::panels::panel::{Drawn, Home, Panel};
use crate::app::state::view::MainView;
use crate::app::tongue::words::tr;
use crate::playback::lesson::Distance;

/// Below this width the names of the views stand closer, and wrap rather than cover each other.
const ROOM_FOR_NAMES: f32 = 680.0;

/// The main view, with what can be chosen about it.
pub fn show(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    if drawn.view.compare.is_open && drawn.view.compare.is_bare {
        return view(ui, drawn);
    }
    names(ui, drawn);
    ui.add_space(4.0);
    view(ui, drawn);
}

/// The main view under its title, for a picture of it: without what is there to be pressed.
pub fn alone(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    let shown = of_home(ui.ctx(), Home::Main).find(|panel| is_on(panel, drawn.view));
    if let Some(panel) = shown {
        let title = draw::title(ui, panel.title);
        draw::describe(&title, "title of the picture", tr(ui.ctx(), panel.title));
        ui.add_space(4.0);
    }
    view(ui, drawn);
}

/// The names of the views stand on two lines in so narrow a room.
pub fn is_narrow(width: f32) -> bool {
    width < ROOM_FOR_NAMES
}

/// What chooses the main view, and what opens the panels on demand.
pub fn names(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    if is_narrow(ui.available_width()) {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE;
            ui.spacing_mut().button_padding.x = SPACE;
            ui.horizontal_wrapped(|ui| {
                views(ui, drawn);
                of_home(ui.ctx(), Home::OnDemand).for_each(|panel| button(ui, panel, drawn));
            });
        });
    } else {
        ui.horizontal(|ui| {
            views(ui, drawn);
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                of_home(ui.ctx(), Home::OnDemand).rev().for_each(|panel| button(ui, panel, drawn));
            });
        });
    }
}

/// The view alone, as it is presented; for a moment after it has changed, the way from the one before.
pub fn view(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    let Some((wider, closer, part)) = drawn.view.on_the_way(ui.ctx()) else {
        if let Some(panel) = of_home(ui.ctx(), Home::Main).find(|panel| is_on(panel, drawn.view)) {
            (panel.show)(ui, drawn);
        }
        return;
    };
    let room = ui.available_rect_before_wrap();
    let focus = drawn.view.focus[usize::from(wider == Distance::Middle)].unwrap_or(room);
    let glide = Glide::new(part, focus, room);
    let seen = Message::Distance(if glide.shows_wider { wider } else { closer });
    if let Some(panel) = of_home(ui.ctx(), Home::Main).find(|panel| panel.opens == seen) {
        glide.draw(ui, room, |ui| (panel.show)(ui, drawn));
    }
}

pub(super) fn of_home(ctx: &Context, home: Home) -> impl DoubleEndedIterator<Item = &'static Panel> + use<> {
    list::of(ctx).iter().copied().filter(move |panel| panel.home == home)
}

/// Whether this is the main view.
fn is_on(panel: &Panel, view: &MainView) -> bool {
    match panel.opens {
        Message::Distance(distance) => distance == view.distance && !view.compare.is_open,
        _ => panel.id == compare::PANEL.id && view.compare.is_open,
    }
}

/// The main views, one of which is on.
fn views(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    for panel in of_home(ui.ctx(), Home::Main) {
        let response = ui.selectable_label(is_on(panel, drawn.view), tr(ui.ctx(), panel.title));
        if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
            drawn.messages.push(panel.opens.clone());
        }
    }
}

/// Opens a panel on demand, or closes it; one that is opened by what it is about has none.
fn button(ui: &mut Ui, panel: &Panel, drawn: &mut Drawn<'_>) {
    let is_open = drawn.view.is_open(panel.id);
    if panel.command.is_empty() {
        return;
    }
    let response = ui.selectable_label(is_open, tr(ui.ctx(), panel.title));
    if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
        drawn.messages.push(if is_open { Message::Hide(panel.id) } else { panel.opens.clone() });
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Event, Key, Modifiers};
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable;

    use super::*;
    use crate::app::panels::list::PANELS;
    use crate::app::shell::app::App;
    use crate::app::shell::open::AppOptions;
    use crate::gpu::Probe;

    const fn added(id: &'static str, home: Home, keys: commands::Keys, show: fn(&mut Ui, &mut Drawn<'_>)) -> Panel {
        Panel {
            id,
            title: "Added",
            home,
            group: "Look",
            command: "The added panel",
            keys,
            opens: Message::Show(id),
            also: "quokka",
            help: "It stands in no other list.",
            show,
        }
    }

    static RIGHT: Panel =
        added("right", Home::Right, &[(Modifiers::ALT, Key::F12)], |ui, _| _ = ui.label("It is drawn."));
    static ASKED: Panel = added("asked", Home::OnDemand, &[(Modifiers::ALT, Key::F12)], |ui, drawn| {
        if drawn.view.is_seen("asked") {
            ui.label("It is drawn.");
        }
    });

    /// With all panels of the program and one more.
    fn open(one: &'static Panel) -> Harness<'static, App> {
        let options =
            AppOptions { find_gpu: || Probe::Unavailable("none in this test".into()), ..AppOptions::default() };
        let builder = Harness::builder().with_size(egui::vec2(1280.0, 800.0)).with_max_steps(50);
        let mut harness = builder.build_eframe(|cc| {
            let app = App::new(&cc.egui_ctx, None, &options);
            let panels: &'static [&'static Panel] = [&PANELS[..], &[one]].concat().leak();
            list::install(&cc.egui_ctx, panels, list::commands(panels).leak());
            app
        });
        settle(&mut harness);
        harness
    }

    fn settle(harness: &mut Harness<'_, App>) {
        for _ in 0..60_000 {
            harness.step();
            if !harness.state().is_busy() {
                return harness.run_steps(3);
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("work went on for long");
    }

    fn is_drawn(harness: &Harness<'_, App>) -> bool {
        harness.query_by_label("It is drawn.").is_some()
    }

    /// A line in the list is all that a panel needs to be drawn: by its key, its button, the menu and the palette.
    #[test]
    fn a_panel_that_is_added_is_drawn_and_found_in_menu_and_palette() {
        for one in [&RIGHT, &ASKED] {
            let ways: [fn(&mut Harness<'_, App>); 4] = [
                |harness| harness.key_press_modifiers(Modifiers::ALT, Key::F12),
                |harness| harness.get_by_label("Added").click(),
                |harness| {
                    for name in ["More", "Look"] {
                        harness.get_by_label(name).click();
                        harness.run_steps(4);
                    }
                    harness.get_by_label_contains("The added panel").click();
                },
                |harness| {
                    harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
                    harness.run_steps(4);
                    harness.event(Event::Text("quokka".into()));
                    harness.run_steps(2);
                    harness.key_press(Key::Enter);
                },
            ];
            for (n, way) in ways.into_iter().enumerate() {
                let mut harness = open(one);
                assert!(!is_drawn(&harness), "{} before it is asked for", one.id);
                way(&mut harness);
                settle(&mut harness);
                assert!(is_drawn(&harness), "{} by way {n}", one.id);
            }
        }
    }
}
