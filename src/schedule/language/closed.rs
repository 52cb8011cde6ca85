//! The totals of a text in O(t_r + t_c), visiting no tile: each line's cost times the sums over the places it stands at.

use super::cost::{Cost, Counts};
use super::setting::Setting;
use super::text::{Action, Algorithm, Line, TensorId};
use super::totals::Tally;
use super::words::{Axes, Axis, Over, Test};
use crate::schedule::Place;

/// Places of one kind, all alike in their conditions.
#[derive(Clone, Copy, Debug)]
struct Cell {
    kind: Kind,
    counts: Counts,
}

/// What is known of the places of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    FullTile,
    PartialTile,
    /// A tile of which nothing is visible, in a column of which something is.
    SkippedTile,
    /// A tile of a key block that no query sees.
    UnseenTile,
    /// A query block, a key block, a query block in a split: something of it is visible, or nothing.
    Seen,
    Unseen,
    /// In no loop over blocks.
    Whole,
}

impl Kind {
    pub(super) const ALL: [Self; 7] =
        [Self::FullTile, Self::PartialTile, Self::SkippedTile, Self::UnseenTile, Self::Seen, Self::Unseen, Self::Whole];

    pub(super) fn holds(self, test: Test) -> bool {
        match test {
            Test::Full => self == Self::FullTile,
            _ => matches!(self, Self::FullTile | Self::PartialTile | Self::Seen | Self::Whole),
        }
    }
}

/// What is known of a block, by whom it is read under `once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Seen,
    /// Nothing of it is visible; a key block beside it is seen.
    BesideSeen,
    /// Nothing of it is visible, and it has tiles.
    Unseen,
    /// There is nothing beside it: its sequence has queries alone, or keys.
    Alone,
}

impl Set {
    const ALL: [Self; 4] = [Self::Seen, Self::BesideSeen, Self::Unseen, Self::Alone];
}

/// The sums over all blocks and tiles of a setting.
struct Sums {
    tiles: [Cell; 4],
    rows: [Cell; 2],
    keys: [Cell; 2],
    /// Query blocks in splits.
    parts: [Cell; 2],
    whole: Cell,
    /// Query blocks and key blocks by [`Set`].
    sets: [[Counts; Set::ALL.len()]; 2],
}

impl Sums {
    fn new(setting: &Setting) -> Self {
        let plan = &setting.plan;
        let (t_r, t_c) = (plan.t_r(), plan.t_c());
        let [mut rows, mut keys, mut parts] = [[Counts::default(); 2]; 3];
        let mut sets = [[Counts::default(); Set::ALL.len()]; 2];
        let key_is_seen: Vec<bool> = (0..t_c).map(|j| !setting.query_runs(j).is_empty()).collect();
        for i in 0..t_r {
            let runs = setting.key_runs(i);
            let block = setting.counts(Place::new(Some(i), None));
            rows[usize::from(runs.is_empty())] += block;
            let beside = plan.key_blocks_beside(i);
            let set = match () {
                () if !runs.is_empty() => Set::Seen,
                () if beside.is_empty() => Set::Alone,
                () if key_is_seen[beside.clone()].contains(&true) => Set::BesideSeen,
                () => Set::Unseen,
            };
            sets[0][set as usize] += block;
            let splits = splits_met(&runs, beside.start, setting.blocks_of_split(&beside));
            parts[0] += block * splits;
            parts[1] += block * (setting.splits as u64 - splits);
        }
        // Columns of tiles: of the key blocks that some query sees, and of the others.
        let mut columns = [Counts::default(); 2];
        for (j, &is_seen) in key_is_seen.iter().enumerate() {
            let is_unseen = usize::from(!is_seen);
            let (block, beside) = (setting.counts(Place::new(None, Some(j))), plan.query_blocks_beside(j).len() as u64);
            keys[is_unseen] += block;
            let set = match (is_seen, beside) {
                (true, _) => Set::Seen,
                (false, 0) => Set::Alone,
                (false, _) => Set::Unseen,
            };
            sets[1][set as usize] += block;
            let (c, entries) = (block.c * beside, block.entries * beside);
            columns[is_unseen] += Counts { c, one: beside, entries, ..block };
        }
        let sums = plan.tile_sums();
        let counts =
            |sums: crate::schedule::Sums, one| Counts { rc: sums.rc, r: sums.r, c: sums.c, one, entries: sums.entries };
        let active = counts(sums.active, sums.active_tiles);
        let full = counts(sums.full, sums.full_tiles);
        let [seen, unseen] = columns;
        let cell = |kind, counts| Cell { kind, counts };
        let pair = |[seen, unseen]: [Counts; 2]| [cell(Kind::Seen, seen), cell(Kind::Unseen, unseen)];
        Self {
            tiles: [
                cell(Kind::FullTile, full),
                cell(Kind::PartialTile, active.less(full)),
                cell(Kind::SkippedTile, seen.less(active)),
                cell(Kind::UnseenTile, unseen),
            ],
            rows: pair(rows),
            keys: pair(keys),
            parts: pair(parts),
            whole: cell(Kind::Whole, setting.counts(Place::default())),
            sets,
        }
    }

