//! Which of the six frames of a rescale a cursor stands in, and what it says. Pure: no drawing.

use crate::machine::{RowStory, RowVisit};
use crate::number::{difference_shown, short};
use crate::schedule::{Algorithm, Part};
use crate::sentence::Sentence;

/// The six pictures of one visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frame {
    Rest,
    Arrive,
    Climb,
    Shrink,
    Join,
    Fit,
}

impl Frame {
    pub const ALL: [Frame; 6] = [Frame::Rest, Frame::Arrive, Frame::Climb, Frame::Shrink, Frame::Join, Frame::Fit];

    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// In the names of a text.
    pub fn name(self, text: &Algorithm) -> Sentence {
        match self {
            Frame::Rest => "at rest".into(),
            Frame::Arrive => "scores arrive".into(),
            Frame::Climb => "the line climbs".into(),
            Frame::Shrink => {
                Sentence::new("{0} and {1} shrink").with(text.called(Part::Sum)).with(text.called(Part::Output))
            }
            Frame::Join => "new weights join".into(),
            Frame::Fit => "the exact answer".into(),
        }
    }
}

/// Where a cursor stands in a story.
#[derive(Clone, Copy)]
pub struct Scenelet<'a> {
    pub visit: &'a RowVisit,
    /// Its place among the visits of the row.
    pub index: usize,
    pub frame: Frame,
    /// The step carried out last made this frame: its picture may be under way.
    pub is_fresh: bool,
    /// The line lies below a score that the row has seen.
    pub is_behind: bool,
}

/// The frame after `cursor` steps; `None` where the row has no visits.
pub fn at(story: &RowStory, cursor: u64) -> Option<Scenelet<'_>> {
    // A visit ends with the step after its last: then the next one is at rest.
    let over = story.visits.partition_point(|visit| cursor > visit.done_at + 1);
    let index = over.min(story.visits.len().checked_sub(1)?);
    let visit = &story.visits[index];
    let is_last = index + 1 == story.visits.len();
    let shrinks = visit.rescale_at.unwrap_or(visit.done_at);
    let (frame, made_by) = if cursor <= visit.scores_at {
        (Frame::Rest, None)
    } else if cursor <= visit.max_at {
        (Frame::Arrive, Some(visit.scores_at))
    } else if cursor <= shrinks {
        (Frame::Climb, Some(visit.max_at))
    } else if cursor <= visit.done_at {
        (Frame::Shrink, Some(shrinks))
    } else if is_last && cursor > story.end.unwrap_or(visit.done_at).max(visit.done_at + 1) {
        (Frame::Fit, None)
    } else {
        (Frame::Join, Some(visit.done_at))
    };
    let seen = story.visits[..index].iter().flat_map(|visit| &visit.scores);
    let is_behind = seen.into_iter().any(|score| *score > visit.old.m);
    Some(Scenelet { visit, index, frame, is_fresh: made_by.is_some_and(|n| cursor == n + 1), is_behind })
}

/// The cursor at which `frame` of a visit stands.
pub fn cursor_of(story: &RowStory, visit: &RowVisit, frame: Frame) -> u64 {
    match frame {
        Frame::Rest => visit.scores_at,
        Frame::Arrive => visit.max_at,
        Frame::Climb => visit.rescale_at.unwrap_or(visit.done_at),
        Frame::Shrink => visit.rescale_at.map_or(visit.done_at + 1, |n| n + 1),
        Frame::Join => visit.done_at + 1,
        Frame::Fit => story.end.unwrap_or(visit.done_at).max(visit.done_at + 1) + 1,
    }
}

