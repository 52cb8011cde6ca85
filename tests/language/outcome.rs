//! What a text makes of the heads of one group, with what it took.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};
use tilescope::attention::Real;
use tilescope::machine::{Fault, Given, Machine, Program};
use tilescope::schedule::language::{Algorithm, Counter, Setting, Tally, walk};

pub struct Outcome<T> {
    text: Algorithm,
    /// Of each tensor, of each head.
    tensors: Vec<Vec<Option<Array2<T>>>>,
    /// Of each reported name, of each head.
    reported: Vec<Vec<Vec<T>>>,
    pub tally: Tally,
}

impl<T: Real> Outcome<T> {
    pub fn tensor(&self, name: &str, head: usize) -> Option<ArrayView2<'_, T>> {
        self.tensors[self.text.tensor(name)?].get(head)?.as_ref().map(|values| values.view())
    }

    pub fn reported(&self, name: &str, head: usize) -> Option<&[T]> {
        let id = self.text.name(name)?;
        let at = self.text.report.iter().position(|&reported| reported == id)?;
        self.reported[at].get(head).map(Vec::as_slice)
    }
}

/// Carries out every step of a text, counted one by one.
pub fn carry_out<T: Real>(text: &Algorithm, setting: &Setting, given: &[Given<T>]) -> Result<Outcome<T>, Fault> {
    let algorithm = tilescope::schedule::Algorithm::read("a text", &text.text).expect("it was read before");
    let program = Program::new(&algorithm);
    let mut machine = Machine::new(&program, setting, given)?;
    let mut counter = Counter::new(text, setting);
    let walked = walk(text, setting, &mut |step| {
        if let Err(fault) = machine.execute(step) {
            return ControlFlow::Break(fault);
        }
        counter.add(step);
        ControlFlow::Continue(())
    });
    if let ControlFlow::Break(fault) = walked {
        return Err(fault);
    }
    machine.note();
    let heads = || 0..setting.heads;
    let tensor = |name: &str, head| machine.tensor(name, head).map(|values| values.to_owned());
    let tensors = text.tensors.iter().map(|of| heads().map(|head| tensor(&of.name, head)).collect()).collect();
    let rows = |name: &str, head| machine.reported(name, head).unwrap_or_default().to_vec();
    let reported =
        text.report.iter().map(|&name| heads().map(|head| rows(&text.names[name], head)).collect()).collect();
    Ok(Outcome { text: text.clone(), tensors, reported, tally: counter.tally })
}
