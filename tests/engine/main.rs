//! The engine against golden data, oracles and other programs: problems, schedules, numbers, traces, lessons.
#![allow(clippy::print_stdout)] // Tests say how much ran.

#[path = "../common/mod.rs"]
mod common;

mod appended;
mod arrival;
mod captured;
mod clock;
mod golden;
mod gradient_rule;
mod gradients;
mod inputs;
mod lessons;
mod masks;
mod museum;
mod museum_packed;
mod mutants;
mod not_finite;
mod own_lessons;
mod pack_heads;
mod packed;
mod paged;
mod precision;
mod prose;
mod random_batch;
mod reduce_heads;
mod schedules;
mod sinks;
mod trace_follows;
mod traces;
mod traffic;
mod varlen;
