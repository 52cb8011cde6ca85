//! What each tensor moves between HBM and the chip: so far, in all, and by the algorithm that it is held against.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::app::run::said::beside_standard;
use crate::app::run::scene::FinishedRun;
use crate::app::run::snapshot::Snapshot;
use crate::attention::Input;
use crate::number::{grouped, short};
use crate::schedule::{PerTensor, Tensor, Traffic};
use crate::sentence::Sentence;

/// Between HBM and the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From HBM to the chip.
    Read,
    /// From the chip to HBM.
    Write,
}

impl Way {
    pub const ALL: [Way; 2] = [Way::Read, Way::Write];

    pub fn name(self) -> &'static str {
        match self {
            Way::Read => "read",
            Way::Write => "write",
        }
    }

    /// What is moved so.
    pub fn of(self, traffic: &Traffic) -> &PerTensor {
        match self {
            Way::Read => &traffic.read,
            Way::Write => &traffic.write,
        }
    }
}

/// An amount of one tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub elements: u64,
    pub bytes: u64,
}

/// One tensor, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub tensor: Tensor,
    pub way: Way,
    /// At the cursor.
    pub now: Amount,
    /// At the end of the run.
    pub end: Amount,
    /// What the baseline comes to, where that is another algorithm.
    pub baseline: Option<Amount>,
}

impl Flow {
    /// The most bytes that any of them comes to.
    pub fn most(&self) -> u64 {
        self.end.bytes.max(self.baseline.map_or(0, |amount| amount.bytes))
    }
}

/// What can be asked of the counts of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsAsked {
    /// Of all heads in place of the run's, or back.
    AllHeads,
    /// The run on screen is what others are held against.
    Pin,
    Unpin,
}

/// Of what the counts are, and what they are held against.
#[derive(Default)]
pub struct CountsShown {
    of_all: bool,
    pinned: Option<PinnedRun>,
}

/// A run that others of its input are held against.
struct PinnedRun {
    name: String,
    source: Arc<Input>,
    /// Of its heads, and of all.
    own: Moved,
    all: Moved,
}

/// What of each tensor goes each way.
type Moved = BTreeMap<(Tensor, Way), Amount>;

impl CountsShown {
    pub fn carry_out(&mut self, message: CountsAsked, scene: &FinishedRun) {
        match message {
            CountsAsked::AllHeads => self.of_all = !self.of_all,
            CountsAsked::Pin => self.pinned = Some(PinnedRun::of(scene)),
            CountsAsked::Unpin => self.pinned = None,
        }
    }

    /// The counts are of every head of every batch entry, and not of the run's alone.
    pub fn is_of_all(&self, scene: &FinishedRun) -> bool {
        self.of_all && !scene.is_of_all_heads()
    }

    pub fn has_pin(&self) -> bool {
        self.pinned.is_some()
    }

    /// The pin, where it is of the same input.
    fn pinned(&self, scene: &FinishedRun) -> Option<&PinnedRun> {
        self.pinned.as_ref().filter(|pinned| Arc::ptr_eq(&pinned.source, &scene.source))
    }

    /// What the counts are held against: the run that is pinned, else the un-fused algorithm where this is another.
    pub fn baseline<'a>(&'a self, scene: &FinishedRun) -> Option<&'a str> {
        let usual = (!scene.is_baseline()).then(|| scene.baseline().name());
        self.pinned(scene).map(|pinned| pinned.name.as_str()).or(usual)
    }
}

impl PinnedRun {
    fn of(scene: &FinishedRun) -> Self {
        let (settings, plan) = (&scene.settings, scene.plan());
        let (text, format) = (settings.algorithm.short_name(), settings.run.precision().name());
        let name = format!("{text} {}x{} {format} (N {} x {})", plan.br, plan.bc, plan.n_q, plan.n_k);
        let entries = scene.of_all_heads();
        let all = moved(entries.iter().map(|entry| (&entry.own, entry.times)));
        Self { name, source: scene.source.clone(), own: moved([(&scene.closed_form, 1)]), all }
    }
}

