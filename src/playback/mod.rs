//! Lessons as functions of a position. No files, clock, threads or window: texts come in, answers go out.

pub mod lesson;
