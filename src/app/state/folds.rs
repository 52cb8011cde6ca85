//! Which sides of the window are folded.

/// What the person wants of each side; `None` is what the width of the window asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folds {
    pub left: Option<bool>,
    pub right: Option<bool>,
    /// The setup stays beside a workbench that would have its room.
    pub keeps_setup: bool,
}

impl Folds {
    /// The picture has the whole width.
    pub fn both() -> Self {
        Self { left: Some(true), right: Some(true), keeps_setup: false }
    }
}