    /// The places of a line, without the loops over splits and heads that only repeat them.
    fn cells(&self, line: &Line) -> &[Cell] {
        let over = |axis| line.loops.iter().find(|over| over.axis == axis).map(|over| over.over);
        match (over(Axis::I), over(Axis::J)) {
            (Some(rows), Some(keys)) => &self.tiles[..kinds_of_tiles(rows, keys)],
            (Some(_), None) if line.axes().has(Axis::S) => &self.parts,
            (Some(_), None) => &self.rows,
            (None, Some(Over::KeyBlocksSomeQuerySees)) => &self.keys[..1],
            (None, Some(_)) => &self.keys,
            (None, None) => std::slice::from_ref(&self.whole),
        }
    }
}

/// How many kinds of tiles, from the full ones on, loops over these query blocks and key blocks visit.
pub(super) fn kinds_of_tiles(rows: Over, keys: Over) -> usize {
    match (rows, keys) {
        (Over::QueryBlocksThatSee, _) | (_, Over::KeyBlocksSeen | Over::KeyBlocksOfSplitSeen) => 2,
        (_, Over::KeyBlocksSomeQuerySees) => 3,
        _ => 4,
    }
}

/// How often the places of a line come again for splits and heads.
fn repeats(algorithm: &Algorithm, line: &Line, setting: &Setting) -> u64 {
    let axes = line.axes();
    let cut = line.loops.iter().any(|over| matches!(over.over, Over::KeyBlocksOfSplit | Over::KeyBlocksOfSplitSeen));
    let splits_are_places = cut || (axes.has(Axis::I) && !axes.has(Axis::J));
    let splits = if axes.has(Axis::S) && !splits_are_places { setting.splits } else { 1 };
    let heads = if axes.has(Axis::H) || !algorithm.kernels[line.kernel].is_of_group { setting.heads } else { 1 };
    splits as u64 * heads as u64
}

/// The totals of `algorithm` in `setting`, line by line. Equal to what is counted when it is carried out.
pub fn closed_form(algorithm: &Algorithm, setting: &Setting) -> Tally {
    let sums = Sums::new(setting);
    let keep_is_given = setting.of_run(Test::KeepGiven);
    let mut tally = Tally::new(algorithm);
    let mut read = Read::new();
    for (line, total) in algorithm.lines.iter().zip(&mut tally.lines) {
        let times = repeats(algorithm, line, setting);
        let once = line.statements.iter().find_map(|statement| match statement.action {
            Action::Load { tensor, once: true } => Some(tensor),
            _ => None,
        });
        let mut held_cells = Vec::new();
        for cell in sums.cells(line) {
            let holds = |test: Test| if test.is_of_place() { cell.kind.holds(test) } else { setting.of_run(test) };
            let held = setting.held_where(line, holds);
            if held != 0 {
                let cost = Cost::of(algorithm, line, &setting.plan, keep_is_given, held);
                total.add(&cost, cell.counts * times, once.is_some());
                held_cells.push(cell);
            }
        }
        if let Some(tensor) = once {
            let new = first_reads(algorithm, &sums, line, tensor, &held_cells, &mut read);
            let cost = Cost::of(algorithm, line, &setting.plan, true, u32::MAX);
            let heads = heads_that_read(algorithm, line, setting, tensor);
            for counts in new {
                total.hbm_read += cost.hbm_read.at(counts) * heads;
                total.table_read += cost.lookups * counts.entries * heads;
                total.scales_read += cost.scales * counts.one * heads;
                total.mask_read += cost.mask_read.at(counts) * heads;
            }
        }
    }
    tally
}

