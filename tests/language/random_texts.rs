//! Random texts that are valid: they read, run, are counted right, and give the same bits in any order of their programs.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilescope::attention::{Precision, Problem};
use tilescope::machine::Given;
use tilescope::schedule::Plan;
use tilescope::schedule::language::{Setting, closed_form};

use super::common::any_problems;
use super::outcome::carry_out;
use super::read;

/// Writes a text line by line, and knows which names have a value.
struct Writer {
    rng: ChaCha8Rng,
    tiles: Vec<String>,
    rows: Vec<String>,
    text: String,
}

impl Writer {
    fn chance(&mut self, of: u32) -> bool {
        self.rng.random_range(0..of) == 0
    }

    fn any(&mut self, of: &[String]) -> String {
        of[self.rng.random_range(0..of.len())].clone()
    }

    fn number(&mut self) -> String {
        ["0", "1", "0.5", "2", "scale", "ln(2)", "-3"][self.rng.random_range(0..7)].into()
    }

    fn tile(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(3) {
            let names = self.tiles.clone();
            return if names.is_empty() || self.chance(4) { "scale * (Q @ K^T)".into() } else { self.any(&names) };
        }
        let a = self.tile(depth - 1);
        match self.rng.random_range(0..9) {
            0 => format!("({a} + {})", self.tile(depth - 1)),
            1 => format!("({a} - {})", self.row(depth - 1)),
            2 => format!("{} * ({a})", self.number()),
            3 => format!("exp({a} - finite({}))", self.row(depth - 1)),
            4 => format!("tanh({a})"),
            5 => format!("ratio({a}, {})", self.row(depth - 1)),
            6 => format!("pick({a} > {}, {a}, {})", self.row(depth - 1), self.number()),
            7 => format!("max({a}, {})", self.number()),
            _ => format!("(({a}) * (width^T))"),
        }
    }

    fn row(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(3) {
            let names = self.rows.clone();
            return self.any(&names);
        }
        match self.rng.random_range(0..6) {
            0 => format!("rowmax({})", self.tile(depth - 1)),
            1 => format!("rowsum({})", self.tile(depth - 1)),
            2 => format!("({} + {})", self.row(depth - 1), self.row(depth - 1)),
            3 => format!("max({}, {})", self.row(depth - 1), self.number()),
            4 => format!("square({})", self.row(depth - 1)),
            _ => format!("-{}", self.row(depth - 1)),
        }
    }

    fn output(&mut self) -> String {
        match self.rng.random_range(0..5) {
            0 => format!("O + ({}) @ V", self.tile(2)),
            1 => format!("{} * O", self.row(1)),
            2 => format!("ratio(O, {}) + ({}) @ V", self.row(1), self.tile(1)),
            3 => format!("O + {} * (({})^T)^T @ V", self.number(), self.tile(1)),
            _ => format!("O - ({}) @ V", self.tile(2)),
        }
    }

    fn line(&mut self, n: usize) {
        let condition = ["", " when full", " unless full", " when softcap", " unless bias", " when causal"];
        let line = match self.rng.random_range(0..6) {
            0 | 1 => {
                let value = self.tile(3);
                let name = format!("t{}", self.rng.random_range(0..4));
                let known = self.tiles.contains(&name);
                let condition = if known { condition[self.rng.random_range(0..6)] } else { "" };
                if !known {
                    self.tiles.push(name.clone());
                }
                format!("s{n}: {name} = {value}{condition}")
            }
            2 if !self.tiles.is_empty() => {
                let names = self.tiles.clone();
                let value = ["-inf", "0", "-1000"][self.rng.random_range(0..3)];
                format!("s{n}: {} = {value} where hidden unless full", self.any(&names))
            }
            3 => {
                let value = self.row(3);
                let name = format!("r{}", self.rng.random_range(0..4));
                if !self.rows.contains(&name) {
                    self.rows.push(name.clone());
                }
                format!("s{n}: {name} = {value}")
            }
            _ => format!("s{n}: O = {}{}", self.output(), condition[self.rng.random_range(0..6)]),
        };
        self.text.push_str(&format!("    {line}\n"));
    }
}

/// A valid text, and the same with its programs from the last to the first.
fn text(seed: u64) -> [String; 2] {
    let mut writer =
        Writer { rng: ChaCha8Rng::seed_from_u64(seed), tiles: vec![], rows: vec!["first".into()], text: String::new() };
    let over = ["key blocks", "key blocks seen by i", "reversed key blocks seen by i"][writer.rng.random_range(0..3)];
    for n in 0..writer.rng.random_range(2..9) {
        writer.line(n);
    }
    let tiles: Vec<String> = writer.tiles.iter().map(|name| format!(", {name}")).collect();
    ["query blocks", "reversed query blocks"].map(|programs| {
        format!(
            "language 1\ntitle random\nin Q K V\nout O\nkernel k\nshared Q, K, V ; registers O{}\n\
             parallel for i in {programs}\n  load Q[i]\n  start: O = 0 per row of d_v; first = 1 per row\n  for j in {over}\n    \
             load K[j]\n    load V[j]\n    keys: width = rowsum(K)\n{}    last: first = first + 1\n  store O[i]\n",
            tiles.concat(),
            writer.text,
        )
    })
}

/// A valid text of this seed.
pub fn text_of(seed: u64) -> String {
    let [forwards, _] = text(seed);
    forwards
}

fn bits(text: &str, problem: &Problem, setting: &Setting) -> Vec<u64> {
    let algorithm = read(text);
    let given = [Given::new(problem.head::<f32>(0, 0, setting.plan.precision))];
    let outcome = carry_out(&algorithm, setting, &given).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    assert_eq!(outcome.tally.total(), closed_form(&algorithm, setting).total(), "{text}");
    // NaN has many bit patterns: one stands for all.
    let one = |value: &f32| if value.is_nan() { u64::MAX } else { u64::from(value.to_bits()) };
    outcome.tensor("O", 0).expect("an output").iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_texts_run_and_are_counted(seed in any::<u64>(), (problem, tiling, precision) in any_problems()) {
        let precision = if precision == Precision::F64 { Precision::F16 } else { precision };
        let setting = Setting::new(Plan::of_problem(&problem, 0, tiling, precision));
        let [forwards, backwards] = text(seed);
        prop_assert_eq!(bits(&forwards, &problem, &setting), bits(&backwards, &problem, &setting), "{}", forwards);
    }
}
