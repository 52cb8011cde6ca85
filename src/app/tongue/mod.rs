//! The language on screen: words by their English, and their tables. It knows no run.

pub mod chinese;
pub mod words;
