//! The chip, a card of the map: each buffer in its real area, filled when it holds the block at hand; the budget as a bar.

use eframe::egui::{Align2, Rect, Sense, Stroke, StrokeKind, pos2, vec2};

use crate::schedule::Buffer;

use super::figure::Map;
use crate::app::ink::draw;
use crate::app::ink::theme;
use crate::app::panels::parts::budget;
use crate::app::panels::parts::held::{held, label, told};
use crate::app::panels::parts::moved;
use crate::app::tongue::words::{fill, list};

pub fn paint(map: &Map<'_>) {
    let Some(card) = map.layout.chip else { return };
    let (ui, palette) = (map.ui, map.palette);
    budget::paint_card(ui, card, map.look, palette);
    let line = Rect::from_min_size(card.min + vec2(8.0, 4.0), vec2(card.width() - 16.0, 18.0));
    moved::title(ui, line, map.look);
    for slot in &map.layout.slots {
        paint_slot(map, slot.rect, &map.buffers[slot.buffer]);
    }
    budget::paint_budgets(
        ui,
        Rect::from_min_max(pos2(card.left() + 8.0, card.bottom() - 30.0), card.max),
        map.look,
        palette,
    );
}

fn paint_slot(map: &Map<'_>, rect: Rect, buffer: &Buffer) {
    let (ui, palette) = (map.ui, map.palette);
    let held = held(map.look, buffer);
    let name = label(buffer, held.as_ref());
    let hue =
        palette.named(held.as_ref().map_or_else(|| buffer.names.first().map_or("", String::as_str), |held| &held.name));
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, if held.is_some() { hue } else { palette.background });
    let stroke = if held.is_some() { Stroke::new(1.0, palette.ink) } else { Stroke::new(1.0, palette.faint_ink) };
    painter.rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
    let ink = if held.is_some() { palette.ink } else { palette.faint_ink };
    draw::put_text(
        painter,
        rect.left_top() - vec2(0.0, 2.0),
        Align2::LEFT_BOTTOM,
        &name,
        theme::text(theme::LABEL),
        ink,
    );
    let response = ui.interact(rect.expand(2.0), ui.scope_id().with(("slot", &buffer.names)), Sense::hover());
    let text = || told(ui.ctx(), buffer, held.is_some());
    draw::describe_as(&response, || {
        [fill(ui.ctx(), "{0} on chip", &[&list(ui.ctx(), &buffer.names)]), format!("{name}: {}", text())]
    });
    draw::hint(response, text);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use ndarray::{Array2, ArrayView2, s};

    use super::*;
    use crate::app::run::job::Signals;
    use crate::app::run::scene::FinishedRun;
    use crate::app::run::settings::Settings;
    use crate::app::run::snapshot::Snapshot;
    use crate::app::state::seen::Look;
    use crate::attention::input::preset;
    use crate::attention::{Precision, oracle};
    use crate::schedule::language::Axis;
    use crate::schedule::{Algorithm, Tiling, algorithm};

    /// A block by the axes of its tensor.
    type BlockAt = [Option<usize>; Axis::ALL.len()];

    /// What a step loads, stores or starts in HBM, and which block of it.
    fn moves(scene: &FinishedRun, cursor: u64) -> Option<(String, String, BlockAt)> {
        let step = scene.schedule().step(cursor.checked_sub(1)?)?;
        let algorithm = &scene.schedule().algorithm;
        let axes = algorithm.of_tensor(scene.schedule().facts(&step).tensor?)?.axes();
        let operation = algorithm.operation(step.line);
        let (verb, tensor) = operation.split_once(' ')?;
        let block = Axis::ALL.map(|axis| step.place.at(axis).filter(|_| axes.has(axis)));
        Some((verb.to_owned(), tensor.to_owned(), block))
    }

    /// Every text on ragged blocks.
    fn each(mut check: impl FnMut(&Algorithm, &FinishedRun)) {
        for algorithm in algorithm::of_program() {
            let input = Arc::new(preset::toy());
            let tiling = Tiling { br: 5, bc: 3 };
            let settings = Settings { algorithm: algorithm.clone(), ..Settings::for_input(&input).with_blocks(tiling) };
            check(algorithm, &FinishedRun::build(input, settings, &Signals::default()).unwrap());
        }
    }

    fn close(a: &Array2<f64>, b: &Array2<f64>) -> bool {
        a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 2e-5 * b.abs().max(1.0))
    }

    /// At every step of every text a filled slot holds the block that its label says: those of inputs are of the input, and
    /// scores are dot products.
    #[test]
    fn a_slot_shows_what_the_machine_holds() {
        each(|algorithm, scene| {
            let (problem, name) = (&scene.input.problem, algorithm.name());
            let (mut compared, mut empty, mut scores) = (0, 0, 0);
            for cursor in 0..=scene.schedule().len() {
                let snapshot = Snapshot::new(scene, cursor, None);
                let look = Look::at(scene, &snapshot);
                for buffer in crate::app::panels::far::figure::buffers(&look) {
                    let Some(held) = held(&look, &buffer) else {
                        empty += 1;
                        continue;
                    };
                    let values = snapshot.view.get(&held.name).expect("it is on chip");
                    let whole = match held.name.as_str() {
                        "Q" => problem.q.slice(s![0, 0, .., ..]),
                        "K" => problem.k.slice(s![0, 0, .., ..]),
                        "V" => problem.v.slice(s![0, 0, .., ..]),
                        _ => continue,
                    };
                    let block = held.block.expect("an input has blocks along one axis");
                    let rows = if held.name == "Q" { scene.plan().rows(block) } else { scene.plan().cols(block) };
                    let want = whole.slice(s![rows, ..]).to_owned();
                    assert!(close(values, &want), "{name} step {cursor}: {}", held.name);
                    compared += 1;
                }
                let at_scores = snapshot.view.step.filter(|step| algorithm.operation(step.line) == "scores");
                if let Some((i, j)) = at_scores.and_then(|step| step.place.tile()) {
                    let (rows, cols) = (scene.plan().rows(i), scene.plan().cols(j));
                    let q: ArrayView2<'_, f64> = problem.q.slice(s![0, 0, rows, ..]);
                    let k: ArrayView2<'_, f64> = problem.k.slice(s![0, 0, cols, ..]);
                    let want = q.dot(&k.t()) * problem.scale;
                    let shown = snapshot.view.get("S").unwrap_or_else(|| panic!("{name} step {cursor}: no S"));
                    assert!(close(shown, &want), "{name} step {cursor}: S");
                    scores += 1;
                }
            }
            assert!(compared > 20 && empty > 0, "{name}: {compared} {empty}");
            // A backward pass in two kernels makes each tile twice, and one that reads P none.
            let made = algorithm.text().lines.iter().filter(|line| line.label == "scores").count();
            assert_eq!(scores, made * scene.plan().t_r() * scene.plan().t_c(), "{name}");
        });
    }

    /// Of every tensor of every text: a block that is loaded is what was stored there last, and O in the end is the oracle's.
    #[test]
    fn what_is_loaded_is_what_was_stored() {
        let mut kinds = BTreeSet::new();
        each(|algorithm, scene| {
            let name = algorithm.name();
            let mut stored: Vec<(String, BlockAt, Array2<f64>)> = Vec::new();
            for cursor in 1..=scene.schedule().len() {
                let Some((verb, tensor, block)) = moves(scene, cursor) else { continue };
                let at = stored.iter().position(|(known, place, _)| *known == tensor && *place == block);
                let snapshot = Snapshot::new(scene, cursor, None);
                // A kernel of whole rows has the tile among the columns of its row.
                let now = snapshot.view.get(&tensor).map(|now| match block[Axis::J as usize] {
                    Some(j) if tensor.ends_with(['S', 'P']) && now.ncols() == scene.plan().n_k => {
                        now.slice(s![.., scene.plan().cols(j)]).to_owned()
                    }
                    _ => now.clone(),
                });
                match (verb.as_str(), at, now) {
                    ("load", Some(at), Some(now)) => {
                        assert!(close(&now, &stored[at].2), "{name} step {cursor}: {tensor} is not what was stored");
                        kinds.insert(tensor);
                    }
                    ("store", at, Some(now)) => {
                        at.into_iter().for_each(|at| drop(stored.swap_remove(at)));
                        stored.push((tensor, block, now));
                    }
                    // What is started, or added to, is not the value on chip.
                    (_, Some(at), _) if verb != "load" => drop(stored.swap_remove(at)),
                    _ => {}
                }
            }
            let outputs = stored.iter().filter(|(tensor, ..)| tensor == "O" && !algorithm.is_backward());
            let head = scene.input.problem.head::<f64>(0, 0, Precision::F64);
            let mut rows = 0;
            for (_, block, values) in outputs {
                let i = block[Axis::I as usize].expect("O has blocks of queries");
                for (query, row) in scene.plan().rows(i).zip(values.rows()) {
                    let exact = oracle::row(&head, query).o;
                    let is_same = row.iter().zip(&exact).all(|(a, b)| (a - b).abs() <= 1e-4);
                    assert!(is_same, "{name}: O of query {query}");
                    rows += 1;
                }
            }
            assert_eq!(rows, if algorithm.is_backward() { 0 } else { scene.plan().n_q }, "{name}");
        });
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        assert_eq!(kinds, ["D", "L_part", "O", "O_part", "P", "S", "dP", "dQ", "dS", "l", "m"]);
    }
}
