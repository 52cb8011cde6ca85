//! The lessons that travel inside the program.

use super::{Language, Lesson, LessonError, parse};

/// A lesson in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// From 1.
    pub number: usize,
    /// The name of its files, without the extension.
    pub stem: &'static str,
    english: &'static str,
    chinese: &'static str,
}

macro_rules! lesson {
    ($number:literal, $stem:literal) => {
        Entry {
            number: $number,
            stem: $stem,
            english: include_str!(concat!("../../../lessons/en/", $stem, ".md")),
            chinese: include_str!(concat!("../../../lessons/zh/", $stem, ".md")),
        }
    };
}

/// Every lesson, in order.
pub static LESSONS: [Entry; 9] = [
    lesson!(1, "01-bytes-cost-time"),
    lesson!(2, "02-safe-softmax"),
    lesson!(3, "03-two-pieces"),
    lesson!(4, "04-online-softmax"),
    lesson!(5, "05-flash2"),
    lesson!(6, "06-flash1"),
    lesson!(7, "07-causal"),
    lesson!(8, "08-padding"),
    lesson!(13, "13-precision"),
];

impl Entry {
    /// The text of its file.
    pub fn text(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
    }

    /// Where its file is, from the root of the project.
    pub fn path(&self, language: Language) -> String {
        format!("lessons/{}/{}.md", language.code(), self.stem)
    }

    /// Parses it. Errors name a line of the file.
    pub fn lesson(&self, language: Language) -> Result<Lesson, LessonError> {
        parse(self.text(language))
    }
}
