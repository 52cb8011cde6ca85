//! Where a text leaves a right one: both are carried out for one block of a result, and their values compared step by step.
//!
//! The right text runs in f64 and in the format of the run: a value differs when it is more than twice as far from that of
//! f64 as that of the format is, plus the floor of the error rule. Only the row (or the key) of the wrong number is looked
//! at, and only steps that its block hangs on.
//!
//! What differs is at fault only once something that outlives its tile differs: a name that is kept from tile to tile, a
//! block in HBM, a reported value. Then the first step of the same place with a value that still differs is told.

use std::collections::{HashMap, HashSet};

use crate::attention::error_rule::{finite_error, floor, largest, max_error};
use crate::attention::expected::place as in_words;
use crate::attention::{Precision, Real, WrongNumber};
use crate::machine::fault::Fault;
use crate::machine::given::Given;
use crate::machine::inputs::inputs;
use crate::schedule::language::{Extent, Setting, Shape};
use crate::schedule::{Algorithm, Place, Plan, Schedule, Step};
use crate::sentence::Sentence;

use super::recorder::{Key, Moment, Values, Watched, record};
use super::{At, Group};

/// The first value that is not what a right text has.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The step after which it differs.
    pub at: At,
    /// The line of the right text that is missing before it, by its operation.
    pub left_out: Option<String>,
    /// The right text.
    pub right: String,
    /// Its name, and where in its tensor or tile it stands: row and column.
    pub name: String,
    pub row: usize,
    pub column: usize,
    shape: Shape,
    pub got: f64,
    pub want: f64,
}

/// Carries out the text of `schedule` and `right`, for the block of `number`. `None` where no step differs, as where the
/// two do not take the same steps.
pub fn find<T: Real>(
    schedule: &Schedule,
    right: &'static Algorithm,
    group: &Group<'_>,
    number: &WrongNumber,
    head: usize,
) -> Option<Divergence> {
    let plan = schedule.plan();
    let right_in = |precision: Precision| {
        let plan = Plan { precision, ..plan.clone() };
        Schedule::of(right, Setting { plan, ..schedule.setting.clone() })
    };
    let (in_format, in_f64) = (right_in(plan.precision), right_in(Precision::F64));
    let watched = Watched { row: number.row, is_key: number.is_of_key(), head };
    let own = record::<T>(schedule, &given(schedule, group).ok()?, watched)?;
    let exact = record::<f64>(&in_f64, &given(&in_f64, group).ok()?, watched)?;
    let plain = record::<T>(&in_format, &given(&in_format, group).ok()?, watched)?;
    // Both are the same steps of one text.
    if exact.len() != plain.len() {
        return None;
    }
    let found = Comparison::new(schedule, &in_f64, &own, &exact, &plain).first()?;
    Some(Divergence { right: right.name().to_owned(), ..found })
}

fn given<T: Real>(schedule: &Schedule, group: &Group<'_>) -> Result<Vec<Given<T>>, Fault> {
    let of = |(at, head): (usize, usize)| inputs(schedule, group.problem, group.d_o_of(at), group.batch, head);
    group.heads.clone().enumerate().map(of).collect()
}

/// An operation at a place: a step of either text.
type Turn = (String, Place, usize);

struct Comparison<'a> {
    schedule: &'a Schedule,
    own: &'a [Moment<'a>],
    exact: &'a [Moment<'a>],
    plain: &'a [Moment<'a>],
    own_turns: Vec<Turn>,
    right_turns: Vec<Turn>,
    right_operations: HashSet<String>,
    floor: f64,
    /// The values at hand: of the text, and of the right one in f64 and in the format.
    now: HashMap<Key<'a>, &'a Values<'a>>,
    right_now: HashMap<Key<'a>, [&'a Values<'a>; 2]>,
    /// What differs: values of the tile at hand, and those that outlive it.
    differing: Vec<(Key<'a>, Divergence)>,
}

