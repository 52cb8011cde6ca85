//! What is picked of a run.

/// What the pointer or the keys picked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Selection {
    pub query: usize,
    pub key: Option<usize>,
}
