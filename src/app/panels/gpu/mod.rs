//! The GPU panel: devices and why-nots; what a run took, under its roofs; its errors; its m and l over the stepper's; which
//! multiprocessor ran what; and a sweep over N. It draws and asks; workers compute.

mod bars;
mod devices;
mod errors;
mod gantt;
mod heatmap;
mod result;
pub mod roofline;
mod sweep_view;
mod taps;

use eframe::egui::{self, Context, Key, Modifiers, ScrollArea, Ui};

use crate::app::ink::axes::note;
use crate::app::ink::draw;
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, SPACE};
use crate::app::message::Message;
use crate::app::message::gpu::{GpuMessage, GpuTab};
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::document::Document;
use crate::app::run::gpu::comparison::{Bars, ErrorMap};
use crate::app::run::gpu::device::{Found, Gpu, ListGpus, OpenGpu, Status};
use crate::app::run::job::{self, Job};
use crate::app::run::latest::Latest;
use crate::app::run::scene::Check;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::attention::Precision;
use crate::gpu::DeviceInfo;
use crate::number;
use crate::schedule::Tiling;

pub static PANEL: Panel = Panel {
    id: "gpu",
    title: "GPU",
    home: Home::Workbench,
    group: "GPU",
    command: "GPU panel",
    keys: &[(Modifiers::ALT, Key::G)],
    opens: Message::Gpu(GpuMessage::Toggle),
    also: "CUDA, device, benchmark",
    help: "Devices, what a run took, its errors, and a sweep over N.",
    show: |ui, drawn| {
        drawn.owned.of::<GpuPanel>().show(ui, drawn.look, drawn.gpu, drawn.textures, drawn.messages);
    },
};

/// What was chosen, and what workers made for it.
pub struct GpuPanel {
    tab: GpuTab,
    list: ListGpus,
    open: OpenGpu,
    found: Option<Vec<Found>>,
    listing: Option<Job<Vec<Found>>>,
    /// Of the bars; until one is chosen, that of the run.
    format: Option<Precision>,
    sweep_end: Option<usize>,
    /// The blocks with which m and l are recorded as soon as they are on screen.
    awaited: Option<Tiling>,
    /// By the generation of the scene and the number of the run.
    map: Latest<(u64, u64), ErrorMap>,
    bars: Latest<(u64, Precision), Bars>,
}

impl Default for GpuPanel {
    fn default() -> Self {
        Self::new(crate::gpu::devices, crate::gpu::open)
    }
}

impl GpuPanel {
    pub fn new(list: ListGpus, open: OpenGpu) -> Self {
        Self {
            tab: GpuTab::default(),
            list,
            open,
            found: None,
            listing: None,
            format: None,
            sweep_end: None,
            awaited: None,
            map: Latest::default(),
            bars: Latest::default(),
        }
    }

    pub fn is_busy(&self) -> bool {
        self.listing.is_some() || self.map.is_busy() || self.bars.is_busy()
    }

    /// Takes in what workers have finished, and starts what the tab needs where the panel is open.
    pub fn update(&mut self, ctx: &Context, is_open: bool, document: &Document, gpu: &mut Gpu) {
        match job::take(&mut self.listing) {
            Some(Ok(found)) => self.found = Some(found),
            Some(Err(fault)) => self.found = Some(crate::gpu::BACKENDS.map(|name| (name, Err(fault.into()))).to_vec()),
            None => {}
        }
        self.map.update();
        self.bars.update();
        if !is_open {
            return;
        }
        if self.found.is_none() && self.listing.is_none() {
            self.look_again(ctx);
        }
        self.record_awaited(ctx, document, gpu);
        if self.tab == GpuTab::Errors {
            self.compare(ctx, document, gpu);
        }
    }

