//! What leaves the window: pictures, a link, the numbers of the tile, traces, a worksheet. Files go beside the person's
//! other files under the first free name; nothing is overwritten.

use std::fmt::Write as _;
use std::path::PathBuf;

use ndarray::Array2;

use crate::app::run::scene::FinishedRun;
use crate::app::run::snapshot::Snapshot;
use crate::app::tongue::words::in_language;
use crate::attention::Precision;
use crate::attention::input::random;
use crate::files::{self, shown};
use crate::gpu::kernels::KERNELS;
use crate::machine::Run;
use crate::number;
use crate::playback::lesson::Language;
use crate::schedule::{Part, Plan, Schedule, Tiling, algorithm};
use crate::sentence::{Sentence, fill};
use crate::trace::{self, Export, Tiles};

/// What became of something that was asked for: what was done, or why it was not.
pub type Ended = Result<Sentence, Sentence>;

/// The numbers of the tile as CSV: one line each, with its tensor, row and column.
pub fn csv(snapshot: &Snapshot) -> String {
    let mut text = String::from("tensor,query,key_or_column,value\n");
    for (name, values, is_by_key) in matrices(snapshot) {
        for ((row, col), value) in values.indexed_iter() {
            let col = if is_by_key { col + snapshot.view.cols.start } else { col };
            let _ = writeln!(text, "{name},{},{col},{value}", row + snapshot.view.rows.start);
        }
    }
    for (name, values) in statistics(snapshot) {
        for (row, value) in values.iter().enumerate() {
            let _ = writeln!(text, "{name},{},,{value}", row + snapshot.view.rows.start);
        }
    }
    text
}

/// The numbers of the tile as NumPy reads them.
pub fn numpy(snapshot: &Snapshot) -> String {
    let number = |x: &f64| match x {
        x if x.is_nan() => "np.nan".into(),
        x if x.is_infinite() => if *x > 0.0 { "np.inf" } else { "-np.inf" }.to_owned(),
        x => x.to_string(),
    };
    let list = |values: &mut dyn Iterator<Item = &f64>| values.map(number).collect::<Vec<_>>().join(", ");
    let mut text = String::from("import numpy as np\n");
    for (name, values, _) in matrices(snapshot) {
        let rows: Vec<String> = values.outer_iter().map(|row| format!("[{}]", list(&mut row.iter()))).collect();
        let _ = writeln!(text, "{name} = np.array([{}])", rows.join(",\n    "));
    }
    for (name, values) in statistics(snapshot) {
        let _ = writeln!(text, "{name} = np.array([{}])", list(&mut values.iter()));
    }
    text
}

/// Under the names of the text.
fn matrices(snapshot: &Snapshot) -> Vec<(&str, &Array2<f64>, bool)> {
    let found = [
        (Part::Scores, snapshot.scores(), true),
        (Part::Weights, snapshot.weights(), true),
        (Part::Output, snapshot.output(), false),
    ];
    found
        .into_iter()
        .filter_map(|(part, values, is_by_key)| Some((snapshot.called(part), values?, is_by_key)))
        .collect()
}

fn statistics(snapshot: &Snapshot) -> Vec<(&str, &[f64])> {
    let all = [Part::Max, Part::Sum, Part::Alpha];
    all.into_iter().filter_map(|part| Some((snapshot.called(part), snapshot.rows_of(part)?))).collect()
}

/// Writes the trace of a run.
pub fn trace(scene: &FinishedRun, is_perfetto: bool) -> Result<PathBuf, Sentence> {
    let bytes = trace_bytes(scene, is_perfetto)?;
    save(if is_perfetto { "tilescope-perfetto" } else { "tilescope-trace" }, "json", &bytes)
}

/// The trace of a run.
pub fn trace_bytes(scene: &FinishedRun, is_perfetto: bool) -> Result<Vec<u8>, Sentence> {
    scene.run.has_numbers().then_some(()).ok_or("there are no numbers to export: the run is counted alone")?;
    let algorithm = scene.settings.algorithm.name();
    let export = Export {
        kernel_source: KERNELS.iter().find(|kernel| kernel.algorithm == algorithm).map(|kernel| kernel.source),
        ..Export::of(&scene.settings.run, &scene.input, scene.schedule())
    };
    let mut bytes = Vec::new();
    let written = if is_perfetto {
        trace::write_perfetto(&mut bytes, &export, |_| true)
    } else {
        trace::write_json(&mut bytes, &export, Tiles::Stats, |_| true)
    };
    written.map_err(|error| error.sentence())?;
    Ok(bytes)
}

/// What became of a file.
pub fn saved(path: Result<PathBuf, Sentence>) -> Ended {
    path.map(|path| Sentence::new("Saved: {0}").with(shown(&path)))
}