/// Every flow of a run and of its baseline, tensor by tensor. Of all heads there is no cursor: what moved is all of it.
pub fn flows(scene: &FinishedRun, snapshot: &Snapshot, shown: &CountsShown) -> Vec<Flow> {
    let pinned = shown.pinned(scene);
    if shown.is_of_all(scene) {
        let entries = scene.of_all_heads();
        let end = moved(entries.iter().map(|entry| (&entry.own, entry.times)));
        let usual = || moved(entries.iter().map(|entry| (&entry.standard, entry.times)));
        let baseline = match pinned {
            Some(pinned) => Some(pinned.all.clone()),
            None => (!scene.is_baseline()).then(usual),
        };
        return between(&end, &end, baseline.as_ref());
    }
    let (now, end) = (&snapshot.totals.traffic, &scene.run.meters().total().traffic);
    let baseline = match pinned {
        Some(pinned) => Some(pinned.own.clone()),
        None => (!scene.is_baseline()).then(|| moved([(&scene.standard, 1)])),
    };
    between(&moved([(now, 1)]), &moved([(end, 1)]), baseline.as_ref())
}

/// The sum of what each moves so many times.
fn moved<'a>(parts: impl IntoIterator<Item = (&'a Traffic, u64)>) -> Moved {
    let mut sum = Moved::new();
    for (traffic, times) in parts {
        for way in Way::ALL {
            let tensors = way.of(traffic);
            for (tensor, elements) in tensors.iter() {
                let amount = sum.entry((tensor, way)).or_default();
                amount.elements += times * elements;
                amount.bytes += times * tensors.bytes_of(tensor);
            }
        }
    }
    sum
}

fn between(now: &Moved, end: &Moved, baseline: Option<&Moved>) -> Vec<Flow> {
    let mut tensors: Vec<Tensor> =
        end.keys().chain(baseline.into_iter().flat_map(Moved::keys)).map(|key| key.0).collect();
    tensors.sort();
    tensors.dedup();
    let flow = |tensor: Tensor, way: Way| {
        let amount = |of: &Moved| of.get(&(tensor, way)).copied().unwrap_or_default();
        Flow { tensor, way, now: amount(now), end: amount(end), baseline: baseline.map(amount) }
    };
    let flows = tensors.into_iter().flat_map(|tensor| Way::ALL.map(|way| flow(tensor, way)));
    flows.filter(|flow| flow.most() > 0).collect()
}

/// Bytes of all flows: so far, in the end, and of the baseline where there is one.
pub fn sums(flows: &[Flow]) -> (u64, u64, Option<u64>) {
    let sum = |of: fn(&Flow) -> u64| flows.iter().map(of).sum();
    let has_baseline = flows.iter().any(|flow| flow.baseline.is_some());
    let baseline = has_baseline.then(|| sum(|flow| flow.baseline.unwrap_or_default().bytes));
    (sum(|flow| flow.now.bytes), sum(|flow| flow.end.bytes), baseline)
}

/// The one thing that the counts say, beside the baseline.
pub fn headline(scene: &FinishedRun, flows: &[Flow], shown: &CountsShown) -> Sentence {
    let (_, own, baseline) = sums(flows);
    let (Some(baseline), Some(name)) = (baseline, shown.baseline(scene)) else { return beside_standard(scene) };
    let is_pinned = shown.pinned(scene).is_some();
    let ratio = baseline as f64 / own.max(1) as f64;
    if own >= baseline && is_pinned {
        let text = Sentence::new("{0} moves {1} x the bytes of {2}.").with(scene.settings.algorithm.short_name());
        return text.with(short(own as f64 / baseline.max(1) as f64)).with(name);
    }
    if own >= baseline || own == 0 {
        return beside_standard(scene);
    }
    let moves = |tensor: Tensor, of: fn(&Flow) -> u64| flows.iter().any(|flow| flow.tensor == tensor && of(flow) > 0);
    let mut kept: Vec<Tensor> = flows.iter().map(|flow| flow.tensor).collect();
    kept.dedup();
    // Of a run that was pinned, another text may have what this one has no use for.
    kept.retain(|tensor| !is_pinned && !moves(*tensor, |flow| flow.end.bytes));
    let sentence = match kept.is_empty() {
        false => Sentence::new("{0}x fewer bytes than {1}: {2} stay on chip").with(fewer(ratio)),
        true => Sentence::new("{0}x fewer bytes than {1}").with(fewer(ratio)),
    };
    sentence.with(name).with_list(kept.into_iter().map(Tensor::name))
}

