//! The kernel's source, edited while the program runs: the text as it stands here, and what is asked about it. The device
//! compiles and runs it; nothing of it is ever written over `kernels/`.

mod panel;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use eframe::egui::{Key, Modifiers};

use crate::app::message::Message;
use crate::app::message::kernel::KernelMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::gpu::device::Gpu;
use crate::app::run::gpu::sources::{Offer, Sources};
use crate::app::run::scene::FinishedRun;
use crate::app::run::snapshot::Snapshot;
use crate::gpu::kernels::Kernel;
use crate::gpu::source::with_blocks;
use crate::schedule::{Schedule, kernel_lines};
use crate::sentence::Sentence;

pub static PANEL: Panel = Panel {
    id: "kernel",
    title: "Source of the kernel",
    home: Home::Workbench,
    group: "GPU",
    command: "Edit the kernel",
    keys: &[(Modifiers::ALT, Key::E)],
    opens: Message::Kernel(KernelMessage::Toggle),
    also: "source, compile, WGSL, CUDA",
    help: "The source of the kernel, edited, compiled and run here.",
    show: |ui, drawn| {
        drawn.owned.of::<KernelEditor>().show(ui, drawn.look, drawn.gpu, drawn.messages);
    },
};

/// Lines of a source that carry out the current step.
pub fn lit(source: &str, schedule: &Schedule, snapshot: &Snapshot) -> Vec<u16> {
    snapshot.view.step.map_or_else(Vec::new, |step| kernel_lines(source, &schedule.algorithm, step.line))
}

/// What was typed, by file, and what is shown of it.
#[derive(Default)]
pub struct KernelEditor {
    /// That of the open device for the scene on screen.
    kernel: Option<&'static Kernel>,
    /// Files that were changed here.
    texts: BTreeMap<&'static str, String>,
    /// Block sizes that are about to be set, and why they could not be.
    blocks: Option<(usize, usize)>,
    refused: Option<Sentence>,
    /// The line that the cursor goes to.
    jump: Option<usize>,
}

impl KernelEditor {
    /// The kernel of the open device for the scene on screen.
    pub fn kernel(&self) -> Option<&'static Kernel> {
        self.kernel
    }

    /// It was opened: the cursor goes to the line of the current step.
    pub fn begin(&mut self, at: Option<(&FinishedRun, &Snapshot)>) {
        let lit =
            self.kernel.zip(at).map(|(kernel, (scene, snapshot))| lit(self.text(kernel), scene.schedule(), snapshot));
        self.jump = Some(lit.and_then(|lit| lit.first().copied()).map_or(1, usize::from));
    }

    /// Does what was asked. Gives what the device is to compile.
    pub fn carry_out(&mut self, message: KernelMessage, sources: &Sources) -> Option<Offer> {
        match message {
            // The window opens it.
            KernelMessage::Toggle => {}
            KernelMessage::CompileAndRun => {
                let kernel = self.kernel?;
                let text = self.texts.get(kernel.file).map(|text| text.as_str().into());
                return Some(Offer { file: kernel.file, text });
            }
            KernelMessage::PutBack => {
                let kernel = self.kernel?;
                self.texts.remove(kernel.file);
                (self.blocks, self.refused) = (None, None);
                return sources.of_file(kernel.file).map(|_| Offer { file: kernel.file, text: None });
            }
            KernelMessage::Blocks(br, bc) => self.set_blocks(br, bc),
            KernelMessage::Line(line) => self.jump = Some(line),
        }
        None
    }

    /// Follows the scene and the device. While a task has the device, nobody can ask it.
    pub fn update(&mut self, gpu: &Gpu, scene: Option<&Arc<FinishedRun>>) {
        let Some(scene) = scene else { return };
        let is_of_scene = self.kernel.is_some_and(|kernel| kernel.algorithm == scene.settings.algorithm.name());
        if is_of_scene && gpu.is_busy() {
            return;
        }
        let kernel = gpu.kernel(scene);
        if kernel != self.kernel {
            (self.kernel, self.blocks, self.refused, self.jump) = (kernel, None, None, None);
        }
    }

    /// The text of a kernel as it stands here.
    fn text(&self, kernel: &'static Kernel) -> &str {
        self.texts.get(kernel.file).map_or(kernel.source, String::as_str)
    }

    /// Keeps what was typed; the house's own text is none.
    fn keep(&mut self, kernel: &'static Kernel, text: String) {
        if text == kernel.source {
            self.texts.remove(kernel.file);
        } else {
            self.texts.insert(kernel.file, text);
        }
    }

    fn set_blocks(&mut self, br: usize, bc: usize) {
        let Some(kernel) = self.kernel else { return };
        match with_blocks(kernel.file, self.text(kernel), br, bc) {
            Ok(text) => {
                self.refused = None;
                self.keep(kernel, text);
            }
            Err(reason) => self.refused = Some(reason),
        }
    }
}
