//! What `tilescope traffic` says of one algorithm: its closed form, and what was counted beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::attention::Shape;
use crate::machine::{Meter, Totals};
use crate::number::{bytes, grouped};
use crate::schedule::language::{peak, visits};
use crate::schedule::{Algorithm, Flops, OnChip, PerTensor, Setting, TileCounts, Traffic, each_step};

use super::progress::Progress;
use super::report::table;

/// More places of lines than this are walked only where that is asked for: they take a second or more.
pub const MOST_COUNTED: u64 = 40_000_000;

/// One algorithm on the query heads of one schedule. What stands beside `counted` is from the closed form, which it must
/// equal.
#[derive(Debug, Serialize)]
pub struct Report {
    pub name: String,
    /// Query heads that all of this is of: one, or those that share a key/value head where what is made of keys is summed.
    pub(super) heads: usize,
    pub(super) tiling: Blocks,
    pub(super) steps: u64,
    /// `None` where there are too many steps.
    pub(super) counted: Option<Elements>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counted_reason: Option<String>,
    pub(super) closed_form: Elements,
    pub(super) bytes: Moved,
    /// Bytes of all query heads of all batch entries.
    pub(super) bytes_of_all: Moved,
    pub(super) sram: Sram,
    pub(super) tiles: Tiles,
    pub(super) flops: FlopsByKind,
    pub(super) on_chip_bytes: OnChip,
    /// What counting gave otherwise than the closed form.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) differs: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Blocks {
    pub(super) br: usize,
    pub(super) bc: usize,
    pub(super) t_r: usize,
    pub(super) t_c: usize,
}

/// HBM elements by tensor.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Elements {
    pub(super) read: BTreeMap<String, u64>,
    pub(super) write: BTreeMap<String, u64>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Moved {
    pub(super) read: u64,
    pub(super) write: u64,
}

/// Elements on chip.
#[derive(Debug, Serialize)]
pub(super) struct Sram {
    pub(super) counted: Option<Moved>,
    pub(super) closed_form: Moved,
}

#[derive(Debug, Serialize)]
pub(super) struct Tiles {
    pub(super) full: u64,
    pub(super) partial: u64,
    pub(super) skipped: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct FlopsByKind {
    pub(super) matmul: u64,
    pub(super) exp: u64,
    pub(super) other: u64,
}

impl From<Flops> for FlopsByKind {
    fn from(flops: Flops) -> Self {
        Self { matmul: flops.matmul, exp: flops.exp, other: flops.other }
    }
}

fn by_tensor(elements: &PerTensor) -> BTreeMap<String, u64> {
    elements.iter().map(|(tensor, elements)| (tensor.name().to_owned(), elements)).collect()
}

impl Elements {
    fn of(traffic: &Traffic) -> Self {
        Self { read: by_tensor(&traffic.read), write: by_tensor(&traffic.write) }
    }
}

impl Report {
    /// The closed form of `algorithm` in `setting`; and every step counted, where they are few or `must_count` says so.
    /// `shape` says how often the schedule is carried out.
    pub fn new(algorithm: &Algorithm, setting: &Setting, shape: &Shape, must_count: bool) -> Self {
        let (plan, closed, steps) = (&setting.plan, algorithm.closed_form_of(setting), algorithm.steps_of(setting));
        let tiles = TileCounts::of_plan(plan);
        // A line that is no step at most places is walked past, too.
        let places = steps.max(visits(algorithm.text(), setting));
        let counted = (must_count || places <= MOST_COUNTED).then(|| count(algorithm, setting, steps));
        let sram = |traffic: &Traffic| Moved { read: traffic.sram_read, write: traffic.sram_write };
        let counted_traffic = counted.as_ref().map(|(_, totals)| &totals.traffic);
        let bytes = Moved { read: closed.read.bytes(), write: closed.write.bytes() };
        let schedules = (shape.batch * shape.heads / setting.heads) as u64;
        Self {
            name: algorithm.name().to_owned(),
            heads: setting.heads,
            tiling: Blocks { br: plan.br, bc: plan.bc, t_r: plan.t_r(), t_c: plan.t_c() },
            steps,
            counted: counted_traffic.map(Elements::of),
            counted_reason: counted.is_none().then(|| not_counted(places)),
            closed_form: Elements::of(&closed),
            bytes_of_all: Moved { read: bytes.read * schedules, write: bytes.write * schedules },
            bytes,
            sram: Sram { counted: counted_traffic.map(sram), closed_form: sram(&closed) },
            tiles: Tiles { full: tiles.full, partial: tiles.partial, skipped: tiles.skipped },
            flops: closed.flops.into(),
            on_chip_bytes: peak(algorithm.text(), setting),
            differs: counted.map_or(Vec::new(), |counted| differences(algorithm, setting, &counted)),
        }
    }

    /// What was counted and the closed form agree in every number; so do those that were not counted.
    pub fn agrees(&self) -> bool {
        self.differs.is_empty()
    }

