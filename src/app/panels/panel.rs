//! What a panel is: its names, where it stands, what opens it, and how it is drawn. A panel is its file, a line in
//! [`super::list::PANELS`], and its words in the tables of the languages.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use eframe::egui::{Context, Ui};

use crate::app::ink::texture::Textures;
use crate::app::message::Message;
use crate::app::message::commands::{Entry, Keys};
use crate::app::run::document::Document;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::lesson_folder::LessonFolder;
use crate::app::run::row::RowTold;
use crate::app::run::scene::FinishedRun;
use crate::app::state::lesson::OpenLesson;
use crate::app::state::seen::Look;
use crate::app::state::store::LessonProgress;
use crate::app::state::view::MainView;

/// One panel.
pub struct Panel {
    /// What a message calls it.
    pub id: &'static str,
    /// At its head, or on what chooses it.
    pub title: &'static str,
    pub home: Home,
    /// Its group in the table of commands, and its name there; a panel without a name is opened by what it is about.
    pub group: &'static str,
    pub command: &'static str,
    pub keys: Keys,
    pub opens: Message,
    /// Other words by which the palette finds it.
    pub also: &'static str,
    /// What it shows, in a sentence.
    pub help: &'static str,
    pub show: fn(&mut Ui, &mut Drawn<'_>),
}

/// Where a panel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    Left,
    /// The main view, one at a time.
    Main,
    /// Below the numbers of the row, one at a time.
    Right,
    /// At the right above the row, while it is asked for: nothing lies over the map. It is called in every frame, so that
    /// work under way ends.
    OnDemand,
    /// At the right in place of the row, while it is asked for: what takes room to work in.
    Workbench,
}

impl Panel {
    /// Its line in the table of commands.
    pub fn entry(&self) -> Option<Entry> {
        let Self { group, command: name, keys, also, help, .. } = *self;
        (!name.is_empty()).then(|| Entry { group, name, keys, message: self.opens.clone(), also, help })
    }
}

/// What a panel draws from, and what it may change: what is its own, and the view that it is in.
pub struct Drawn<'a> {
    /// `None` before the first run is there.
    pub look: Option<&'a Look<'a>>,
    pub scene: Option<&'a Arc<FinishedRun>>,
    pub document: &'a Document,
    pub gpu: &'a Gpu,
    pub view: &'a mut MainView,
    pub lesson: Option<&'a mut OpenLesson>,
    /// What was done in each lesson.
    pub lessons: &'a BTreeMap<String, LessonProgress>,
    /// The folder of lessons that is open.
    pub lesson_folder: Option<&'a LessonFolder>,
    /// A choice of the setup that takes the keyboard.
    pub wanted_setting: Option<&'static str>,
    /// The sections of the setup that were folded or opened, by name; kept over a start.
    pub sections: &'a mut BTreeMap<String, bool>,
    pub owned: &'a mut Owned,
    pub textures: &'a mut Textures,
    pub messages: &'a mut Vec<Message>,
}

impl Drawn<'_> {
    /// What happens to the row that is looked at; `None` while it is being found out, or where none is on chip.
    pub fn told(&mut self, ctx: &Context) -> Option<Arc<RowTold>> {
        let (scene, look) = self.scene.zip(self.look)?;
        self.view.told(ctx, scene, look.generation, look.row()?)
    }
}

/// What panels keep for themselves from frame to frame, one value of each type.
#[derive(Default)]
pub struct Owned(HashMap<TypeId, Box<dyn Any>>);

impl Owned {
    /// The value of a type, made where there is none yet.
    pub fn of<T: Any + Default>(&mut self) -> &mut T {
        let value = self.0.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        value.downcast_mut().expect("a value lies under its own type")
    }

    /// The value of a type, where there is one.
    pub fn see<T: Any>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref()
    }

    pub fn put<T: Any>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }
}