/// Two digits below 10, so that 1.03 is no 1.
fn fewer(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { grouped(ratio.round() as u64) }
}

/// Every flow as CSV.
pub fn csv(flows: &[Flow], baseline: &str) -> String {
    let mut text = String::from("tensor,way,elements_so_far,elements,bytes_so_far,bytes");
    let has_baseline = flows.iter().any(|flow| flow.baseline.is_some());
    if has_baseline {
        let _ = write!(text, ",{baseline}_elements,{baseline}_bytes");
    }
    text.push('\n');
    for Flow { tensor, way, now, end, baseline } in flows {
        let _ = write!(text, "{},{},{},{}", tensor.name(), way.name(), now.elements, end.elements);
        let _ = write!(text, ",{},{}", now.bytes, end.bytes);
        if let Some(baseline) = baseline {
            let _ = write!(text, ",{},{}", baseline.elements, baseline.bytes);
        }
        text.push('\n');
    }
    text
}

/// Every flow as NumPy reads it.
pub fn numpy(flows: &[Flow]) -> String {
    let list = |of: &dyn Fn(&Flow) -> String| flows.iter().map(of).collect::<Vec<_>>().join(", ");
    let mut text = String::from("import numpy as np\n");
    let _ = writeln!(text, "moves = [{}]", list(&|flow| format!("\"{} {}\"", flow.tensor.name(), flow.way.name())));
    let _ = writeln!(text, "bytes_so_far = np.array([{}])", list(&|flow| flow.now.bytes.to_string()));
    let _ = writeln!(text, "bytes_in_all = np.array([{}])", list(&|flow| flow.end.bytes.to_string()));
    if flows.iter().all(|flow| flow.baseline.is_some()) && !flows.is_empty() {
        let bytes = |flow: &Flow| flow.baseline.unwrap_or_default().bytes.to_string();
        let _ = writeln!(text, "bytes_of_baseline = np.array([{}])", list(&bytes));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::job::Signals;
    use crate::app::run::settings::Settings;
    use crate::attention::BiasOf;
    use crate::attention::input::{preset, random};
    use crate::schedule::spec::RunSpec;
    use crate::schedule::{Tiling, algorithm};

    fn run(input: &Arc<Input>, name: &str, (br, bc): (usize, usize)) -> FinishedRun {
        let settings = Settings {
            algorithm: algorithm::by_name(name).expect("it is there").clone(),
            ..Settings::for_input(input).with_blocks(Tiling { br, bc })
        };
        FinishedRun::build(input.clone(), settings, &Signals::default()).expect("it runs")
    }

    /// Flows of all heads are those of each head, one after the other.
    #[test]
    fn counts_of_all_heads_are_the_sum_of_those_of_each() {
        let input = Arc::new(random::read("random:7,11,4,6,3", 5).expect("an input"));
        for name in ["standard", "flash1", "flash2", "flash2-backward"] {
            let scene = run(&input, name, (3, 2));
            let snapshot = Snapshot::new(&scene, scene.schedule().len(), None);
            let mut shown = CountsShown::default();
            let one = flows(&scene, &snapshot, &shown);
            shown.carry_out(CountsAsked::AllHeads, &scene);
            let all = flows(&scene, &snapshot, &shown);
            let times = 6 / scene.schedule().setting.heads as u64;
            assert!(times > 1 && one.len() == all.len(), "{name}");
            for (one, all) in one.iter().zip(&all) {
                let times_of = |of: Amount| Amount { elements: times * of.elements, bytes: times * of.bytes };
                assert_eq!((times_of(one.end), one.baseline.map(times_of)), (all.end, all.baseline), "{name}");
                assert_eq!(all.now, all.end, "{name}");
            }
            assert_eq!(sums(&all).1, scene.bytes_of_all(), "{name}");
        }
    }

    /// Heads with masks of their own move what each of them moves: a byte a pair of its own tiles.
    #[test]
    fn counts_of_all_heads_are_of_the_tiles_that_each_sees() {
        let mut input = random::read("random:12,12,4,4,2", 5).expect("an input");
        let sees = |h: usize, i: usize, j: usize| i / 3 == j / 3 || (h > 1 && j <= i) || h == 3;
        let value = |(_, h, i, j)| if sees(h, i, j) { 0.0 } else { f64::NEG_INFINITY };
        let bias = ndarray::Array4::from_shape_fn((1, 4, 12, 12), value);
        input.problem.mask.array = crate::attention::pairs::Pairs::of_bias(&bias, 12).map(Arc::new);
        (input.problem.bias, input.problem.bias_of) = (Some(bias), BiasOf::Booleans);
        let input = Arc::new(input);
        for name in ["flash2", "flash2-backward"] {
            let of_head = |head: usize| {
                let settings = Settings {
                    algorithm: algorithm::by_name(name).expect("it is there").clone(),
                    ..Settings::for_input(&input).with_blocks(Tiling { br: 3, bc: 3 })
                };
                let run = RunSpec { head: Some(head), ..settings.run.clone() };
                FinishedRun::build(input.clone(), Settings { run, ..settings }, &Signals::default()).expect("it runs")
            };
            let scenes: Vec<FinishedRun> = (0..4).map(of_head).collect();
            let step = scenes[0].schedule().setting.heads;
            let of_mask = |scene: &FinishedRun| scene.closed_form.read.bytes_of(Tensor::MASK);
            // Of 4, 4, 10 and 16 tiles of 9 pairs; of a group all that one of its heads sees.
            let wanted: &[u64] = if step == 1 { &[36, 36, 90, 144] } else { &[2 * 36, 2 * 144] };
            let found: Vec<u64> = scenes.iter().step_by(step).map(of_mask).collect();
            assert_eq!(found, wanted, "{name}");
            let mut shown = CountsShown::default();
            shown.carry_out(CountsAsked::AllHeads, &scenes[0]);
            let all = flows(&scenes[0], &Snapshot::new(&scenes[0], 0, None), &shown);
            let sum: u64 = scenes.iter().step_by(step).map(|scene| scene.closed_form.hbm_bytes()).sum();
            assert_eq!((sums(&all).1, scenes[0].bytes_of_all()), (sum, sum), "{name}");
            let mask = all.iter().find(|flow| flow.tensor == Tensor::MASK).expect("it is read");
            assert_eq!(mask.end.bytes, wanted.iter().sum::<u64>(), "{name}");
        }
    }

    /// A run that is pinned is the baseline of others of its input, and of no other input.
    #[test]
    fn a_pinned_run_is_what_others_are_held_against() {
        let input = Arc::new(preset::toy());
        let pinned = run(&input, "flash2", (8, 4));
        let mut shown = CountsShown::default();
        shown.carry_out(CountsAsked::Pin, &pinned);
        let scene = run(&input, "flash2", (4, 4));
        let snapshot = Snapshot::new(&scene, 0, None);
        let shown_flows = flows(&scene, &snapshot, &shown);
        let (now, own, baseline) = sums(&shown_flows);
        assert_eq!((now, own), (0, scene.closed_form.hbm_bytes()));
        assert_eq!(baseline, Some(pinned.closed_form.hbm_bytes()));
        assert!(own > pinned.closed_form.hbm_bytes(), "K and V are loaded twice as often");
        let name = shown.baseline(&scene).expect("it is pinned").to_owned();
        assert!(name.starts_with("flash2 8x4 f32"), "{name}");
        let said = headline(&scene, &shown_flows, &shown).to_string();
        assert!(said.contains("x the bytes of flash2 8x4"), "{said}");
        let other = run(&Arc::new(preset::toy()), "flash2", (4, 4));
        assert_eq!(shown.baseline(&other), Some("standard"));
        shown.carry_out(CountsAsked::Unpin, &scene);
        assert_eq!((shown.baseline(&scene), shown.has_pin()), (Some("standard"), false));
        // The baseline of the house has none, but for a pin.
        let standard = run(&input, "standard", (4, 4));
        assert_eq!(shown.baseline(&standard), None);
        shown.carry_out(CountsAsked::Pin, &pinned);
        assert!(shown.baseline(&standard).is_some());
    }
}