impl<'a> Comparison<'a> {
    fn new(
        schedule: &'a Schedule,
        right: &Schedule,
        own: &'a [Moment<'a>],
        exact: &'a [Moment<'a>],
        plain: &'a [Moment<'a>],
    ) -> Self {
        let turns = |schedule: &Schedule, moments: &[Moment<'_>]| {
            let turn = |moment: &Moment<'_>| {
                let step = &moment.step;
                (schedule.algorithm.operation(step.line), step.place, step.head)
            };
            moments.iter().map(turn).collect()
        };
        Self {
            own_turns: turns(schedule, own),
            right_turns: turns(right, exact),
            right_operations: (0..right.algorithm.text().lines.len()).map(|n| right.algorithm.operation(n)).collect(),
            floor: floor(schedule.plan().precision),
            schedule,
            own,
            exact,
            plain,
            now: HashMap::new(),
            right_now: HashMap::new(),
            differing: Vec::new(),
        }
    }

    fn first(mut self) -> Option<Divergence> {
        let own_turns: HashSet<Turn> = self.own_turns.iter().cloned().collect();
        let mut next = 0;
        for (at, moment) in self.own.iter().enumerate() {
            self.leave_tile(moment);
            // Steps of the right text that this one leaves out lie between.
            let turn = &self.own_turns[at];
            let passed = self.right_turns[next..].iter().take_while(|right| !own_turns.contains(*right)).count();
            let is_met = self.right_turns.get(next + passed) == Some(turn);
            for left_out in next..if is_met { next + passed } else { next } {
                if let Some(found) = self.after_left_out(left_out, moment) {
                    return Some(found);
                }
            }
            self.now.extend(moment.values.iter().map(|values| (values.key(), values)));
            let right = is_met.then_some(next + passed);
            if let Some(at) = right {
                self.note_right(at);
                next = at + 1;
            }
            if let Some(found) = self.after_own(moment, right) {
                return Some(found);
            }
        }
        // Nothing changes any more: what still differs, and outlives its tile, is wrong.
        let last = self.own.last()?;
        let differing = std::mem::take(&mut self.differing);
        differing.into_iter().find(|(key, _)| self.lasts(*key, last)).map(|(_, first)| first)
    }

    /// Before a step of another tile, what outlives no tile is forgotten.
    fn leave_tile(&mut self, moment: &Moment<'a>) {
        let differing = std::mem::take(&mut self.differing);
        let tile = |step: &Step| (step.place, self.schedule.line(step).kernel, step.head);
        let is_left = |at: &At| tile(&at.step) != tile(&moment.step);
        let kept = differing.into_iter().filter(|(key, of)| !is_left(&of.at) || self.lasts(*key, moment));
        self.differing = kept.collect();
    }

    fn note_right(&mut self, at: usize) {
        let pairs = self.exact[at].values.iter().zip(&self.plain[at].values);
        self.right_now.extend(pairs.map(|(exact, plain)| (exact.key(), [exact, plain])));
    }

    /// Compares what a step of the right text has changed that the text leaves out before the step of `moment`.
    fn after_left_out(&mut self, at: usize, moment: &Moment<'a>) -> Option<Divergence> {
        self.note_right(at);
        let operation = self.right_turns[at].0.clone();
        let keys: Vec<Key<'a>> = self.exact[at].values.iter().map(Values::key).collect();
        self.compare(&keys, moment, Some(operation), true)
    }

    /// Compares what a step of the text has changed, and what the same step of the right text has, number `right` of its
    /// moments. Where there is none, what differs may yet come to the same by other lines.
    fn after_own(&mut self, moment: &Moment<'a>, right: Option<usize>) -> Option<Divergence> {
        let of_right = right.map_or(&[][..], |at| &self.exact[at].values).iter().map(Values::key);
        let mut keys: Vec<Key<'a>> = of_right.collect();
        let own = moment.values.iter().map(Values::key);
        keys.extend(own.filter(|key| !keys.contains(key)).collect::<Vec<_>>());
        self.compare(&keys, moment, None, right.is_some())
    }

    fn compare(
        &mut self,
        keys: &[Key<'a>],
        moment: &Moment<'a>,
        left_out: Option<String>,
        is_met: bool,
    ) -> Option<Divergence> {
        let mut is_lasting = false;
        for &key in keys {
            let pair = self.now.get(&key).zip(self.right_now.get(&key));
            let found = pair.and_then(|(own, [exact, plain])| self.difference(own, exact, plain));
            let Some((index, own, want)) = found else {
                // What was made of it meanwhile still differs by it.
                self.differing.pop_if(|(known, _)| *known == key);
                continue;
            };
            is_lasting |= is_met && self.lasts(key, moment) && !self.may_yet_change(key, moment);
            if self.differing.iter().all(|(known, _)| *known != key) {
                let (row, column) = own.place_of(index);
                let divergence = Divergence {
                    at: At { cursor: moment.n + 1, step: moment.step },
                    left_out: left_out.clone(),
                    right: String::new(),
                    name: own.name.to_owned(),
                    row,
                    column,
                    shape: own.shape,
                    got: own.numbers[index],
                    want,
                };
                self.differing.push((key, divergence));
            }
        }
        if is_lasting { self.differing.drain(..).next().map(|(_, first)| first) } else { None }
    }

    /// A value outlives its tile.
    fn lasts(&self, (name, is_in_hbm): Key<'a>, moment: &Moment<'a>) -> bool {
        let algorithm = &self.schedule.algorithm;
        let kernel = algorithm.line(moment.step.line).kernel;
        let is_kept = |name| algorithm.kept(kernel).has(name) || algorithm.text().report.contains(&name);
        is_in_hbm || algorithm.text().name(name).is_some_and(is_kept)
    }

    /// A line that the right text has not gives it a value too: it may come to the same there.
    fn may_yet_change(&self, (name, _): Key<'a>, moment: &Moment<'a>) -> bool {
        let (algorithm, kernel) = (&self.schedule.algorithm, self.schedule.line(&moment.step).kernel);
        let Some(name) = algorithm.text().name(name) else { return false };
        let lines = algorithm.text().lines.iter().enumerate().filter(|(_, line)| line.kernel == kernel);
        let mut others = lines.filter(|(n, _)| !self.right_operations.contains(&algorithm.operation(*n)));
        let own = moment.values.iter().any(|values| algorithm.text().name(values.name) == Some(name));
        !own && others.any(|(_, line)| line.statements.iter().any(|of| of.action.assigns() == Some(name)))
    }

    /// The first number of `own` that is further from `exact` than the rule allows, beside `plain`.
    fn difference<'v>(
        &self,
        own: &'v Values<'a>,
        exact: &Values<'a>,
        plain: &Values<'a>,
    ) -> Option<(usize, &'v Values<'a>, f64)> {
        // A value per row may be a constant of all rows.
        let is_one = own.numbers.len() == 1;
        if own.numbers.len() != exact.numbers.len() || own.shape != exact.shape && !is_one {
            return None;
        }
        let allowed =
            2.0 * finite_error(&plain.numbers, &exact.numbers) + self.floor * largest(&exact.numbers).max(1.0);
        let is_same = |index: usize| {
            let (own, plain) = (own.numbers[index], plain.numbers[index]);
            own == plain || own.is_nan() && plain.is_nan()
        };
        let is_within = |index: usize| max_error([&own.numbers[index]], [&exact.numbers[index]]) <= allowed;
        let index = (0..own.numbers.len()).find(|&index| !is_same(index) && !is_within(index))?;
        Some((index, own, exact.numbers[index]))
    }
}

