//! What leaves the window.

/// What leaves the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportMessage {
    /// Of the whole window.
    Picture(Goal),
    /// Of the main view, with a caption.
    View(Goal),
    CopyLink,
    CopyCsv,
    CopyNumpy,
    /// Of what each tensor moved.
    BytesCsv,
    BytesNumpy,
    Trace,
    Perfetto,
    Worksheet,
    /// What was answered in lessons, as lines of JSON.
    Answers,
    /// The questions of the open lesson, as pages to print.
    LessonSheets,
}

/// What is done with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    Copy,
    Save,
}
