//! What each tensor moves between HBM and the chip: so far, in all, and by the algorithm that it is held against.

use std::fmt::Write as _;

use crate::app::run::scene::FinishedRun;
use crate::app::run::snapshot::Snapshot;
use crate::number::grouped;
use crate::schedule::{PerTensor, Tensor, Traffic};
use crate::sentence::Sentence;

/// Between HBM and the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// Every flow of a run and of its baseline, tensor by tensor.
pub fn flows(scene: &FinishedRun, snapshot: &Snapshot) -> Vec<Flow> {
    let (now, end) = (&snapshot.totals.traffic, &scene.run.meters().total().traffic);
    let baseline = (!scene.is_baseline()).then_some(&scene.standard);
    between(now, end, baseline)
}

fn between(now: &Traffic, end: &Traffic, baseline: Option<&Traffic>) -> Vec<Flow> {
    let mut tensors = end.tensors();
    tensors.extend(baseline.map(Traffic::tensors).unwrap_or_default());
    tensors.sort();
    tensors.dedup();
    let flow = |tensor: Tensor, way: Way| {
        let amount = |traffic: &Traffic| {
            let moved = way.of(traffic);
            Amount { elements: moved.get(tensor), bytes: moved.bytes_of(tensor) }
        };
        Flow { tensor, way, now: amount(now), end: amount(end), baseline: baseline.map(amount) }
    };
    let flows = tensors.into_iter().flat_map(|tensor| Way::ALL.map(|way| flow(tensor, way)));
    flows.filter(|flow| flow.most() > 0).collect()
}

/// The one thing that the counts say, beside the baseline.
pub fn headline(scene: &FinishedRun) -> Option<Sentence> {
    let (own, baseline) = (scene.closed_form.hbm_bytes(), scene.standard.hbm_bytes());
    if scene.is_baseline() || own >= baseline || own == 0 {
        return None;
    }
    let moved = scene.closed_form.tensors();
    let kept: Vec<&str> =
        scene.standard.tensors().into_iter().filter(|tensor| !moved.contains(tensor)).map(Tensor::name).collect();
    let ratio = baseline as f64 / own as f64;
    let sentence = match kept.is_empty() {
        false => Sentence::new("{0}x fewer bytes than {1}: {2} stay on chip").with(fewer(ratio)),
        true => Sentence::new("{0}x fewer bytes than {1}").with(fewer(ratio)),
    };
    Some(sentence.with(scene.baseline().name()).with_list(kept))
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
