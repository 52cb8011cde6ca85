//! The tile language: what is derived from a text against the engine of today, published formulas, and golden data.
#![allow(clippy::print_stdout)] // Tests say how much ran.

mod bugs;
mod chip;
#[path = "../common/mod.rs"]
mod common;
mod conditions;
mod costs;
mod diagnostics;
mod facts;
mod forms;
mod fuzz;
mod grammar;
mod groups;
mod limits;
mod outcome;
mod parts;
mod programs;
mod random_texts;
mod reduce_heads;
mod results;
mod sections;
mod steps;
mod traffic;
mod values;
mod variants;

use tilescope::schedule::language::{self, Algorithm};

/// The text of this name that comes with the program.
fn text(name: &str) -> Algorithm {
    let (_, text) = language::TEXTS.into_iter().find(|(known, _)| *known == name).expect("a text of the program");
    read(text)
}

fn read(text: &str) -> Algorithm {
    language::read(text).unwrap_or_else(|wrong| panic!("{}\n{text}", lines(&wrong)))
}

fn lines<T: std::fmt::Display>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
