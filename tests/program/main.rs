//! The program from outside: commands, files, what it says and how it ends.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod commands;
mod diff;
mod mine;
mod not_finite;
mod own_texts;
mod saved;
mod traffic;
mod what_if_cli;
