//! Which steps the strip shows: a pure function of what was zoomed to, the cursor and the length of the schedule.

use eframe::egui::Rect;

/// The fewest steps that are shown: each is then wide enough for the name of its operation.
const FEWEST: f64 = 10.0;

/// What was zoomed to. It turns pages to keep the cursor in sight, and stays where it was put while the cursor rests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepsLens {
    /// Steps done at the left edge, and steps from there to the right edge.
    first: f64,
    span: f64,
    /// Steps of the schedule that this is of; every other is shown whole.
    len: u64,
    /// It was moved by hand while the cursor stood here.
    held_at: Option<u64>,
}

/// The steps that are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepsSeen {
    pub first: f64,
    pub span: f64,
}

impl StepsLens {
    /// What is seen at `cursor` of a schedule of `len` steps.
    pub fn seen(self, cursor: u64, len: u64) -> StepsSeen {
        let whole = len as f64;
        if self.len != len || self.span >= whole {
            return StepsSeen { first: 0.0, span: whole };
        }
        let pages = if self.held_at == Some(cursor) {
            0.0
        } else {
            // The step done last is on the page.
            ((cursor as f64 - self.first) / self.span).ceil() - 1.0
        };
        let first = (self.first + pages * self.span).clamp(0.0, whole - self.span);
        StepsSeen { first, span: self.span }
    }

    pub fn is_whole(self, len: u64) -> bool {
        self.len != len || self.span >= len as f64
    }

    /// Closer by `factor`, with the step `at` held where it is seen.
    pub fn zoomed(self, factor: f64, at: f64, cursor: u64, len: u64) -> Self {
        let (seen, whole) = (self.seen(cursor, len), len as f64);
        let span = (seen.span / factor).clamp(FEWEST.min(whole), whole);
        let first = at - (at - seen.first) * span / seen.span.max(f64::MIN_POSITIVE);
        Self { first: first.clamp(0.0, whole - span), span, len, held_at: Some(cursor) }
    }

    /// Closer by `factor`, with the cursor in the middle.
    pub fn zoomed_at_cursor(self, factor: f64, cursor: u64, len: u64) -> Self {
        let zoomed = self.zoomed(factor, cursor as f64, cursor, len);
        zoomed.centered(cursor as f64, cursor, len)
    }

    /// As close, with the step `at` in the middle.
    pub fn centered(self, at: f64, cursor: u64, len: u64) -> Self {
        let StepsSeen { span, .. } = self.seen(cursor, len);
        let first = (at - span / 2.0).clamp(0.0, len as f64 - span);
        Self { first, span, len, held_at: Some(cursor) }
    }
}

impl StepsSeen {
    pub fn end(self) -> f64 {
        self.first + self.span
    }

    /// Where the cursor `step` lies in `rect`, which may be beside it.
    pub fn x_of(self, step: f64, rect: Rect) -> f32 {
        rect.left() + (f64::from(rect.width()) * (step - self.first) / self.span.max(1.0)) as f32
    }

    /// The cursor at `x`.
    pub fn step_at(self, x: f32, rect: Rect) -> f64 {
        self.first + self.span * f64::from((x - rect.left()) / rect.width().max(1.0))
    }

    /// The nearest cursor within a schedule of `len` steps.
    pub fn cursor_at(self, x: f32, rect: Rect, len: u64) -> u64 {
        // A cast of a float saturates.
        (self.step_at(x, rect).round() as u64).min(len)
    }

    /// It can be seen at all.
    pub fn holds(self, step: f64) -> bool {
        (self.first..=self.end()).contains(&step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEN: u64 = 1000;

    #[test]
    fn a_zoom_holds_the_step_under_the_pointer() {
        let lens = StepsLens::default().zoomed(4.0, 250.0, 10, LEN);
        assert_eq!(lens.seen(10, LEN), StepsSeen { first: 187.5, span: 250.0 });
        let back = lens.zoomed(0.25, 250.0, 10, LEN);
        assert!(back.is_whole(LEN));
        assert_eq!(StepsLens::default().zoomed(1e9, 0.0, 0, LEN).seen(0, LEN).span, FEWEST);
        assert_eq!(StepsLens::default().zoomed(1e9, 0.0, 0, 5).seen(0, 5).span, 5.0);
    }

    #[test]
    fn pages_turn_with_the_cursor_whichever_way_it_came() {
        let lens = StepsLens::default().zoomed_at_cursor(10.0, 500, LEN);
        for cursor in 0..=LEN {
            let seen = lens.seen(cursor, LEN);
            assert!(seen.holds(cursor as f64) && seen.span == 100.0, "{cursor}: {seen:?}");
            assert!(cursor == 0 || seen.holds(cursor as f64 - 1.0), "the step done last is off the page of {cursor}");
            assert!(seen.first >= 0.0 && seen.end() <= LEN as f64);
        }
    }

    #[test]
    fn what_is_moved_by_hand_stays_until_the_cursor_moves() {
        let lens = StepsLens::default().zoomed_at_cursor(10.0, 50, LEN).centered(900.0, 50, LEN);
        assert_eq!(lens.seen(50, LEN).first, 850.0);
        assert!(lens.seen(51, LEN).holds(51.0));
        // A schedule of another length is shown whole.
        assert_eq!(lens.seen(50, 70), StepsSeen { first: 0.0, span: 70.0 });
    }

    #[test]
    fn places_and_steps_are_each_others_inverse() {
        let rect = Rect::from_min_max(eframe::egui::pos2(20.0, 0.0), eframe::egui::pos2(220.0, 10.0));
        let seen = StepsSeen { first: 30.0, span: 50.0 };
        for step in 30..=80 {
            assert_eq!(seen.cursor_at(seen.x_of(f64::from(step), rect), rect, LEN), step as u64);
        }
        assert_eq!(seen.cursor_at(-1e9, rect, LEN), 0);
        assert_eq!(seen.cursor_at(1e9, rect, LEN), LEN);
    }

    proptest! {
        /// Zooms, moves and pages: never beyond the schedule, never closer than the fewest, and the cursor on the page where it
        /// moved last.
        #[test]
        fn no_lens_leaves_the_schedule(
            len in 1u64..5000,
            all in prop::collection::vec((0u8..4, 0.1f64..10.0, 0f64..1.0), 1..30),
        ) {
            let (mut lens, mut cursor) = (StepsLens::default(), 0);
            let fewest = FEWEST.min(len as f64);
            for (what, factor, part) in all {
                let at = part * len as f64;
                let has_moved = what == 3;
                lens = match what {
                    0 => lens.zoomed(factor, at, cursor, len),
                    1 => lens.zoomed_at_cursor(factor, cursor, len),
                    2 => lens.centered(at, cursor, len),
                    _ => lens,
                };
                if has_moved && cursor != at as u64 {
                    cursor = at as u64;
                    let (seen, at) = (lens.seen(cursor, len), cursor as f64);
                    // Where the strip was moved by hand it lies as it was put.
                    let is_held = lens.held_at == Some(cursor);
                    prop_assert!(is_held || (seen.first - 1e-6..=seen.end() + 1e-6).contains(&at), "{at} of {seen:?}");
                }
                let seen = lens.seen(cursor, len);
                prop_assert!(seen.first >= 0.0 && seen.end() <= len as f64 + 1e-6, "{seen:?} of {len}");
                prop_assert!((fewest - 1e-9..=len as f64).contains(&seen.span), "{seen:?} of {len}");
                prop_assert_eq!(lens.is_whole(len), seen == StepsSeen { first: 0.0, span: len as f64 });
            }
        }
    }
}