/// Writes `bytes` under the first free name in the current folder, or in the home folder where that is not possible.
pub fn save(stem: &str, extension: &str, bytes: &[u8]) -> Result<PathBuf, Sentence> {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
    let folders = [Some(PathBuf::from(".")), home];
    let mut fault = Sentence::from("there is no folder to write to");
    for folder in folders.into_iter().flatten() {
        let names = (1..10_000).map(|n| format!("{stem}-{n}.{extension}"));
        match files::write_new(&folder, names, |out| out.write_all(bytes).map_err(Sentence::verbatim)) {
            Ok(((), path)) => return Ok(std::path::absolute(&path).unwrap_or(path)),
            Err(error) => fault = error.into(),
        }
    }
    Err(fault)
}

/// A page to print: the online softmax of one row by hand, with its key on a page of its own. Every number of it is the
/// stepper's.
pub fn worksheet(seed: u64, language: Language) -> Result<String, Sentence> {
    let input = random::read("random:1,6,1", seed).map_err(|error| error.sentence())?;
    let plan = Plan::of_problem(&input.problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
    let flash2 = algorithm::by_name("flash2").ok_or("flash2 is missing")?;
    let run = Run::new(Schedule::new(flash2, plan), &input.problem, 0, 0, |_| true);
    let run = run.map_err(|fault| fault.sentence())?;
    let story = run.story(0);
    let list = |values: &[f64]| values.iter().map(|x| number::short(*x)).collect::<Vec<_>>().join("   ");
    let scores: Vec<f64> = story.visits.iter().flat_map(|visit| visit.scores.iter().copied()).collect();
    let values = input.problem.head::<f64>(0, 0, Precision::F64).v.column(0).to_vec();
    let line = |pattern: &'static str, values: &[String]| fill(in_language(language, pattern), values) + "\n";
    let block = |n: usize, [m, alpha, l, o]: [String; 4]| {
        line("block {0}:   m = {1}   alpha = {2}   l = {3}   O = {4}", &[n.to_string(), m, alpha, l, o])
    };
    let mut text = line("tilescope worksheet {0}: the online softmax", &[seed.to_string()]) + "\n";
    text += &(line("One query, six keys, two keys at a time.", &[]) + "\n");
    text += &line("scores s   {0}", &[list(&scores)]);
    text += &(line("values v   {0}", &[list(&values)]) + "\n");
    text += &(line("For each block of two keys write m, alpha, l and O (not divided).", &[]) + "\n");
    for n in 1..=story.visits.len() {
        text += &(block(n, [(); 4].map(|()| "________".into())) + "\n");
    }
    text += "O / l = ________\n\u{c}\n";
    text += &(line("Key (computed by the stepper)", &[]) + "\n");
    for (n, visit) in (1..).zip(&story.visits) {
        text += &block(n, [visit.m, visit.alpha, visit.new.l, visit.sum_of(&visit.new, 0)].map(number::short));
    }
    let _ = writeln!(text, "O / l = {}", number::short(run.output().map_or(f64::NAN, |output| output.o[[0, 0]])));
    Ok(text)
}

/// RGBA bytes as a PNG.
pub fn png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Sentence> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let opaque: Vec<u8> = pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&opaque));
    written.map_err(Sentence::verbatim)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::oracle;

    #[test]
    fn the_key_of_a_worksheet_is_what_the_oracle_gets_from_its_page() {
        for seed in [0, 1, 7] {
            let text = worksheet(seed, Language::English).unwrap();
            let numbers = |line: &str| -> Vec<f64> { line.split_whitespace().filter_map(|x| x.parse().ok()).collect() };
            let line = |start: &str| text.lines().rfind(|line| line.starts_with(start)).unwrap();
            let (scores, values) = (numbers(line("scores")), numbers(line("values")));
            let problem = random::read("random:1,6,1", seed).unwrap().problem;
            let exact = oracle::attention(&problem.head(0, 0, Precision::F64));
            let close = |got: f64, want: f64| (got - want).abs() <= 2e-3 * want.abs().max(1.0);
            let weights: Vec<f64> = scores.iter().map(|s| s.exp()).collect();
            let sum: f64 = weights.iter().sum();
            let average: f64 = weights.iter().zip(&values).map(|(w, v)| w * v).sum::<f64>() / sum;
            let [answer] = numbers(line("O / l"))[..] else { panic!("{text}") };
            assert!(close(answer, average) && close(answer, exact.o[[0, 0]]), "{answer} {average}\n{text}");
            // The last line of the key: m, alpha, l, O.
            let [m, _, l, o] = numbers(&line("block 3").replace("block 3:", ""))[..] else { panic!("{text}") };
            assert!(close(m, exact.m[0]) && close(l, exact.l[0]) && close(o / l, answer), "{text}");
        }
    }
}