    /// As text, with a line where the buffers are more than a thread block may use.
    pub fn text(&self, fits: bool) -> String {
        let (blocks, tiles) = (&self.tiling, &self.tiles);
        let of = match self.heads {
            1 => String::new(),
            heads => format!(" of {heads} query heads"),
        };
        let head = format!("\n{}{of}, blocks {} x {}, tiles: ", self.name, blocks.br, blocks.bc);
        let tiles = format!("{} full, {} partial, {} skipped\n", tiles.full, tiles.partial, tiles.skipped);
        let on_chip = self.on_chip_bytes;
        let budget = if fits { "" } else { "  does not fit the budget of a thread block" };
        let on_chip = format!(
            "on chip at most: {} shared, {} registers{budget}\n",
            bytes(on_chip.shared),
            bytes(on_chip.registers)
        );
        head + &tiles + &self.tensor_table() + &self.verdict() + &on_chip
    }

    /// Elements by tensor; a counted number that differs is shown beside that of the closed form.
    fn tensor_table(&self) -> String {
        let closed = &self.closed_form;
        let counted = self.counted.as_ref().unwrap_or(closed);
        let cell = |counted: u64, closed: u64| match counted == closed {
            true => grouped(closed),
            false => format!("{} (counted {})", grouped(closed), grouped(counted)),
        };
        let of = |elements: &BTreeMap<String, u64>, name: &str| elements.get(name).copied().unwrap_or(0);
        let mut rows = vec![["  elements", "read", "write"].map(String::from).to_vec()];
        let all = [closed, counted].map(|elements| elements.read.keys().chain(elements.write.keys()));
        for name in all.into_iter().flatten().collect::<BTreeSet<_>>() {
            let read = cell(of(&counted.read, name), of(&closed.read, name));
            let write = cell(of(&counted.write, name), of(&closed.write, name));
            rows.push(vec![format!("  {name}"), read, write]);
        }
        let sum = |elements: &BTreeMap<String, u64>| elements.values().sum::<u64>();
        let sram = &self.sram.closed_form;
        rows.push(vec!["  in all".into(), grouped(sum(&closed.read)), grouped(sum(&closed.write))]);
        rows.push(vec!["  on chip".into(), grouped(sram.read), grouped(sram.write)]);
        let told = |of: &str, moved: &Moved| {
            let [read, write, all] = [moved.read, moved.write, moved.read + moved.write].map(bytes);
            format!("{of}{read} read, {write} written, {all} in all\n")
        };
        let is_all = self.bytes_of_all == self.bytes;
        let of_all = if is_all { String::new() } else { told("of all heads: ", &self.bytes_of_all) };
        table(&rows) + &told("", &self.bytes) + &of_all
    }

    fn verdict(&self) -> String {
        match (&self.counted, self.agrees()) {
            (None, _) => format!("closed form; not counted ({} steps; --count walks them)\n", grouped(self.steps)),
            (Some(_), true) => "counted = closed form\n".into(),
            (Some(_), false) => format!("counted and closed form DIFFER in {}\n", self.differs.join(", ")),
        }
    }
}

/// Why so many places were not counted.
pub(super) fn not_counted(places: u64) -> String {
    let (places, most) = (grouped(places), grouped(MOST_COUNTED));
    format!("{places} places of lines, and up to {most} are walked unasked; --count walks them")
}

/// Every step, and how many there were.
fn count(algorithm: &Algorithm, setting: &Setting, steps: u64) -> (u64, Totals) {
    let (mut meter, mut counted) = (Meter::of_plan(algorithm, &setting.plan), 0);
    let mut progress = Progress::new("counting", steps);
    each_step(algorithm, setting, |n, step| {
        meter.add(step);
        counted = n + 1;
        if n % (1 << 16) == 0 {
            progress.at(n);
        }
    });
    (counted, meter.totals())
}

/// The names of the totals that are not what the closed forms say.
fn differences(algorithm: &Algorithm, setting: &Setting, (steps, totals): &(u64, Totals)) -> Vec<&'static str> {
    let (closed, counted) = (algorithm.closed_form_of(setting), &totals.traffic);
    let tiles = TileCounts::of_plan(&setting.plan);
    let of_heads = |tiles: u64| tiles * setting.heads as u64;
    // Where several lines make scores, or none does, no tile is counted once.
    let lines = 0..algorithm.text().lines.len();
    let makes_scores_once = lines.filter(|&line| algorithm.facts(line).makes_scores).count() == 1;
    let pairs = [
        ("read", counted.read == closed.read),
        ("write", counted.write == closed.write),
        ("sram", (counted.sram_read, counted.sram_write) == (closed.sram_read, closed.sram_write)),
        ("flops", counted.flops == closed.flops),
        // `standard` computes tiles that the mask hides, too.
        (
            "tiles",
            !makes_scores_once
                || (totals.tiles.full, totals.tiles.partial) == (of_heads(tiles.full), of_heads(tiles.partial)),
        ),
        ("on_chip_bytes", totals.peak == peak(algorithm.text(), setting)),
        ("steps", *steps == algorithm.steps_of(setting)),
    ];
    pairs.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}
