//! A bar for work that takes longer than a second, on a terminal only.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how much of some work is done, once a second has passed.
pub struct Progress {
    what: &'static str,
    total: u64,
    begin: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, begin: Instant::now(), bar: None }
    }

    /// `done` of the total are done. Cheap enough to be called often.
    pub fn at(&mut self, done: u64) {
        if self.bar.is_none() && self.begin.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.bar.get_or_insert_with(|| bar(self.what, self.total)).set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
