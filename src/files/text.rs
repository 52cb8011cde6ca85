//! Algorithms by name: texts that come with the program, and texts of one's own from a file.

use std::path::Path;

use crate::schedule::language::TEXTS;
use crate::schedule::{Algorithm, algorithm};
use crate::sentence::Sentence;

use super::{read, shown};

/// How the name of a text of one's own ends.
const EXTENSION: &str = ".tile";
/// A text is a page or two.
pub const MOST_BYTES: u64 = 1 << 20;

/// The name is that of a text of one's own.
pub fn is_text(name: &str) -> bool {
    name.ends_with(EXTENSION)
}

/// The algorithm that `name` asks for: `flash2`, the variant `flash2/forget-alpha`, `mine.tile`. Errors in one line: a
/// name that is not known with those that are; what is wrong with a text as `mine.tile:LINE:COLUMN: what`.
pub fn algorithm(name: &str) -> Result<Algorithm, Sentence> {
    if is_text(name) {
        return own(name);
    }
    algorithm::by_name(name).cloned().ok_or_else(|| {
        let known = TEXTS.map(|(name, _)| name).join(", ");
        let what = "there is no algorithm {0}; there are {1}, variants such as flash2/forget-alpha, and any FILE.tile";
        Sentence::new(what).with(name).with(known)
    })
}

fn own(name: &str) -> Result<Algorithm, Sentence> {
    let path = Path::new(name);
    let fault = |fault: Sentence| Sentence::new("{0}: {1}").with(shown(path)).and(fault);
    let bytes = read(path, MOST_BYTES).map_err(fault)?;
    let text = String::from_utf8(bytes).map_err(|_| fault("this is no text: it is not UTF-8".into()))?;
    Algorithm::read(name, &text).map_err(|wrong| {
        let first = wrong.first().map(|first| first.sentence(&shown(path))).unwrap_or_default();
        match wrong.len() {
            0 | 1 => first,
            all => Sentence::new("{0} (and {1} more)").and(first).with(all - 1),
        }
    })
}
