//! Names in messages: on one line, each byte of them to be seen.

use std::fmt::Write;
use std::path::Path;

/// A name or token on one line, without characters that steer the text around them.
pub fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().flat_map(|c| if steers(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// The name of a file as [`printable`] gives it; bytes of it that are no UTF-8 are `\xNN`.
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_text() {
        assert_eq!(printable("a\nb\u{202e}c\u{2028}\u{1b}[1m"), "a\\u{a}b\\u{202e}c\\u{2028}\\u{1b}[1m");
        assert_eq!(printable("注意力 é"), "注意力 é");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_shown() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(shown(Path::new(OsStr::from_bytes(b"a\xff\xfe\xc3\xa9\n.npz"))), "a\\xff\\xfeé\\u{a}.npz");
    }
}