/// What the frame shows, in a sentence with the names of the text; a lesson may ask for alpha.
pub fn sentence(
    now: &Scenelet<'_>,
    text: &Algorithm,
    forgets: bool,
    hides_factor: bool,
    needle: Option<f64>,
    exact: Option<f64>,
) -> Sentence {
    let visit = now.visit;
    if let Some(sentence) = not_finite(now, text) {
        return sentence;
    }
    let [m, l, alpha, o] = [Part::Max, Part::Sum, Part::Alpha, Part::Output].map(|part| text.called(part));
    let highest = visit.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let is_first = visit.old.l == 0.0;
    let rises = visit.m > visit.old.m;
    match now.frame {
        Frame::Rest if is_first => {
            Sentence::new("No key yet: {0} = -inf, {1} = 0, and nothing to average.").with(m).with(l)
        }
        Frame::Rest => {
            let pattern = if now.is_behind {
                "At rest. {0} is the line, which this text leaves below the largest score; {1} is the sum of the weights, {2} / {1} the average."
            } else {
                "At rest. {0} is the largest score so far, {1} the sum of the weights, {2} / {1} the average."
            };
            Sentence::new(pattern).with(m).with(l).with(o)
        }
        Frame::Arrive if highest == f64::NEG_INFINITY && visit.sees_some => {
            "Every score that arrives is -inf: these keys weigh nothing.".into()
        }
        Frame::Arrive if highest == f64::NEG_INFINITY => "Every new key is masked: no score arrives.".into(),
        Frame::Arrive if is_first => Sentence::new("The first scores arrive; the largest is {0}.").with(short(highest)),
        Frame::Arrive if highest > visit.old.m => {
            Sentence::new("New scores arrive. {0} stands above the line. Will the needle move?").with(short(highest))
        }
        Frame::Arrive => "New scores arrive. None stands above the line.".into(),
        Frame::Climb if is_first => {
            Sentence::new("The line starts at {0}. There is nothing to shrink yet.").with(short(visit.m))
        }
        Frame::Climb if rises && hides_factor => Sentence::new("The line climbs by {0}; the scores stay.")
            .with(short(difference_shown(visit.m, visit.old.m))),
        Frame::Climb if rises => Sentence::new("The line climbs by {0}; the scores stay. {2} = e^-{0} = {1}")
            .with(short(difference_shown(visit.m, visit.old.m)))
            .with(short(visit.alpha))
            .with(alpha),
        Frame::Climb if leaves_line(visit) && !hides_factor => {
            Sentence::new("{0} stands above the line, but this text leaves the line: {1} = 1, nothing will shrink.")
                .with(short(highest))
                .with(alpha)
        }
        Frame::Climb if hides_factor => "No new maximum: nothing will shrink.".into(),
        Frame::Climb => Sentence::new("No new maximum: {0} = 1, nothing will shrink.").with(alpha),
        Frame::Shrink if !visit.shrinks_alike && !forgets => {
            Sentence::new("By this text {0} and {1} do not both shrink by {2}.").with(l).with(o).with(alpha)
        }
        Frame::Shrink if is_first => "Nothing to shrink: these are the first keys.".into(),
        Frame::Shrink if forgets && rises => {
            Sentence::new("{0} is forgotten: the old keys keep their old weight.").with(alpha)
        }
        Frame::Shrink if rises => {
            Sentence::new("{0} and {1} shrink by the same {2}. The needle holds still.").with(l).with(o).with(alpha)
        }
        Frame::Shrink if leaves_line(visit) => {
            Sentence::new("This text leaves the line: {0} and {1} stay as they are.").with(l).with(o)
        }
        Frame::Shrink => Sentence::new("No new maximum: {0} and {1} stay as they are.").with(l).with(o),
        Frame::Join if visit.new.l == 0.0 && visit.sees_some => "Every score so far is -inf: nothing joins.".into(),
        Frame::Join if visit.new.l == 0.0 => "Every key so far is masked: nothing joins.".into(),
        Frame::Join => {
            let pattern = "The new weights join {0}, their values join {1}. Only now does the needle move.";
            Sentence::new(pattern).with(l).with(o)
        }
        Frame::Fit => match (needle, exact) {
            (Some(needle), Some(exact)) if needle.is_nan() && exact.is_nan() => {
                "The exact answer (f64) is NaN as well.".into()
            }
            (Some(needle), Some(exact)) if agree(needle, exact) => "The exact answer (f64) fits the needle.".into(),
            (Some(needle), Some(exact)) => {
                Sentence::new("The needle misses: {0} instead of {1}.").with(short(needle)).with(short(exact))
            }
            _ if text.has_splits() => "This split is done: the second kernel joins the splits.".into(),
            _ => "The row is done.".into(),
        },
    }
}

/// A score stands above the line, and the text does not move it: it shrinks only where much is to be gained.
pub fn leaves_line(visit: &RowVisit) -> bool {
    visit.m <= visit.old.m && visit.scores.iter().any(|score| *score > visit.old.m)
}

