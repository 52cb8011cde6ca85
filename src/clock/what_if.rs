//! What a shape, block sizes and a chip would come to: blocks on SMs, waves, intensity, roofs, a time that nothing can beat,
//! and what a grid would take if its lanes overlapped, and if they did not.

use std::ops::ControlFlow;

use crate::attention::{BiasOf, Pages, Shape};
use crate::schedule::language::{self, Axis, KernelWork, Role, SCALE_BYTES, Test, Work};
use crate::schedule::{Algorithm, Cost, Hardware, OnChip, Place, Setting};

use super::in_lanes;
use super::l2::{Cache, Lru};
use super::occupancy::{BlocksPerSm, Limit};
use super::queue::{Order, Slotted, makespan, place, waves};
use super::roofs::{Bound, Roof, Roofs};

/// What this model leaves out, in a sentence.
pub const NOT_MODELLED: &str = "Not modelled: latency, launches, the bandwidth of L2 and of shared memory, bank conflicts, \
    barriers, threads and their registers, what blocks of one SM do in each other's gaps, and the clock at which a chip \
    really runs.";

/// What an SM takes from L2 and HBM at most, of what its shared memory delivers: 64 of 128 bytes a clock. (NVIDIA's A100
/// whitepaper gives 5120 for all SMs at once, which are 47 for each.)
const PORT: f64 = 0.5;
/// Grids with more thread blocks are not handed out one by one.
const MOST_BLOCKS: usize = 1 << 20;
/// Blocks of a grid that are kept for a picture.
const MOST_PLACED: usize = 4096;
/// Loads and stores of blocks that the cache is followed through.
const MOST_TOUCHES: usize = 1 << 17;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct GridQuestion {
    pub algorithm: Algorithm,
    pub shape: Shape,
    /// Blocks, mask, splits and precision, for one head or one group of heads.
    pub setting: Setting,
    pub chip: Hardware,
    pub order: Order,
}

/// Seconds of a grid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// Loads, products, exponentials and the rest of a block go on at once: the longest of them counts.
    pub overlapped: f64,
    /// As the lanes and the overlap of the text allow; where it names none, one by one.
    pub in_lanes: f64,
    /// Each waits for the other.
    pub one_by_one: f64,
}

/// One kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelledGrid {
    pub name: String,
    /// Thread blocks of all heads and batch entries.
    pub blocks: u64,
    pub on_chip: OnChip,
    pub per_sm: BlocksPerSm,
    /// Thread blocks that the chip holds at once.
    pub slots: u64,
    /// SMs that have a block: all of the chip where there are enough.
    pub sms: u64,
    /// `None` where no block fits.
    pub waves: Option<f64>,
    /// What all its blocks do.
    pub work: Work,
    /// The share of slots at work until the last block ends.
    pub busy: Option<f64>,
    pub times: Option<Times>,
    /// Its blocks in their slots, in seconds; none where there are too many to show.
    pub placed: Vec<Slotted>,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Modelled {
    pub kernels: Vec<ModelledGrid>,
    pub roofs: Roofs,
    /// FLOPs of matrix products, and exponentials.
    pub matmul: f64,
    pub exp: f64,
    /// Bytes that loads and stores ask for, as they are counted: without a cache.
    pub bytes: f64,
    /// Bytes of inputs and outputs, each once.
    pub least_bytes: f64,
    pub bound: Bound,
    /// Of all kernels, one after the other; `None` where a block does not fit.
    pub times: Option<Times>,
    /// Of the kernel that asks for most bytes.
    pub cache: Cache,
}

impl Modelled {
    /// FLOPs of products for each byte that is asked for.
    pub fn intensity(&self) -> f64 {
        self.matmul / self.bytes
    }

    /// FLOPs of products for each exponential.
    pub fn flops_per_exp(&self) -> f64 {
        self.matmul / self.exp
    }