/// Places at which some line is asked for, step or not: what a walk takes, known before it begins.
pub fn visits(algorithm: &Algorithm, setting: &Setting) -> u64 {
    let sums = Sums::new(setting);
    let of_line = |line: &Line| {
        let places: u64 = sums.cells(line).iter().map(|cell| cell.counts.one).sum();
        places.saturating_mul(repeats(algorithm, line, setting))
    };
    algorithm.lines.iter().map(of_line).fold(0, u64::saturating_add)
}

/// How often a line reads blocks of `tensor` under `once`: once for each head that has its own.
fn heads_that_read(algorithm: &Algorithm, line: &Line, setting: &Setting, tensor: TensorId) -> u64 {
    let kernel = &algorithm.kernels[line.kernel];
    let each_head = !kernel.is_of_group || (line.axes().has(Axis::H) && !algorithm.tensors[tensor].is_of_group);
    if each_head { setting.heads as u64 } else { 1 }
}

/// What a kernel has read of a tensor under `once`: sets of blocks, or kinds of tiles, by number.
type Read = Vec<((usize, TensorId), Vec<usize>)>;

/// The sums over the blocks that this line is the first of its kernel to read.
fn first_reads(
    algorithm: &Algorithm,
    sums: &Sums,
    line: &Line,
    tensor: TensorId,
    held: &[&Cell],
    read: &mut Read,
) -> Vec<Counts> {
    let axes = algorithm.tensors[tensor].axes();
    let is_tile = axes.contains(Axes::of(&[Axis::I, Axis::J]));
    let of_axis = &sums.sets[usize::from(!axes.has(Axis::I))];
    let blocks: Vec<(usize, Counts)> = match is_tile {
        true => held.iter().map(|cell| (cell.kind as usize, cell.counts)).collect(),
        false => visited(held).into_iter().map(|set| (set as usize, of_axis[set as usize])).collect(),
    };
    let key = (line.kernel, tensor);
    let entry = match read.iter().position(|(of, _)| *of == key) {
        Some(entry) => entry,
        None => {
            read.push((key, Vec::new()));
            read.len() - 1
        }
    };
    let known = &mut read[entry].1;
    let new: Vec<_> = blocks.into_iter().filter(|(number, _)| !known.contains(number)).collect();
    known.extend(new.iter().map(|(number, _)| number));
    new.into_iter().map(|(_, counts)| counts).collect()
}

/// The blocks of one axis that places of these kinds visit at least once.
fn visited(held: &[&Cell]) -> Vec<Set> {
    let has = |kind| held.iter().any(|cell| cell.kind == kind && cell.counts.one > 0);
    let some = held.iter().any(|cell| cell.counts.one > 0);
    let tiles = held.iter().any(|cell| !matches!(cell.kind, Kind::Seen | Kind::Unseen | Kind::Whole));
    let is_visited = |set: &Set| match set {
        // Places of the same axis.
        Set::Seen if !tiles => has(Kind::Seen),
        _ if !tiles => has(Kind::Unseen),
        Set::Seen => some,
        // A skipped tile visits its row; its column is one that some query sees.
        Set::BesideSeen => has(Kind::SkippedTile),
        Set::Unseen => has(Kind::UnseenTile),
        Set::Alone => false,
    };
    Set::ALL.into_iter().filter(is_visited).collect()
}

/// Splits that have a block of `runs`, which rise, where the first split begins at a block and each has so many.
fn splits_met(runs: &[std::ops::Range<usize>], begin: usize, each: usize) -> u64 {
    let (mut met, mut next) = (0, 0);
    for run in runs {
        let (first, last) = ((run.start - begin) / each, (run.end - 1 - begin) / each);
        met += (last + 1).saturating_sub(first.max(next)) as u64;
        next = next.max(last + 1);
    }
    met
}