/// What the frame shows of a row that is no row of numbers.
fn not_finite(now: &Scenelet<'_>, text: &Algorithm) -> Option<Sentence> {
    let visit = now.visit;
    let [name, l, o] = [Part::Max, Part::Sum, Part::Output].map(|part| text.called(part));
    let has = |is_it: fn(f64) -> bool| visit.scores.iter().any(|&s| is_it(s));
    let is_odd = |m: f64, l: f64| m.is_nan() || m == f64::INFINITY || l.is_nan();
    let stays = |m: f64| {
        Sentence::new("{1} is {0}: {2} and {3} are NaN, and stay so.").with(short(m)).with(name).with(l).with(o)
    };
    match now.frame {
        Frame::Rest if is_odd(visit.old.m, visit.old.l) => Some(stays(visit.old.m)),
        Frame::Arrive if has(f64::is_nan) => {
            Some(Sentence::new("A score that arrives is NaN: so will be {0}, {1} and {2}.").with(name).with(l).with(o))
        }
        Frame::Arrive if has(|s| s == f64::INFINITY) => {
            let pattern = "A score that arrives is inf: so will be {0}, and {1} and {2} will be NaN.";
            Some(Sentence::new(pattern).with(name).with(l).with(o))
        }
        Frame::Climb | Frame::Shrink | Frame::Join if is_odd(visit.m, visit.new.l) => Some(stays(visit.m)),
        _ => None,
    }
}

/// The same to the eye: three digits.
fn agree(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-3 * b.abs().max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::attention::input::preset;
    use crate::machine::Run;
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    fn story(name: &str) -> RowStory {
        let problem = preset::row().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
        let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
        Run::new(schedule, &problem, 0, 0, |_| true).unwrap().story(0)
    }

    #[test]
    fn the_frames_follow_each_other() {
        for (name, expected) in [("flash2", 16), ("flash1", 13)] {
            let story = story(name);
            let mut seen = Vec::new();
            for cursor in 0..=story.end.unwrap() + 3 {
                let now = at(&story, cursor).unwrap();
                if seen.last() != Some(&(now.index, now.frame)) {
                    seen.push((now.index, now.frame));
                }
            }
            assert!(seen.is_sorted(), "{name}: {seen:?}");
            assert_eq!(seen.len(), expected, "{name}: {seen:?}");
        }
    }

    /// A text that rescales only where much is to be gained leaves its line below a score: m is not the largest then.
    #[test]
    fn at_rest_the_line_is_the_largest_score_only_where_it_is() {
        let mut behind = 0;
        for name in ["flash2", "flash1", "flash2-lazy"] {
            let (story, text) = (story(name), algorithm::by_name(name).unwrap());
            for (index, visit) in story.visits.iter().enumerate().skip(1) {
                let now = at(&story, cursor_of(&story, visit, Frame::Rest)).unwrap();
                let before = story.visits[..index].iter().flat_map(|visit| visit.scores.iter().copied());
                let largest = before.fold(f64::NEG_INFINITY, f64::max);
                let said = sentence(&now, text, false, false, None, None).to_string();
                assert_eq!(said.contains("the largest score so far"), largest == visit.old.m, "{name} {index}: {said}");
                behind += usize::from(said.contains("below the largest score"));
            }
        }
        assert!(behind > 0, "no line was left");
    }

    #[test]
    fn a_click_on_a_frame_leads_to_it() {
        let story = story("flash2");
        let last = story.visits.last().unwrap();
        for frame in Frame::ALL {
            assert_eq!(at(&story, cursor_of(&story, last, frame)).unwrap().frame, frame);
        }
    }

    #[test]
    fn a_line_that_a_text_leaves_below_a_score_is_no_missing_maximum() {
        let mut story = story("flash2");
        let visit = &mut story.visits[1];
        // As a text leaves it that rescales only where the maximum rises by much.
        (visit.m, visit.alpha) = (visit.old.m, 1.0);
        let visit = &story.visits[1];
        assert!(leaves_line(visit) && !leaves_line(&story.visits[2]));
        for frame in [Frame::Climb, Frame::Shrink] {
            let now = Scenelet { visit, index: 1, frame, is_fresh: false, is_behind: false };
            let text = algorithm::by_name("flash2").unwrap();
            let told = sentence(&now, text, false, false, None, None).to_string();
            assert!(told.contains("leaves the line") && !told.contains("No new maximum"), "{told}");
        }
    }

    #[test]
    fn the_sentences_say_what_happens() {
        let story = story("flash2");
        let told = |visit: usize, frame| {
            let now = at(&story, cursor_of(&story, &story.visits[visit], frame)).unwrap();
            sentence(&now, algorithm::by_name("flash2").unwrap(), false, false, None, None).to_string()
        };
        assert!(told(1, Frame::Climb).contains("alpha = e^-1.386 = 0.2500"), "{}", told(1, Frame::Climb));
        assert!(told(2, Frame::Climb).contains("No new maximum"));
        assert!(told(0, Frame::Climb).contains("nothing to shrink"));
    }
}
