//! The main view: how close it stands, what was chosen about it, and which panels were asked for beside it.

use std::sync::Arc;

use eframe::egui::{Context, Rect};

use crate::app::ink::{motion, zoom};
use crate::app::message::plane_lens::PlaneLens;
use crate::app::message::view::{PROVENANCE, ValueAsked, ViewMessage};
use crate::app::run::at_once::AtOnceShown;
use crate::app::run::flows::CountsShown;
use crate::app::run::ghosts::{Ghosts, Keeper};
use crate::app::run::row::{RowTold, Stories};
use crate::app::run::scene::FinishedRun;
use crate::app::state::compare::Compare;
use crate::playback::lesson::Distance;

/// What was chosen, and what workers made for it.
#[derive(Default)]
pub struct MainView {
    /// How close the main view stands.
    pub distance: Distance,
    /// In place of the view while it is open.
    pub compare: Compare,
    /// It is looked at from afar: without controls and hints.
    pub is_projected: bool,
    pub component: usize,
    pub lens: PlaneLens,
    /// Of what the bytes are counted, and what they are held against.
    pub counts: CountsShown,
    pub at_once: AtOnceShown,
    /// As [`ViewMessage::Memory`].
    pub memory: f32,
    /// A question about a value, until the panel that answers it has it.
    pub asked: Option<ValueAsked>,
    /// What the map and the tile have of the next closer view, as they were drawn last.
    pub focus: [Option<Rect>; 2],
    passage: Option<Passage>,
    stories: Stories,
    ghosts: Keeper,
    /// Panels that were asked for, the latest last.
    asked_for: Vec<AskedFor>,
    /// How many workbenches the side has room for, one above the other, at least one.
    pub benches: usize,
}

/// A panel that was asked for.
struct AskedFor {
    id: &'static str,
    /// It stands in place of the row, and not above it.
    is_workbench: bool,
}

/// From one distance to the one that it stands at.
struct Passage {
    from: Distance,
    /// The clock of its first frame.
    since: Option<f64>,
}

impl MainView {
    /// Standing at `distance`, with nothing else chosen.
    pub fn at(distance: Distance) -> Self {
        Self { distance, ..Self::default() }
    }

    /// As [`Self::stand_at`], and the way there is seen.
    pub fn go_to(&mut self, distance: Distance) {
        // The memories of the chip are another picture, and no zoom of the map.
        let is_other = [distance, self.distance].contains(&Distance::Memory);
        let is_seen = !self.compare.is_open && !is_other && distance != self.distance;
        self.passage = is_seen.then_some(Passage { from: self.distance, since: None });
        self.stand_at(distance);
    }

    /// On the way to where it stands: the wider view, the closer one, and how far towards that. Without motion, never.
    pub fn on_the_way(&mut self, ctx: &Context) -> Option<(Distance, Distance, f32)> {
        let way = self.passage.as_mut().filter(|_| !motion::is_reduced(ctx));
        let now = ctx.input(|input| input.time);
        let passed = way.map(|way| (way.from, now - *way.since.get_or_insert(now)));
        let Some((from, passed)) = passed.filter(|(_, passed)| *passed < zoom::SECONDS && !self.compare.is_open) else {
            self.passage = None;
            return None;
        };
        ctx.request_repaint();
        let part = motion::eased(passed / zoom::SECONDS);
        let comes_closer = from < self.distance;
        let closer = if comes_closer { part } else { 1.0 - part };
        Some((from.min(self.distance), from.max(self.distance), closer))
    }

    /// Moves closer or farther, and away from a comparison.
    pub fn stand_at(&mut self, distance: Distance) {
        self.distance = distance;
        self.compare.is_open = false;
    }

    pub fn carry_out(&mut self, message: ViewMessage) {
        match message {
            ViewMessage::Component(component) => self.component = component,
            ViewMessage::Lens(lens) => self.lens = lens,
            ViewMessage::AtOnce => self.at_once.is_on = !self.at_once.is_on,
            ViewMessage::Memory(zoom) => self.memory = zoom,
            ViewMessage::Ask(asked) => {
                self.asked = Some(asked);
                self.open(PROVENANCE);
            }
        }
    }

    /// Shows a panel beside the view, above the row.
    pub fn open(&mut self, id: &'static str) {
        self.close(id);
        self.asked_for.push(AskedFor { id, is_workbench: false });
    }

