//! What is picked of a run.

/// What the pointer or the keys picked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Selection {
    pub query: usize,
    pub key: Option<usize>,
}

/// Which row a picture of all rows marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowMark {
    /// That on chip which stands for the selection: its numbers are beside the picture.
    #[default]
    OnChip,
    /// That of the selection, wherever the cursor is: the lesson's scene names it.
    Named,
    /// None: the lesson's scene names none, and nobody picked one.
    Nobody,
}
