//! The lessons that travel inside the program.

use super::{Language, Lesson, LessonError, parse};

/// A lesson in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HouseLesson {
    /// From 1; 0 is that of the questions.
    pub number: usize,
    /// The name of its files, without the extension.
    pub stem: &'static str,
    english: &'static str,
    chinese: &'static str,
}

macro_rules! lesson {
    ($number:literal, $stem:literal) => {
        HouseLesson {
            number: $number,
            stem: $stem,
            english: include_str!(concat!("../../../lessons/en/", $stem, ".md")),
            chinese: include_str!(concat!("../../../lessons/zh/", $stem, ".md")),
        }
    };
}

/// Every lesson, in order.
pub static LESSONS: [HouseLesson; 16] = [
    lesson!(1, "01-bytes-cost-time"),
    lesson!(2, "02-safe-softmax"),
    lesson!(3, "03-two-pieces"),
    lesson!(4, "04-online-softmax"),
    lesson!(5, "05-flash2"),
    lesson!(6, "06-flash1"),
    lesson!(7, "07-causal"),
    lesson!(8, "08-padding"),
    lesson!(9, "09-backward"),
    lesson!(10, "10-split-kv"),
    lesson!(11, "11-heads"),
    lesson!(12, "12-masks"),
    lesson!(13, "13-precision"),
    lesson!(14, "14-errata"),
    lesson!(15, "15-bug-museum"),
    lesson!(16, "16-blocks-over-sms"),
];

/// What people ask, in their own words: each question is a beat.
pub static QUESTIONS: HouseLesson = lesson!(0, "00-questions");

/// The lessons, and the questions.
pub fn all() -> impl Iterator<Item = &'static HouseLesson> {
    LESSONS.iter().chain([&QUESTIONS])
}

/// The lesson with this number, and its index.
pub fn numbered(number: usize) -> Option<(usize, &'static HouseLesson)> {
    LESSONS.iter().enumerate().find(|(_, entry)| entry.number == number)
}

impl HouseLesson {
    /// The title that its header gives it.
    pub fn title(&self, language: Language) -> &'static str {
        self.text(language).lines().find_map(|line| line.strip_prefix("title: ")).unwrap_or_default()
    }

    /// The headings of its beats, in order.
    pub fn headings(&self, language: Language) -> impl Iterator<Item = &'static str> {
        self.text(language).lines().filter_map(|line| line.strip_prefix("## "))
    }

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
