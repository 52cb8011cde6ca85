//! The language on screen: words and sentences are said in it.

use eframe::egui::{Context, Id};

use crate::app::tongue::chinese;
use crate::playback::lesson::Language;
use crate::sentence::{self, Sentence};

/// The language on screen.
pub fn language(ctx: &Context) -> Language {
    ctx.data(|data| data.get_temp(Id::unique("language"))).unwrap_or_default()
}

/// Every word changes with the next frame.
pub fn set_language(ctx: &Context, language: Language) {
    ctx.data_mut(|data| data.insert_temp(Id::unique("language"), language));
}

/// `english` in the language on screen; itself where the table has no line for it, which a test forbids.
pub fn tr<'a>(ctx: &Context, english: &'a str) -> &'a str {
    in_language(language(ctx), english)
}

pub fn in_language(language: Language, english: &str) -> &str {
    match language {
        Language::English => english,
        Language::Chinese => chinese::of(english).unwrap_or(english),
    }
}

/// A sentence of the table with its values: `{0}` is the first.
pub fn fill(ctx: &Context, english: &str, values: &[&dyn std::fmt::Display]) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    sentence::fill(tr(ctx, english), &values)
}

/// A sentence in the language on screen.
pub fn say(ctx: &Context, sentence: &Sentence) -> String {
    say_in(language(ctx), sentence)
}

pub fn say_in(language: Language, sentence: &Sentence) -> String {
    sentence.say(&|pattern| in_language(language, pattern))
}

/// Names or numbers side by side.
pub fn list(ctx: &Context, items: &[impl AsRef<str>]) -> String {
    joined(items, tr(ctx, sentence::BETWEEN))
}

/// What is said of one thing, part by part.
pub fn clauses(ctx: &Context, parts: &[impl AsRef<str>]) -> String {
    joined(parts, tr(ctx, "; "))
}

fn joined(parts: &[impl AsRef<str>], between: &str) -> String {
    parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_clauses_have_the_marks_of_the_language() {
        let ctx = Context::default();
        let (names, sentence) = (["O", "m", "l"], Sentence::new("{0}: {1}").with("x").with_list(["S", "P"]));
        let said = || [list(&ctx, &names), clauses(&ctx, &names), say(&ctx, &sentence)];
        assert_eq!(said(), ["O, m, l", "O; m; l", "x: S, P"]);
        set_language(&ctx, Language::Chinese);
        assert_eq!(said(), ["O、m、l", "O；m；l", "x：S、P"]);
    }

    #[test]
    fn values_stand_where_the_language_has_them() {
        let ctx = Context::default();
        let count = |n: usize| fill(&ctx, "{0}, {1} {1|token|tokens}", &[&"toy", &n]);
        assert_eq!([count(1), count(2)], ["toy, 1 token", "toy, 2 tokens"]);
        set_language(&ctx, Language::Chinese);
        let (one, two) = (count(1), count(2));
        assert_eq!(one.replace('1', "2"), two, "no plural");
        assert!(one.contains("toy") && !one.contains("token"), "{one}");
        // What is in no table is said as it is, and so is what stands in a value.
        assert_eq!(tr(&ctx, "quokka"), "quokka");
        assert_eq!(fill(&ctx, "{1} quokka {0}", &[&"{1}", &2]), "2 quokka {1}");
        set_language(&ctx, Language::English);
        assert_eq!(count(1), "toy, 1 token");
        assert_eq!(language(&Context::default()), Language::English, "another window has its own");
    }
}
