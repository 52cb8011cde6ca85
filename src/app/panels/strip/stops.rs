//! Where the breakpoints that are set hit among the steps that are seen: by the schedule alone, or as a search has found.

use eframe::egui::Ui;

use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, tr};
use crate::number::grouped;
use crate::playback::breakpoint::{Condition, hits_of_stretch};

/// Of a longer stretch the steps are not written again for their marks.
const MOST_WRITTEN: u64 = 1 << 16;
/// Hits that are named.
const MOST_NAMED: usize = 12;

/// The breakpoints that are set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StopsSeen {
    /// Those that the schedule tells.
    pub of_schedule: Vec<Condition>,
    /// There are others: they are known only where a search has been.
    pub has_others: bool,
    /// Cursors of hits that searches have found, for the conditions as they stand.
    pub found: Vec<u64>,
}

/// The marks of a stretch, worked out once.
pub struct StretchMarks {
    generation: u64,
    stretch: (u64, u64),
    stops: StopsSeen,
    /// Cursors in order.
    pub hits: Vec<u64>,
    is_written: bool,
}

impl StretchMarks {
    pub fn of(look: &Look<'_>, stretch: (u64, u64), stops: &StopsSeen) -> Self {
        let (first, end) = stretch;
        let is_written = end - first <= MOST_WRITTEN;
        let mut hits = stops.found.clone();
        hits.retain(|cursor| (first..=end).contains(cursor));
        if is_written && !stops.of_schedule.is_empty() {
            let of_schedule = hits_of_stretch(look.scene.schedule(), &stops.of_schedule, first, end);
            hits.extend(of_schedule.into_iter().map(|hit| hit.cursor));
        }
        hits.sort_unstable();
        hits.dedup();
        Self { generation: look.generation, stretch, stops: stops.clone(), hits, is_written }
    }

    pub fn is_of(&self, generation: u64, stretch: (u64, u64), stops: &StopsSeen) -> bool {
        self.generation == generation && self.stretch == stretch && self.stops == *stops
    }

    /// The hits by their steps, and what is not marked.
    pub fn told(&self, ui: &Ui) -> String {
        let ctx = ui.ctx();
        let named: Vec<String> = self.hits.iter().take(MOST_NAMED).map(|cursor| grouped(*cursor)).collect();
        let count = grouped(self.hits.len() as u64);
        let mut text = match self.hits.len() {
            0 => tr(ctx, "no hit is marked").to_owned(),
            n if n <= MOST_NAMED => {
                fill(ctx, "{0} {0|hit|hits}: after {1|step|steps} {2}", &[&count, &n, &list(ctx, &named)])
            }
            n => fill(ctx, "{0} {0|hit|hits}: after {1|step|steps} {2} ...", &[&count, &n, &list(ctx, &named)]),
        };
        if !self.is_written && !self.stops.of_schedule.is_empty() {
            text = fill(ctx, "{0}; {1}", &[&text, &tr(ctx, "zoom in to see them all")]);
        }
        if self.stops.has_others {
            text = fill(
                ctx,
                "{0}; {1}",
                &[&text, &tr(ctx, "what the numbers decide is marked where a search has found it")],
            );
        }
        text
    }
}