    /// The kernel that works most: the one that pictures show.
    pub fn main(&self) -> Option<&ModelledGrid> {
        let weight = |grid: &&ModelledGrid| grid.work.matmul as f64 + grid.work.bytes();
        self.kernels.iter().max_by(|a, b| weight(a).total_cmp(&weight(b)))
    }
}

impl ModelledGrid {
    /// The thread blocks that run while `block` does, itself not among them; `None` where so many are not placed.
    pub fn beside(&self, block: usize) -> Option<Vec<usize>> {
        let own = self.placed.iter().find(|placed| placed.block == block)?;
        let meets = |other: &&Slotted| other.block != block && other.start < own.end && own.start < other.end;
        Some(self.placed.iter().filter(meets).map(|placed| placed.block).collect())
    }
}

impl GridQuestion {
    /// The text that runs for the heads of the setting.
    fn runs(&self) -> &Algorithm {
        self.algorithm.for_heads(self.setting.heads)
    }

    /// The programs of a kernel for one head, each by its place, in the order of the grid.
    pub fn places(&self, kernel: usize) -> Vec<Place> {
        let text = self.runs().text();
        let ready = language::Ready::new(text, &self.setting);
        let walker = language::Walker { algorithm: text, setting: &self.setting, ready: &ready };
        let mut places = Vec::new();
        let _: ControlFlow<()> = walker.programs(kernel, &mut |place| {
            places.push(place);
            ControlFlow::Continue(())
        });
        places
    }

    /// `None` where no rate of products is known in this format, and where a grid has too many blocks to be listed.
    pub fn answer(&self) -> Option<Modelled> {
        let roofs = Roofs::of(&self.chip, self.setting.plan.precision)?;
        let text = self.runs().text();
        let works = language::programs(text, &self.setting)?;
        let schedules = self.schedules();
        let total = |of: fn(&Work) -> f64| -> f64 {
            works.iter().map(|kernel| sum(kernel, of) * (kernel.heads * schedules) as f64).sum()
        };
        let (matmul, exp, bytes) = (total(|of| of.matmul as f64), total(|of| of.exp as f64), total(Work::bytes));
        let largest =
            (0..works.len()).max_by(|&a, &b| sum(&works[a], Work::bytes).total_cmp(&sum(&works[b], Work::bytes)));
        let cache = largest.map_or(Cache::default(), |kernel| self.cache(kernel, &works[kernel]));
        let kernels: Vec<ModelledGrid> =
            works.iter().enumerate().map(|(n, kernel)| self.grid(n, kernel, &roofs, &cache)).collect();
        let least_bytes = self.least_bytes().min(bytes);
        let times = kernels.iter().map(|kernel| kernel.times).sum::<Option<Times>>();
        let bound = self.bound(&works, &roofs, least_bytes);
        Some(Modelled { kernels, roofs, matmul, exp, bytes, least_bytes, bound, times, cache })
    }

    /// Schedules that cover all heads and batch entries.
    fn schedules(&self) -> usize {
        self.shape.batch * self.shape.heads / self.setting.heads.max(1)
    }

    fn per_sm(&self, kernel: &KernelWork) -> BlocksPerSm {
        match self.runs().is_budgeted() {
            true => BlocksPerSm::of(kernel.on_chip, &self.chip),
            // An ideal product keeps on chip what it needs.
            false => BlocksPerSm { count: 1, limit: Limit::Blocks },
        }
    }