impl Divergence {
    /// The value with its place: `l of query 3`, `S of query 3, key 1`.
    fn value(&self) -> Sentence {
        let Self { name, row, column, shape, .. } = self;
        let is_of_key = shape.rows == Extent::Keys;
        match (shape.rows, shape.cols) {
            _ if shape.is_tile() => Sentence::new("{0} of query {1}, key {2}").with(name).with(row).with(column),
            (Extent::Rows | Extent::Keys, Extent::One) => in_words(name, *row, None, is_of_key),
            (Extent::Rows | Extent::Keys, _) => in_words(name, *row, Some(*column), is_of_key),
            _ => Sentence::verbatim(name),
        }
    }

    /// What differs, after which step.
    pub fn sentence(&self, algorithm: &Algorithm) -> Sentence {
        let [got, want] = crate::number::apart(self.got, self.want);
        let (step, value) = (self.at.said(algorithm), self.value());
        match &self.left_out {
            None => Sentence::new("step {0}, {1}, is the first to differ from {2}: {3} is {4} after it, not {5}")
                .with(self.at.cursor)
                .and(step)
                .with(&self.right)
                .and(value)
                .with(got)
                .with(want),
            Some(line) => Sentence::new(
                "before step {0}, {1}, the line {2} of {3} is left out: {4} is {5}, and would be {6} after it",
            )
            .with(self.at.cursor)
            .and(step)
            .with(line)
            .with(&self.right)
            .and(value)
            .with(got)
            .with(want),
        }
    }
}
