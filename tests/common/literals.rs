//! The string literals of the sources, outside of their tests.
#![allow(dead_code)] // Each test file uses its own part.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A literal as the program has it.
#[derive(Clone, Debug)]
pub struct Literal {
    /// From the root of the project.
    pub path: String,
    pub text: String,
    /// What stands before it on its line, or at the end of the line before where it begins one.
    pub before: String,
}

/// Every literal of the `.rs` files at or under `places`, from the root of the project.
pub fn literals(places: &[&str]) -> Vec<Literal> {
    let mut all = Vec::new();
    for path in files(places) {
        let source = fs::read_to_string(&path).expect("sources are UTF-8");
        let path = path.strip_prefix(ROOT).expect("it was found there").to_string_lossy().into_owned();
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let found = of_code(code).into_iter();
        all.extend(found.map(|(text, before)| Literal { path: path.clone(), text, before }));
    }
    all
}

fn files(places: &[&str]) -> Vec<PathBuf> {
    let mut left: Vec<PathBuf> = places.iter().map(|place| Path::new(ROOT).join(place)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).expect("a folder").flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    assert!(!found.is_empty(), "the sources were not found");
    found.sort();
    found
}

/// The literals of `code`, each with what stands before it.
pub fn of_code(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (code, String::new());
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some(char_literal) = ["'\"'", "'\\\"'"].into_iter().find(|quote| rest.starts_with(quote)) {
            rest = &rest[char_literal.len()..];
        } else if c == '"' {
            let (text, length) = literal(&rest[1..]);
            found.push((text, before.trim_end().to_owned()));
            rest = &rest[1 + length..];
            before.push('"');
        } else {
            // A line that is opened by a bracket goes on below.
            match c {
                '\n' if !before.trim_end().ends_with('(') => before.clear(),
                '\n' => {}
                _ => before.push(c),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

/// A literal behind its quote, and its length with the closing quote.
fn literal(source: &str) -> (String, usize) {
    let mut text = String::new();
    let mut chars = source.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, at + 1),
            '\\' => match chars.next() {
                Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'u')) => {
                    let hex: String = chars.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').collect();
                    let code = u32::from_str_radix(&hex, 16).expect("it is hexadecimal");
                    text.push(char::from_u32(code).expect("it is a character"));
                }
                Some((_, c)) => text.push(c),
                None => break,
            },
            c => text.push(c),
        }
    }
    panic!("a literal does not end: {text}")
}