    fn grid(&self, number: usize, kernel: &KernelWork, roofs: &Roofs, cache: &Cache) -> ModelledGrid {
        let copies = (kernel.heads * self.schedules()) as u64;
        let blocks = kernel.programs.len() as u64 * copies;
        let per_sm = self.per_sm(kernel);
        let slots = per_sm.count * self.chip.sms;
        let mut work = Work::default();
        for of in &kernel.programs {
            work.loaded += of.loaded * copies as f64;
            work.stored += of.stored * copies as f64;
            work.matmul += of.matmul * copies;
            work.exp += of.exp * copies;
            work.other += of.other * copies;
            work.tiles += of.tiles * copies;
        }
        let name = kernel.name.clone();
        let (on_chip, waves) = (kernel.on_chip, waves(blocks, slots));
        let mut grid = ModelledGrid {
            name,
            blocks,
            on_chip,
            per_sm,
            slots,
            sms: blocks.min(self.chip.sms).min(slots),
            waves,
            work,
            busy: None,
            times: None,
            placed: Vec::new(),
        };
        if slots == 0 || blocks == 0 {
            return grid;
        }
        // Where there are fewer blocks than slots, an SM shares its rates among those that it has.
        let sharing = slots.min(blocks.div_ceil(self.chip.sms) * self.chip.sms) as f64;
        let miss = 1.0 - cache.hit_rate().unwrap_or(0.0);
        // Blocks share the bandwidth of HBM, and those of an SM what it takes in.
        let of_sm = PORT * self.chip.sram_bytes_per_s / self.chip.sms as f64;
        let on_sm = sharing / self.chip.sms as f64;
        let moving = (slots.min(blocks) as f64 / roofs.bytes_per_s).max(on_sm / of_sm);
        let on_units = |of: &Work| {
            let per = |work: u64, rate: f64| work as f64 * sharing / rate;
            [
                (of.loaded * miss + of.stored) * moving,
                per(of.matmul, roofs.matmul_per_s),
                per(of.exp, roofs.exp_per_s),
                per(of.other, roofs.other_per_s),
            ]
        };
        let longest: Vec<f64> = kernel.programs.iter().map(|of| on_units(of).into_iter().fold(0.0, f64::max)).collect();
        let sums: Vec<f64> = kernel.programs.iter().map(|of| on_units(of).iter().sum()).collect();
        let places = self.places(number);
        let in_lanes = in_lanes::seconds(self.runs(), &self.setting, number, kernel, &places, &on_units);
        if blocks as usize > MOST_BLOCKS {
            // Of so many, the tail is nothing.
            let mean = |times: &[f64]| times.iter().sum::<f64>() * copies as f64 / slots as f64;
            let [overlapped, in_lanes, one_by_one] = [&longest, &in_lanes, &sums].map(|of| mean(of));
            grid.times = Some(Times { overlapped, in_lanes, one_by_one });
            grid.busy = Some(1.0);
            return grid;
        }
        let all = |times: Vec<f64>| -> Vec<f64> { times.repeat(copies as usize) };
        let [longest, in_lanes, sums] = [longest, in_lanes, sums].map(all);
        let [overlapped, in_lanes, one_by_one] =
            [&longest, &in_lanes, &sums].map(|of| makespan(of, self.order, slots as usize));
        // Blocks that are handed out by their length may come in another order where they overlap.
        let in_lanes = in_lanes.clamp(overlapped.min(one_by_one), overlapped.max(one_by_one));
        grid.times = Some(Times { overlapped, in_lanes, one_by_one });
        grid.busy = (overlapped > 0.0).then(|| longest.iter().sum::<f64>() / (overlapped * slots as f64));
        if longest.len() <= MOST_PLACED {
            grid.placed = place(&longest, self.order, slots as usize);
        }
        grid
    }

    /// A time that no run of this text with these blocks can beat on a chip with these rates: each byte of inputs and
    /// outputs moves at least once, products and exponentials run on SMs that have a block, and no block runs faster than
    /// the whole of its SM. Caches, clever orders and overlap change none of this.
    fn bound(&self, works: &[KernelWork], roofs: &Roofs, least_bytes: f64) -> Bound {
        let schedules = self.schedules() as f64;
        let mut seconds = [least_bytes / roofs.bytes_per_s, 0.0, 0.0];
        for kernel in works {
            let copies = kernel.heads as f64 * schedules;
            let sms = self.chip.sms as f64;
            // The products of an ideal text may be cut in any way.
            let is_cut = self.runs().is_budgeted();
            let at_work = if is_cut { sms.min(kernel.programs.len() as f64 * copies) } else { sms };
            for (of, rate, lane) in [
                ((|of| of.matmul as f64) as fn(&Work) -> f64, roofs.matmul_per_s, 1),
                (|of| of.exp as f64, roofs.exp_per_s, 2),
            ] {
                let longest = kernel.programs.iter().map(of).fold(0.0, f64::max);
                let longest = if is_cut { longest } else { 0.0 };
                let mean = sum(kernel, of) * copies / at_work.max(1.0);
                seconds[lane] += mean.max(longest) * sms / rate;
            }
        }
        let bounds = Roof::ALL.into_iter().zip(seconds).map(|(by, seconds)| Bound { seconds, by });
        bounds.max_by(|a, b| a.seconds.total_cmp(&b.seconds)).unwrap_or(Bound { seconds: 0.0, by: Roof::Bytes })
    }

