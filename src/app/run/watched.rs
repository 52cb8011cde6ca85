//! A file that is read again when it is saved: a text or a lesson of one's own.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use eframe::egui::Context;

/// Between two looks at the file.
const PAUSE: Duration = Duration::from_millis(400);

/// The file, as it was when it was looked at last.
#[derive(Default)]
pub struct Watched {
    seen: Option<(PathBuf, Option<SystemTime>)>,
    /// The frame's clock, in seconds, of that look.
    at: f64,
}

impl Watched {
    /// The file at `path` was saved since the last look. Asks for a frame to look again in.
    pub fn is_saved(&mut self, ctx: &Context, path: &Path) -> bool {
        ctx.request_repaint_after(PAUSE);
        let now = ctx.input(|input| input.time);
        let is_known = self.seen.as_ref().is_some_and(|(known, _)| known == path);
        if is_known && now - self.at < PAUSE.as_secs_f64() {
            return false;
        }
        self.at = now;
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let before = self.seen.replace((path.to_owned(), modified));
        // A file that is being replaced is not there for a moment.
        modified.is_some() && before.is_some_and(|(known, old)| known == path && old != modified)
    }

    /// No file is followed any more.
    pub fn forget(&mut self) {
        self.seen = None;
    }
}
