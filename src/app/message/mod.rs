//! What a panel can ask of the window, as plain data; the shell does it once all of a frame is drawn.

pub mod commands;
pub mod compare;
pub mod export;
pub mod gpu;
pub mod kernel;
pub mod lesson;
pub mod plane_lens;
pub mod steps_lens;
pub mod strip;
pub mod talk;
pub mod text;
pub mod view;
pub mod window;

use crate::app::ink::theme::Theme;
use crate::app::message::compare::CompareMessage;
use crate::app::message::export::ExportMessage;
use crate::app::message::gpu::GpuMessage;
use crate::app::message::kernel::KernelMessage;
use crate::app::message::lesson::{Answer, LessonMessage};
use crate::app::message::strip::StripMessage;
use crate::app::message::talk::{TalkMessage, TourMessage};
use crate::app::message::text::TextMessage;
use crate::app::message::view::ViewMessage;
use crate::app::message::window::{Arrangement, Edge, Overlay, Side, Zoom};
use crate::app::run::flows::{CountsAsked, Way};
use crate::app::run::selection::Selection;
use crate::app::run::settings::Settings;
use crate::app::run::source::Source;
use crate::playback::Command;
use crate::playback::lesson::{Distance, Language};
use crate::schedule::Tensor;

/// Something that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Player(Command),
    /// So many operations on, or back.
    By(i64),
    /// The next speed up or down.
    Faster,
    Slower,
    /// The next step that moves this tensor this way; after the last, the first.
    NextMove(Tensor, Way),
    /// Another run of the same input.
    Change(Box<Settings>),
    Open(Source),
    /// A file dialog of the system.
    PickFile,
    /// One that asks for a folder of lessons.
    PickFolder,
    /// The list of a folder's lessons goes.
    CloseFolder,
    Select(Selection),
    /// A click on the picture, in answer to a question.
    Answer(Answer),
    /// The row above or below.
    SelectRow(i64),
    /// A panel, by its id.
    Show(&'static str),
    /// Closes a panel that was asked for.
    Hide(&'static str),
    Distance(Distance),
    /// An index of [`crate::schedule::algorithm::of_program`].
    Algorithm(usize),
    Side(Side),
    /// Everything in its place for one kind of work.
    Arrange(Arrangement),
    /// A choice of the setup, by its name, takes the keyboard.
    Setting(&'static str),
    /// Folds a side of the window, or brings it back.
    Fold(Edge),
    Overlay(Overlay),
    /// Close what lies on top, then the message.
    Dismiss,
    /// Close the line of what was understood of a file.
    CloseUnderstood,
    RunGpu,
    /// Something about the GPU panel.
    Gpu(GpuMessage),
    /// Something about the kernel's source.
    Kernel(KernelMessage),
    /// Something about the algorithm's text.
    Text(TextMessage),
    /// Something about the main view.
    View(ViewMessage),
    /// Of what the bytes are counted, and what they are held against.
    Counts(CountsAsked),
    /// Something about the comparison of two runs.
    Compare(CompareMessage),
    /// How much of the strip of steps is seen.
    Strip(StripMessage),
    Theme(Theme),
    SwitchTheme,
    Language(Language),
    Zoom(Zoom),
    FullScreen,
    ReduceMotion,
    Undo,
    Redo,
    /// An index of [`crate::playback::lesson::library::LESSONS`].
    OpenLesson(usize),
    /// A beat of [`crate::playback::lesson::library::QUESTIONS`].
    OpenQuestion(usize),
    Lesson(LessonMessage),
    Tour(TourMessage),
    Talk(TalkMessage),
    Export(ExportMessage),
}