    /// Bytes of the inputs and outputs of all heads, each once, but for what no pair that is seen needs: keys that no query
    /// sees, queries that see no key, and arrays of pairs, of which a mask may leave anything. Keys and values belong to a
    /// key head.
    fn least_bytes(&self) -> f64 {
        let (text, plan) = (self.runs().text(), &self.setting.plan);
        let seen_keys = plan.band.keys_of_rows(0..plan.n_q).len();
        let seeing_rows = plan.band.rows_of_keys(0..plan.n_k).len();
        let of_tensor = |(id, tensor): (usize, &language::Tensor)| {
            let (rows, cols) = self.runs().size_of(self.runs().tensor(id), plan)?;
            let is_given_or_left = matches!(tensor.role, Role::In | Role::Out);
            let rows = match (tensor.role, tensor.axes().has(Axis::I), tensor.axes().has(Axis::J)) {
                (Role::In, true, true) => 0,
                (Role::In, true, false) => seeing_rows,
                (Role::In, false, true) => seen_keys,
                _ => rows,
            };
            let heads = if tensor.is_of_keys() || tensor.is_of_group { self.shape.kv_heads } else { self.shape.heads };
            let bytes =
                language::element_bytes(&tensor.name, tensor.kind, plan.precision) as f64 * rows as f64 * cols as f64;
            let (all, size) = if tensor.is_of_keys() { (seen_keys, plan.bc) } else { (seeing_rows, plan.br) };
            let blocks = all.div_ceil(size);
            let is_scaled = tensor.role == Role::In && plan.precision.scales(&tensor.name);
            let scales = if is_scaled { SCALE_BYTES as f64 * blocks as f64 } else { 0.0 };
            is_given_or_left.then_some((bytes + scales) * (heads * self.shape.batch) as f64)
        };
        let entries: u64 = plan.key_blocks_by_sequence().iter().map(|blocks| plan.entries_of_all(blocks)).sum();
        let table = (entries * Pages::ENTRY_BYTES) as f64 * self.shape.batch as f64;
        text.tensors.iter().enumerate().filter_map(of_tensor).sum::<f64>() + table
    }

    /// The blocks of `kernel` go through their loads and stores step by step, as many at once as the chip holds.
    fn cache(&self, kernel: usize, work: &KernelWork) -> Cache {
        let slots = (self.per_sm(work).count * self.chip.sms) as usize;
        let copies = work.heads * self.schedules();
        if slots == 0 || work.programs.is_empty() {
            return Cache::default();
        }
        let text = self.runs().text();
        let ready = language::Ready::new(text, &self.setting);
        let walker = language::Walker { algorithm: text, setting: &self.setting, ready: &ready };
        let places = self.places(kernel);
        let tiles: Vec<f64> = work.programs.iter().map(|of| of.tiles as f64).collect();
        let queue = self.order.of_copies(&tiles, copies, MOST_TOUCHES);
        let mut lru = Lru::new(self.chip.l2_bytes);
        let mut cache = Cache { is_whole: queue.len() == places.len() * copies, ..Cache::default() };
        let mut left = MOST_TOUCHES;
        for wave in queue.chunks(slots) {
            let each = (left / wave.len()).max(1);
            let touched: Vec<Vec<Touch>> =
                wave.iter().map(|&block| self.touches(&walker, kernel, block, &places, each)).collect();
            for step in 0..touched.iter().map(Vec::len).max().unwrap_or(0) {
                for touch in touched.iter().filter_map(|touches| touches.get(step)) {
                    let found = lru.touch(touch.block, touch.bytes);
                    if touch.is_load {
                        cache.loaded += touch.bytes;
                        cache.found += if found { touch.bytes } else { 0 };
                    }
                }
            }
            cache.is_whole &= touched.iter().all(|touches| touches.len() < each);
            left = left.saturating_sub(touched.iter().map(Vec::len).sum());
            if left < wave.len() {
                cache.is_whole = false;
                break;
            }
        }
        cache
    }

