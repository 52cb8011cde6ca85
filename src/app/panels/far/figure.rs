//! What the painters of the map share: where everything stands, what is on chip, and the loops around a tile.

use std::sync::Arc;

use eframe::egui::Ui;

use crate::app::ink::theme::Palette;
use crate::app::panels::far::layout::MapLayout;
use crate::app::panels::far::window::PlaneWindow;
use crate::app::run::at_once::AtOnce;
use crate::app::run::ghosts::Ghosts;
use crate::app::state::seen::Look;
use crate::schedule::language::{LoopOver, Node};
use crate::schedule::{Algorithm, Buffer, Place};
use crate::sentence::Sentence;

/// What the painters of the map share.
pub struct Map<'a> {
    pub ui: &'a Ui,
    pub look: &'a Look<'a>,
    pub layout: &'a MapLayout,
    pub window: &'a PlaneWindow,
    /// In the order of the slots.
    pub buffers: &'a [Buffer],
    pub ghosts: Option<&'a Ghosts>,
    pub beside: Option<&'a RunsAtOnce>,
    pub palette: &'static Palette,
}

/// What runs on the chip at once with the program of the cursor, where that is asked for.
pub enum RunsAtOnce {
    /// Their places, and the chip.
    Programs(Vec<Place>, &'static str),
    /// Why that is not known.
    Unknown(Sentence),
}

impl RunsAtOnce {
    /// Of the program that a run is at; none before its first step.
    pub fn of(look: &Look<'_>, made: Result<Arc<AtOnce>, Sentence>) -> Option<Self> {
        let program = look.snapshot.view.program?;
        match made {
            Ok(made) => Some(Self::Programs(made.beside(program)?, made.chip)),
            Err(why) => Some(Self::Unknown(why)),
        }
    }
}

/// The buffers on chip, or those of the program that comes next.
pub fn buffers(look: &Look<'_>) -> Vec<Buffer> {
    let (schedule, snapshot) = (look.scene.schedule(), look.snapshot);
    if !snapshot.buffers.is_empty() {
        return snapshot.buffers.clone();
    }
    schedule.algorithm.buffers(kernel(look), &schedule.setting)
}

/// The kernel of the last step; before it, the first.
pub fn kernel(look: &Look<'_>) -> usize {
    look.snapshot.view.program.map_or(0, |(kernel, _)| kernel)
}

/// A loop of the kernel at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoopOf {
    pub over: LoopOver,
    pub is_parallel: bool,
    /// Loops around it.
    pub depth: usize,
}

/// The loops around the tiles of the kernel at hand, from the outermost.
pub fn loops(look: &Look<'_>) -> Vec<LoopOf> {
    deepest(&look.scene.schedule().algorithm, kernel(look))
}

pub fn deepest(algorithm: &Algorithm, kernel: usize) -> Vec<LoopOf> {
    fn walk(nodes: &[Node], around: &mut Vec<LoopOf>, found: &mut Vec<LoopOf>) {
        for node in nodes {
            match node {
                Node::Line(_) if around.len() > found.len() => *found = around.clone(),
                Node::Line(_) => {}
                Node::Loop(one) => {
                    let (len, depth) = (around.len(), around.last().map_or(0, |last| last.depth + 1));
                    around.extend(one.over.iter().map(|over| LoopOf { over: *over, is_parallel: one.parallel, depth }));
                    walk(&one.body, around, found);
                    around.truncate(len);
                }
            }
        }
    }
    let (mut around, mut found) = (Vec::new(), Vec::new());
    walk(&algorithm.text().kernels[kernel].body, &mut around, &mut found);
    found
}
