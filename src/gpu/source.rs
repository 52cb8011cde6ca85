//! A kernel's source in a person's hands: other block sizes, and what a compiler says of it, line by line.

use crate::sentence::{Sentence, says_a_sentence};

/// Something that a compiler said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file, where it is not the kernel's own.
    pub file: Option<String>,
    /// From 1; `None` where the message has no place.
    pub line: Option<usize>,
    /// Without its place.
    pub text: String,
}

/// Why a source did not become a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// There is no compiler, or the backend takes no other sources: why.
    Unavailable(Sentence),
    /// The compiler refused it; at least one message.
    Compiler(Vec<Remark>),
}

impl SourceError {
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Unavailable(why) => why.clone(),
            Self::Compiler(said) => first(said),
        }
    }
}

says_a_sentence!(SourceError);

/// The first error with its line.
fn first(messages: &[Remark]) -> Sentence {
    let errors = messages.iter().filter(|message| message.text.starts_with("error") || message.text.contains(" error"));
    let Some(message) = errors.into_iter().next().or(messages.first()) else {
        return "the compiler refused it and did not say why".into();
    };
    let text = Sentence::verbatim(&message.text);
    let at_line = match message.line {
        Some(line) => Sentence::new("line {0}: {1}").with(line).and(text),
        None => text,
    };
    match &message.file {
        Some(file) => Sentence::new("{0} {1}").with(file).and(at_line),
        None => at_line,
    }
}

/// The source with other block sizes, where they are constants that the rest of it follows: `flash1.cu` and `flash2.cu`.
///
/// Errors with what stands against them, with numbers.
pub fn with_blocks(file: &str, source: &str, br: usize, bc: usize) -> Result<String, Sentence> {
    if !has_blocks(file) {
        let text = "the block sizes of {0} follow from how its threads share a tile: edit its source";
        return Err(Sentence::new(text).with(file));
    }
    // Four threads share a query, whole warps run, and a thread holds every fourth key.
    if !br.is_multiple_of(8) || !(8..=256).contains(&br) {
        let text = "BR is {0}, but four threads share a query: it is a multiple of 8, from 8 to 256";
        return Err(Sentence::new(text).with(br));
    }
    if !bc.is_multiple_of(4) || !(4..=256).contains(&bc) {
        let text = "BC is {0}, but four threads share a query's keys: it is a multiple of 4, from 4 to 256";
        return Err(Sentence::new(text).with(bc));
    }
    let mut text = source.to_owned();
    for (name, value) in [("BR", br), ("BC", bc)] {
        let begins = format!("constexpr int {name} = ");
        let found =
            text.find(&begins).ok_or(Sentence::new("the source has no line `{0}..`").with(&begins))? + begins.len();
        let digits = text[found..].chars().take_while(char::is_ascii_digit).count();
        if digits == 0 {
            return Err(Sentence::new("`{0}` is not followed by a number").with(begins));
        }
        text.replace_range(found..found + digits, &value.to_string());
    }
    Ok(text)
}

/// Whether [`with_blocks`] can set the block sizes of this file.
pub fn has_blocks(file: &str) -> bool {
    ["flash1.cu", "flash2.cu"].contains(&file)
}

/// The lines of a compiler's log as messages. A line such as `flash2.cu(12): error: ..` has its place in front; those
/// without one belong to the message before.
pub fn messages(log: &str, file: &str) -> Vec<Remark> {
    let mut found: Vec<Remark> = Vec::new();
    for line in log.lines().filter(|line| !line.trim().is_empty()) {
        if let Some((place, text)) = place_of(line) {
            let (name, number) = place;
            let other = (name != file).then(|| name.to_owned());
            found.push(Remark { file: other, line: Some(number), text: text.to_owned() });
        } else if let Some(last) = found.last_mut().filter(|_| line.starts_with(char::is_whitespace)) {
            last.text = format!("{}\n{}", last.text, line.trim_end());
        } else {
            found.push(Remark { file: None, line: None, text: line.trim().to_owned() });
        }
    }
    found
}

/// `name(12): text` as its parts.
fn place_of(line: &str) -> Option<((&str, usize), &str)> {
    let (place, text) = line.split_once("): ")?;
    let (name, number) = place.rsplit_once('(')?;
    Some(((name, number.parse().ok()?), text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::by_file;

    #[test]
    fn block_sizes_are_put_into_the_source() {
        let source = by_file("flash2.cu").expect("a kernel").source;
        let text = with_blocks("flash2.cu", source, 64, 16).expect("sizes that fit");
        assert!(text.contains("constexpr int BR = 64;") && text.contains("constexpr int BC = 16;"));
        assert_eq!(text.lines().count(), source.lines().count());
        assert!(
            with_blocks("flash2.cu", source, 12, 16).expect_err("a part of a warp").to_string().contains("BR is 12")
        );
        assert!(with_blocks("flash2.cu", source, 32, 6).expect_err("no fourth key").to_string().contains("BC is 6"));
        assert!(
            with_blocks("flash2.cu", "int BR;", 32, 32)
                .expect_err("not there")
                .to_string()
                .contains("constexpr int BR")
        );
        assert!(with_blocks("flash2_mma.cu", "", 32, 32).is_err());
    }

    #[test]
    fn messages_have_their_lines() {
        let log = "flash2.cu(62): error: identifier \"x\" is undefined\n      int block = x;\n                  ^\n\n\
                   attention.cuh(7): warning #177-D: unused\n1 error detected in the compilation of \"flash2.cu\".\n";
        let found = messages(log, "flash2.cu");
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].line, found[0].file.as_deref()), (Some(62), None));
        assert!(found[0].text.starts_with("error: identifier \"x\" is undefined\n      int block"));
        assert_eq!((found[1].line, found[1].file.as_deref()), (Some(7), Some("attention.cuh")));
        assert_eq!((found[2].line, &*found[2].text), (None, "1 error detected in the compilation of \"flash2.cu\"."));
        let said = SourceError::Compiler(found).to_string();
        assert!(said.starts_with("line 62: error: identifier"), "{said}");
        assert!(!SourceError::Compiler(Vec::new()).to_string().is_empty());
    }
}
