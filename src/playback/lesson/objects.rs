//! Things with parts, as expressions see them: traffic, a piece of a row, a chip. Rows, runs and gradients have files of
//! their own.

use crate::attention::oracle;
use crate::schedule::{Hardware, PerTensor, Tensor, Traffic};
use crate::sentence::Sentence;

use super::expr::{Arguments, Scope, Value};
use super::functions::Answer;
use super::scene::Stage;

/// What an algorithm moves.
pub struct Moved {
    pub traffic: Traffic,
}

impl Scope for Moved {
    fn name(&self, name: &str) -> Option<Value> {
        let traffic = &self.traffic;
        Some(match name {
            "elements" => traffic.hbm_elements().into(),
            "bytes" => traffic.hbm_bytes().into(),
            "flops" => traffic.flops.total().into(),
            "matmul" => traffic.flops.matmul.into(),
            "exps" => traffic.flops.exp.into(),
            "on_chip" => (traffic.sram_read + traffic.sram_write).into(),
            _ => return None,
        })
    }

    /// `read()` and `write()`: elements, of one tensor if it is named.
    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        let of: &PerTensor = match name {
            "read" => &self.traffic.read,
            "write" => &self.traffic.write,
            _ => return None,
        };
        Some(match arguments.text() {
            None => Ok(of.elements().into()),
            Some(tensor) => match Tensor::known(&tensor) {
                Some(tensor) => Ok(of.get(tensor).into()),
                None => Err(Sentence::new("there is no tensor {0}").with(tensor)),
            },
        })
    }
}

/// The softmax of a run of keys alone.
pub struct Piece {
    m: f64,
    l: f64,
    average: Vec<f64>,
}

impl Piece {
    /// Keys `from` up to `to`, without `to`, of query `i`.
    pub fn new(stage: &Stage, i: usize, from: usize, to: usize) -> Result<Self, Sentence> {
        let plan = &stage.plan;
        if i >= plan.n_q || from >= to || to > plan.n_k {
            return Err(Sentence::new("there {0|is|are} {0} {0|query|queries} and {1} {1|key|keys}")
                .with(plan.n_q)
                .with(plan.n_k));
        }
        let head = stage.exact();
        let s = oracle::row(head, i).s[from..to].to_vec();
        let m = s.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = s.iter().map(|s| (s - m).exp()).collect();
        let l: f64 = weights.iter().sum();
        let average = (0..plan.d_v)
            .map(|c| weights.iter().enumerate().map(|(j, w)| w * head.v[[from + j, c]]).sum::<f64>() / l)
            .collect();
        Ok(Self { m, l, average })
    }
}

impl Scope for Piece {
    fn name(&self, name: &str) -> Option<Value> {
        Some(match name {
            "m" => self.m.into(),
            "l" => self.l.into(),
            "lse" => (self.m + self.l.ln()).into(),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        (name == "average").then(|| component(&self.average, arguments, "c"))
    }
}

/// A hardware model.
pub struct Chip(pub Hardware);

impl Scope for Chip {
    fn name(&self, name: &str) -> Option<Value> {
        let chip = &self.0;
        Some(match name {
            "sms" => chip.sms.into(),
            "shared_per_sm" => chip.shared_bytes_per_sm.into(),
            "shared_per_block" => chip.shared_bytes_per_block.into(),
            "sram_per_sm" => chip.sram_bytes_per_sm.into(),
            "sram" => (chip.sms * chip.sram_bytes_per_sm).into(),
            "registers" => chip.register_bytes_per_sm.into(),
            "l2" => chip.l2_bytes.into(),
            "sram_bandwidth" => chip.sram_bytes_per_s.into(),
            "hbm" => chip.hbm_bytes.into(),
            "bandwidth" => chip.hbm_bytes_per_s.into(),
            "matmul" => chip.matmul_flops_per_s.into(),
            "vector" => chip.vector_flops_per_s.into(),
            "exps" => chip.exp_per_s.into(),
            _ => return None,
        })
    }

    fn call(&self, _: &str, _: &mut Arguments) -> Option<Answer> {
        None
    }
}

/// The number of a list at the place that is given by name, or the first.
pub(super) fn component(values: &[f64], arguments: &mut Arguments, name: &str) -> Answer {
    let index = arguments.index_or(name, 0)?;
    values.get(index).map(|&x| x.into()).ok_or_else(|| Sentence::new("there {0|is|are} {0}, from 0").with(values.len()))
}