    /// Does what was asked. A file is written by the window.
    pub fn carry_out(&mut self, ctx: &Context, message: GpuMessage, document: &mut Document, gpu: &mut Gpu) {
        match message {
            // The window opens it.
            GpuMessage::Toggle => {}
            GpuMessage::Tab(tab) => self.tab = tab,
            GpuMessage::Use(place) => gpu.open(ctx, Some((self.open, place))),
            GpuMessage::LookAgain => {
                self.look_again(ctx);
                if matches!(gpu.status(), Status::Missing(_)) {
                    let again = gpu.place().map(|place| (self.open, place));
                    gpu.open(ctx, again);
                }
            }
            GpuMessage::Cancel => gpu.cancel(),
            GpuMessage::MeasureRoofs => gpu.measure_roofs(ctx),
            GpuMessage::Record => {
                if let Some(scene) = document.scene() {
                    gpu.record(ctx, scene, document.generation());
                }
            }
            GpuMessage::UseBlocks(tiling) => {
                self.awaited = Some(tiling);
                let settings = document.wanted().clone().with_blocks(tiling);
                document.change(ctx, settings);
            }
            GpuMessage::Format(format) => self.format = Some(format),
            GpuMessage::Sweep(question) => gpu.sweep(ctx, question),
            GpuMessage::SweepEnd(end) => self.sweep_end = Some(end),
            GpuMessage::SaveTimeline => {}
        }
    }

    fn look_again(&mut self, ctx: &Context) {
        let list = self.list;
        self.listing = Some(Job::start(ctx, move |_| list()));
    }

    /// Records m and l once the run has the kernel's blocks.
    fn record_awaited(&mut self, ctx: &Context, document: &Document, gpu: &mut Gpu) {
        let Some((tiling, scene)) = self.awaited.zip(document.scene()) else { return };
        if document.waiting().is_some() || !gpu.is_ready() {
            return;
        }
        self.awaited = None;
        if scene.settings.tiling() == tiling {
            gpu.record(ctx, scene, document.generation());
        }
    }

    fn compare(&mut self, ctx: &Context, document: &Document, gpu: &Gpu) {
        let Some(scene) = document.scene() else { return };
        let generation = document.generation();
        let Some(Check::Done { bound, exact, .. }) = document.check().map(AsRef::as_ref) else { return };
        if let Some(Ok(outcome)) = gpu.result(generation) {
            let (outcome, exact, bound) = (outcome.clone(), exact.clone(), bound.o);
            let key = (generation, outcome.serial);
            self.map.by_worker(ctx, key, move |_| ErrorMap::new(&outcome, &exact, bound));
        }
        let (scene, format) = (scene.clone(), self.format_of(scene.settings.run.precision()));
        self.bars.by_worker(ctx, (generation, format), move |signals| Bars::of(&scene, format, signals));
    }

    /// f64 is no low precision: it is the oracle's.
    fn format_of(&self, run: Precision) -> Precision {
        self.format.unwrap_or(if run == Precision::F64 { Precision::F32 } else { run })
    }
}

/// What a tab reads, and how high it is before it scrolls.
#[derive(Clone, Copy)]
struct TabShown<'a> {
    look: Option<&'a Look<'a>>,
    gpu: &'a Gpu,
    info: Option<&'a DeviceInfo>,
    room: f32,
}

/// Drawing.
impl GpuPanel {
    pub fn show(
        &mut self,
        ui: &mut Ui,
        look: Option<&Look<'_>>,
        gpu: &Gpu,
        textures: &mut Textures,
        messages: &mut Vec<Message>,
    ) {
        let info = header(ui, look, gpu, self.found.as_deref(), messages);
        ui.separator();
        self.tabs(ui, messages);
        ui.add_space(SPACE);
        let room = ui.available_height();
        ScrollArea::vertical().id_salt("gpu panel").auto_shrink([false, false]).show(ui, |ui| {
            // The bar of the scroll area stands over what it scrolls.
            ui.set_max_width(ui.available_width() - 3.0 * SPACE);
            self.content(ui, &TabShown { look, gpu, info, room }, textures, messages);
        });
    }

    fn tabs(&self, ui: &mut Ui, messages: &mut Vec<Message>) {
        ui.horizontal_wrapped(|ui| {
            for (tab, name) in GpuTab::ALL {
                if ui.selectable_label(tab == self.tab, tr(ui.ctx(), name).to_owned()).clicked() {
                    messages.push(Message::Gpu(GpuMessage::Tab(tab)));
                }
            }
        });
    }

