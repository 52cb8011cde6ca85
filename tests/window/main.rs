//! The window without a display: what is on screen is found by its accessible name and compared with the engine.
#![cfg(feature = "app")]
#![allow(clippy::print_stdout)] // Tests say how much ran.

#[path = "../common/mod.rs"]
mod common;
mod gpu_panel_support;
mod stage_support;

mod any_window;
mod asked;
mod begun;
mod block_sizes;
mod bytes;
mod chinese;
mod choices;
mod code_edit;
mod commands;
mod compare;
mod copied;
mod doors;
mod drawn;
mod figures;
mod frame_window;
mod gpu_panel;
mod kept_choices;
mod keyboard;
mod lesson_controls;
mod listing;
mod long;
mod many_keys;
mod map_words;
mod memories;
mod met;
mod narrow;
mod needle_rows;
mod numbers;
mod overlays;
mod own_course;
mod own_output;
mod painted;
mod palette_list;
mod panels;
mod picture_alone;
mod pictures;
mod presented;
mod refusals;
mod room;
mod setup_controls;
mod setup_said;
mod sides;
mod stage_near;
mod stage_not_finite;
mod stage_steps;
mod stops;
mod strip;
mod strip_columns;
mod talk;
mod teach;
mod text_edit;
mod top_bar;
mod unanswered;
mod units;
mod votes;
mod what_if;
mod window_texts;
mod wrong_first;
mod zooms;