    /// The first `most` loads and stores of a thread block.
    fn touches(
        &self,
        walker: &language::Walker<'_>,
        kernel: usize,
        block: usize,
        places: &[Place],
        most: usize,
    ) -> Vec<Touch> {
        let (text, plan) = (self.runs().text(), &self.setting.plan);
        let (copy, at) = (block / places.len(), block % places.len());
        let keep = self.setting.of_run(Test::KeepGiven);
        let mut touches = Vec::new();
        let _ = walker.steps_of_program(kernel, places[at], |step| {
            let line = &text.lines[step.line];
            let Some(id) = line.tensor() else { return ControlFlow::Continue(()) };
            let tensor = &text.tensors[id];
            let cost = Cost::of(text, line, plan, keep, step.held);
            let counts = self.setting.counts(step.place);
            let (read, written) = (cost.hbm_read.at(counts), cost.hbm_write.at(counts));
            // Of a group, its first query head, or that of its loop over them; else the query head.
            let of_group = copy * self.setting.heads + step.place.h().unwrap_or(0);
            let query_head = if text.kernels[kernel].is_of_group { of_group } else { copy };
            let head = if tensor.is_of_group { query_head / self.shape.group() } else { query_head };
            let axes = tensor.axes().iter().filter(|axis| *axis != Axis::H);
            let at = axes.filter_map(|axis| step.place.at(axis).map(|index| (axis, index)));
            let block = at.fold(Place::default(), |place, (axis, index)| place.with(axis, index));
            let bytes = (read + written) * language::element_bytes(&tensor.name, tensor.kind, plan.precision);
            touches.push(Touch { block: (id, head, block), bytes, is_load: read > 0 });
            let of_mask = BiasOf::BOOLEAN_BYTES * cost.mask_read.at(counts);
            if of_mask > 0 {
                let block = (2 * text.tensors.len() + 1, head, block);
                touches.push(Touch { block, bytes: of_mask, is_load: true });
            }
            if cost.lookups * counts.entries > 0 {
                // All heads of a batch entry read the same row of the table.
                let batch = query_head / self.shape.heads;
                let bytes = cost.lookups * counts.entries * Pages::ENTRY_BYTES;
                touches.push(Touch { block: (text.tensors.len(), batch, block), bytes, is_load: true });
            }
            if cost.scales > 0 {
                let bytes = cost.scales * counts.one * SCALE_BYTES;
                touches.push(Touch { block: (text.tensors.len() + 1 + id, head, block), bytes, is_load: true });
            }
            if touches.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        touches
    }
}

/// A block of a tensor that a thread block loads or stores: tensor, head, place.
struct Touch {
    block: (usize, usize, Place),
    bytes: u64,
    is_load: bool,
}

fn sum(kernel: &KernelWork, of: fn(&Work) -> f64) -> f64 {
    kernel.programs.iter().map(of).sum()
}

impl std::iter::Sum for Times {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::default(), |a, b| Self {
            overlapped: a.overlapped + b.overlapped,
            in_lanes: a.in_lanes + b.in_lanes,
            one_by_one: a.one_by_one + b.one_by_one,
        })
    }
}
