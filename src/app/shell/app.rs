//! The whole application: all its state, of which each part has one owner.

use std::borrow::Cow;

use eframe::egui::{Context, Id};

use crate::app::ink::texture::Textures;
use crate::app::message::Message;
use crate::app::message::window::{Overlay, Side};
use crate::app::panels::block_sizes::BlockSizes;
use crate::app::panels::breakpoints::Breakpoints;
use crate::app::panels::gpu::GpuPanel;
use crate::app::panels::open::OpenPanel;
use crate::app::panels::panel::{Drawn, Owned};
use crate::app::panels::strip::Strip;
use crate::app::panels::tour::Tour;
use crate::app::panels::what_if::WhatIf;
use crate::app::run::document::Document;
use crate::app::run::export::Ended;
use crate::app::run::file_dialog::PickFile;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::job::Job;
use crate::app::run::lesson_folder::LessonFolder;
use crate::app::run::selection::Selection;
use crate::app::run::settings::Settings;
use crate::app::run::watched::Watched;
use crate::app::shell::done::Done;
use crate::app::shell::palette::CommandPalette;
use crate::app::shell::picture::Sitting;
use crate::app::state::folds::Folds;
use crate::app::state::history::History;
use crate::app::state::lesson::OpenLesson;
use crate::app::state::seen::Look;
use crate::app::state::store::Store;
use crate::app::state::talk::Talk;
use crate::app::state::text_editor::TextEditor;
use crate::app::state::view::MainView;
use crate::attention::Input;
use crate::playback::lesson::Distance;
use crate::playback::{Command, Player};

/// The whole application.
pub struct App {
    pub(super) document: Document,
    pub(super) player: Player,
    pub(super) selection: Selection,
    /// The panel below the numbers of the row.
    pub(super) tab: &'static str,
    pub(super) side: Side,
    pub(super) gpu: Gpu,
    pub(super) textures: Textures,
    pub(super) view: MainView,
    pub(super) strip: Strip,
    /// What panels keep for themselves.
    pub(super) owned: Owned,
    pub(super) own_text: Watched,
    pub(super) own_lesson: Watched,
    /// The folder of lessons that is open.
    pub(super) lesson_folder: Option<LessonFolder>,
    pub(super) overlay: Option<Overlay>,
    pub(super) palette: CommandPalette,
    pub(super) store: Store,
    pub(super) history: History,
    pub(super) lesson: Option<OpenLesson>,
    pub(super) tour: Option<Tour>,
    /// The person looks at the main view, and not at the figure of the beat.
    pub(super) hides_figure: bool,
    pub(super) talk: Option<Talk>,
    /// A file that is being written.
    pub(super) saving: Option<Job<Ended>>,
    /// What was done last, while it is told.
    pub(super) done: Option<Done>,
    /// A picture of the main view that is being taken.
    pub(super) sitting: Option<Sitting>,
    pub(super) open_panel: OpenPanel,
    pub(super) pick_file: PickFile,
    pub(super) pick_folder: PickFile,
    /// The name of the command that was carried out last.
    pub(super) last_command: Cow<'static, str>,
    /// The clock of the last frame, while playing.
    pub(super) last_time: Option<f64>,
    pub(super) folds: Folds,
    /// A file that is being opened: it was opened before once it is there.
    pub(super) to_remember: Option<String>,
    /// What had the keyboard when the beat opened, until something else has it.
    pub(super) focused_at_beat: Option<Id>,
    /// A choice of the setup that is to have the keyboard in the next frame.
    pub(super) wanted_setting: Option<&'static str>,
}

impl App {
    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn player(&self) -> &Player {
        &self.player
    }

    pub fn lesson(&self) -> Option<&OpenLesson> {
        self.lesson.as_ref()
    }

    /// The name of the command that was carried out last, in the table of commands.
    pub fn last_command(&self) -> &str {
        &self.last_command
    }

    /// Work is under way that will change what is shown.
    pub fn is_busy(&self) -> bool {
        self.document.is_busy()
            || self.gpu.is_busy()
            || self.owned.see().is_some_and(GpuPanel::is_busy)
            || self.owned.see().is_some_and(WhatIf::is_busy)
            || self.is_view_busy()
            || self.saving.is_some()
            || self.sitting.is_some()
            || self.open_panel.is_busy()
            || self.lesson_folder.as_ref().is_some_and(LessonFolder::is_busy)
            || self.owned.see().is_some_and(TextEditor::is_busy)
    }

    /// What the main view shows, or what a panel over it looks for, is under way.
    pub(super) fn is_view_busy(&self) -> bool {
        self.view.is_busy()
            || self.owned.see().is_some_and(Breakpoints::is_busy)
            || self.owned.see().is_some_and(BlockSizes::is_busy)
    }

    /// What a panel of this frame draws from.
    pub(super) fn drawn<'a>(&'a mut self, look: Option<&'a Look<'a>>, messages: &'a mut Vec<Message>) -> Drawn<'a> {
        Drawn {
            look,
            scene: self.document.scene(),
            document: &self.document,
            gpu: &self.gpu,
            view: &mut self.view,
            lesson: self.lesson.as_mut(),
            lessons: &self.store.kept.lessons,
            lesson_folder: self.lesson_folder.as_ref(),
            wanted_setting: self.wanted_setting,
            sections: &mut self.store.kept.sections,
            owned: &mut self.owned,
            textures: &mut self.textures,
            messages,
        }
    }

    /// Moves the cursor, as the keys do.
    pub fn apply(&mut self, command: Command) {
        if let Some(scene) = self.document.scene() {
            self.player.apply(scene.schedule(), command);
        }
    }

    /// Opens `input` under choices of its own; the old picture stays until that has succeeded.
    pub fn open_input(&mut self, ctx: &Context, input: Input, settings: Settings) {
        self.document.open_with(ctx, input, settings);
    }

    /// Moves the main view closer or farther.
    pub fn look_from(&mut self, distance: Distance) {
        self.view.stand_at(distance);
    }
}