    fn content(&self, ui: &mut Ui, shown: &TabShown<'_>, textures: &mut Textures, messages: &mut Vec<Message>) {
        let TabShown { look, gpu, info, room } = *shown;
        let Some(look) = look.filter(|_| self.tab != GpuTab::Devices) else {
            return devices::show(ui, gpu, self.found.as_deref(), messages);
        };
        match self.tab {
            GpuTab::Result => result::show(ui, look, gpu, (info, room), messages),
            GpuTab::Errors => {
                let format = self.format_of(look.scene.settings.run.precision());
                let outcome = gpu.result(look.generation);
                let key = outcome.and_then(Result::ok).map(|outcome| (look.generation, outcome.serial));
                let map = key.and_then(|key| self.map.get(&key));
                let bars = self.bars.get(&(look.generation, format));
                errors::show(ui, look, &errors::Known { outcome, map, bars, format, room }, textures, messages);
            }
            GpuTab::Taps => taps::show(ui, look, gpu, room, messages),
            GpuTab::Blocks => gantt::show(ui, look, gpu, room, messages),
            GpuTab::Sweep => sweep_view::show(ui, look, gpu, info, (self.sweep_end, room), messages),
            GpuTab::Devices => {}
        }
    }
}

/// The device, what it does now, and the two buttons. Gives the open device.
fn header<'a>(
    ui: &mut Ui,
    look: Option<&Look<'_>>,
    gpu: &'a Gpu,
    found: Option<&[Found]>,
    messages: &mut Vec<Message>,
) -> Option<&'a DeviceInfo> {
    let (text, info) = match gpu.status() {
        Status::Looking => (tr(ui.ctx(), "looking for a GPU ...").to_owned(), None),
        Status::Missing(reason) => (fill(ui.ctx(), "No GPU: {0}", &[&say(ui.ctx(), reason)]), None),
        Status::Ready(info) | Status::Running(info) => (format!("{}: {}", info.backend, info.name), Some(info)),
    };
    ui.horizontal_wrapped(|ui| {
        chooser(ui, gpu, &text, found, messages);
        if info.is_none() && !gpu.is_busy() && ui.button(tr(ui.ctx(), "Open it again")).clicked() {
            messages.push(Message::Gpu(GpuMessage::LookAgain));
        }
        if let Some(underway) = gpu.underway() {
            let cancel = egui::Button::new(tr(ui.ctx(), "Cancel").to_owned());
            if ui.add_enabled(!underway.is_cancelled, cancel).clicked() {
                messages.push(Message::Gpu(GpuMessage::Cancel));
            }
            let seconds = underway.age.as_secs_f32();
            let word = tr(ui.ctx(), if underway.is_cancelled { "stopping" } else { "running" });
            let bar = egui::ProgressBar::new(underway.part.unwrap_or(0.0)).desired_width(160.0);
            // What is still to come is seen too.
            ui.visuals_mut().extreme_bg_color = theme::Palette::of(ui).empty;
            let percent = underway.part.map_or(String::new(), |part| format!(", {}", number::percent(f64::from(part))));
            ui.add(bar.text(draw::label(&format!("{word} {}{percent}", number::clock(f64::from(seconds))))));
            ui.request_repaint_after_secs(0.1);
        } else {
            let run = egui::Button::new(tr(ui.ctx(), "Run on this device").to_owned());
            if ui.add_enabled(look.is_some() && gpu.is_ready(), run).clicked() {
                messages.push(Message::RunGpu);
            }
        }
    });
    if info.is_none() {
        let label = note(ui, &text);
        draw::describe(&label, "state of the GPU", &text);
    }
    info
}

/// Every device that there is; the open one is shown.
fn chooser(ui: &mut Ui, gpu: &Gpu, text: &str, found: Option<&[Found]>, messages: &mut Vec<Message>) {
    let width = ui.available_width().min(260.0);
    let short: String = text.chars().take(36).collect();
    let is_free = !gpu.is_busy();
    let response = ui.add_enabled_ui(is_free, |ui| {
        egui::ComboBox::from_id_salt("gpu device").width(width).truncate().selected_text(short).show_ui(ui, |ui| {
            let open = gpu.place_in(found.unwrap_or_default());
            for (place, (backend, device)) in devices::places(found.unwrap_or_default()) {
                let info = match device {
                    Ok(info) => info,
                    Err(reason) => {
                        let why = say(ui.ctx(), reason);
                        note(ui, &fill(ui.ctx(), "{0}: no device", &[backend])).on_hover_text(why);
                        continue;
                    }
                };
                let is_open = open == Some(place);
                let label = ui.selectable_label(is_open, format!("{backend}: {}, {}", info.name, info.driver));
                if label.clicked() && !is_open {
                    messages.push(Message::Gpu(GpuMessage::Use(place)));
                }
            }
        })
    });
    let name = fill(ui.ctx(), "Device: {0}", &[&text]);
    response.inner.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, is_free, &name));
}