    /// Shows a panel beside the view, in place of the row.
    pub fn open_workbench(&mut self, id: &'static str) {
        self.close(id);
        self.asked_for.push(AskedFor { id, is_workbench: true });
    }

    pub fn close_all(&mut self) {
        self.asked_for.clear();
    }

    pub fn close(&mut self, id: &str) {
        self.asked_for.retain(|open| open.id != id);
    }

    /// Closes the panel that was asked for last, if one is seen.
    pub fn close_top(&mut self) -> bool {
        !self.is_projected && self.asked_for.pop().is_some()
    }

    /// The panel of this id was asked for.
    pub fn is_open(&self, id: &str) -> bool {
        self.asked_for.iter().any(|open| open.id == id)
    }

    /// The panel of this id was asked for, and nothing that was asked for later has its place.
    pub fn is_seen(&self, id: &str) -> bool {
        self.seen().any(|seen| seen == id)
    }

    /// What stands at the side, the latest first: workbenches as far as they have room, or what stands above the row.
    pub fn seen(&self) -> impl Iterator<Item = &'static str> {
        let has_workbench = self.has_workbench();
        let most = if has_workbench { self.benches.max(1) } else { usize::MAX };
        let seen = self.asked_for.iter().rev().filter(move |open| open.is_workbench == has_workbench);
        seen.take(most).map(|open| open.id)
    }

    /// What was asked for and is not seen, the latest first.
    pub fn covered(&self) -> impl Iterator<Item = &'static str> {
        let open = self.asked_for.iter().rev().map(|open| open.id);
        open.filter(|id| !self.is_seen(id))
    }

    /// The side is a workbench now.
    pub fn has_workbench(&self) -> bool {
        self.asked_for.last().is_some_and(|open| open.is_workbench)
    }

    /// A panel was asked for.
    pub fn has_on_demand(&self) -> bool {
        !self.asked_for.is_empty()
    }

    /// Takes in what workers have made, also of what is not shown any more.
    pub fn update(&mut self) {
        self.stories.update();
        self.ghosts.update();
        self.at_once.update();
        self.compare.update();
    }

    pub fn is_busy(&self) -> bool {
        self.stories.is_busy() || self.ghosts.is_busy() || self.at_once.is_busy() || self.compare.is_busy()
    }

    /// What happens to the row of `query`; `None` while it is being found out.
    pub fn told(
        &mut self,
        ctx: &Context,
        scene: &Arc<FinishedRun>,
        generation: u64,
        query: usize,
    ) -> Option<Arc<RowTold>> {
        self.stories.get(ctx, scene, generation, query)
    }

    /// The weights of the whole run; `None` while they are being made, or where they are too many.
    pub fn ghosts(&mut self, ctx: &Context, scene: &Arc<FinishedRun>, generation: u64) -> Option<Arc<Ghosts>> {
        self.ghosts.get(ctx, scene, generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::RawInput;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Asked {
        Panel(usize),
        Bench(usize),
        Closed(usize),
        Top,
        All,
    }

    const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn asked() -> impl Strategy<Value = Asked> {
        let one = 0..IDS.len();
        prop_oneof![
            4 => one.clone().prop_map(Asked::Panel),
            4 => one.clone().prop_map(Asked::Bench),
            2 => one.prop_map(Asked::Closed),
            2 => Just(Asked::Top),
            1 => Just(Asked::All),
        ]
    }

    proptest! {
        /// Against a list from the latest to the first, of which each panel is a member once.
        #[test]
        fn the_latest_is_seen_and_closes_first(all in prop::collection::vec(asked(), 1..40), benches in 0usize..4) {
            let mut view = MainView { benches, ..MainView::default() };
            let mut list: Vec<(&str, bool)> = Vec::new();
            for one in all {
                match one {
                    Asked::Panel(n) => view.open(IDS[n]),
                    Asked::Bench(n) => view.open_workbench(IDS[n]),
                    Asked::Closed(n) => view.close(IDS[n]),
                    Asked::Top => prop_assert_eq!(view.close_top(), !list.is_empty()),
                    Asked::All => view.close_all(),
                }
                match one {
                    Asked::Panel(n) | Asked::Bench(n) | Asked::Closed(n) => list.retain(|(id, _)| *id != IDS[n]),
                    Asked::Top => drop(list.drain(..list.len().min(1))),
                    Asked::All => list.clear(),
                }
                match one {
                    Asked::Panel(n) => list.insert(0, (IDS[n], false)),
                    Asked::Bench(n) => list.insert(0, (IDS[n], true)),
                    Asked::Closed(_) | Asked::Top | Asked::All => {}
                }
                let of_bench = list.first().is_some_and(|(_, is_bench)| *is_bench);
                let same: Vec<&str> = list.iter().filter(|(_, is)| *is == of_bench).map(|(id, _)| *id).collect();
                // One workbench is there in the lowest of windows; what stands above the row scrolls.
                let most = if of_bench { benches.max(1) } else { same.len() };
                let seen = &same[..same.len().min(most)];
                prop_assert_eq!(view.seen().collect::<Vec<_>>(), seen);
                let covered: Vec<&str> = list.iter().map(|(id, _)| *id).filter(|id| !seen.contains(id)).collect();
                prop_assert_eq!(view.covered().collect::<Vec<_>>(), covered);
                prop_assert_eq!((view.has_workbench(), view.has_on_demand()), (of_bench, !list.is_empty()));
                for id in IDS {
                    prop_assert_eq!(view.is_open(id), list.iter().any(|(open, _)| *open == id));
                    prop_assert_eq!(view.is_seen(id), seen.contains(&id));
                }
            }
        }
    }

    /// Escape ends a talk: what lies under the projected picture stays for afterwards.
    #[test]
    fn nothing_is_closed_under_a_projected_picture() {
        let mut view = MainView { is_projected: true, ..MainView::default() };
        view.open("a");
        assert!(!view.close_top() && view.is_open("a"));
        view.is_projected = false;
        assert!(view.close_top() && !view.is_open("a"));
    }

    /// Where the way is at a time of the clock.
    fn way(ctx: &Context, view: &mut MainView, time: f64) -> Option<(Distance, Distance, f32)> {
        let mut found = None;
        let input = RawInput { time: Some(time), ..RawInput::default() };
        let _ = ctx.run_ui(input, |ui| found = view.on_the_way(ui.ctx()));
        found
    }

    #[test]
    fn the_way_leads_from_the_wider_view_to_the_closer_and_back_the_same_way() {
        let ctx = Context::default();
        let mut view = MainView::at(Distance::Far);
        view.go_to(Distance::Near);
        assert_eq!(view.distance, Distance::Near, "where it stands at once");
        let times = [5.0, 5.1, 5.15, 5.2, 5.29];
        let closer: Vec<f32> = times
            .map(|time| {
                let (wider, closer, part) = way(&ctx, &mut view, time).expect("on the way");
                assert_eq!((wider, closer), (Distance::Far, Distance::Near));
                part
            })
            .into();
        assert!(closer[0] == 0.0 && closer.windows(2).all(|two| two[0] < two[1]) && closer[4] < 1.0, "{closer:?}");
        assert!((closer[2] - 0.5).abs() < 1e-3, "in the middle of the time: {closer:?}");
        assert_eq!(way(&ctx, &mut view, 5.0 + zoom::SECONDS + 0.01), None);
        view.go_to(Distance::Far);
        let back: Vec<f32> = times.map(|time| way(&ctx, &mut view, time + 10.0).expect("on the way").2).into();
        for (there, back) in closer.iter().zip(back) {
            assert!((there + back - 1.0).abs() < 1e-5, "{there} and {back}");
        }
    }

    #[test]
    fn no_way_is_seen_where_there_is_none() {
        let ctx = Context::default();
        let goes = |from, to, is_comparing| {
            let mut view = MainView::at(from);
            view.compare.is_open = is_comparing;
            view.go_to(to);
            assert!(view.distance == to && !view.compare.is_open, "{from:?} to {to:?}");
            way(&ctx, &mut view, 1.0).is_some()
        };
        assert!(goes(Distance::Middle, Distance::Near, false));
        assert!(!goes(Distance::Near, Distance::Near, false));
        assert!(!goes(Distance::Memory, Distance::Near, false) && !goes(Distance::Far, Distance::Memory, false));
        assert!(!goes(Distance::Far, Distance::Near, true), "from a comparison");
        ctx.all_styles_mut(|style| style.animation_time = 0.0);
        assert!(!goes(Distance::Middle, Distance::Near, false), "without motion");
    }
}
