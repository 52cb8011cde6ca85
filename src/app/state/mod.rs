//! What is chosen and kept, each part with one owner, the only code that changes it.

pub mod answers;
pub mod compare;
pub mod folds;
pub mod history;
pub mod lesson;
pub mod lesson_work;
pub mod returning;
pub mod seen;
pub mod store;
pub mod talk;
pub mod text_editor;
pub mod view;
