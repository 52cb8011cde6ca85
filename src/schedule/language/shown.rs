//! A text as a run has it: what no place of the run carries out is folded away.

use super::setting::Setting;
use super::text::{Algorithm, Line};

/// A line to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its number in the text, from 1.
    pub number: u32,
    pub text: String,
}

/// The lines of a text from its first kernel on, without the statements that no place of the run carries out.
pub fn shown(algorithm: &Algorithm, setting: &Setting) -> Vec<Shown> {
    let first = algorithm.kernels.first().map_or(1, |kernel| kernel.span.line);
    let lines = (1..).zip(algorithm.text.lines()).filter(|(number, _)| *number >= first);
    let in_run = |(number, text): (u32, &str)| {
        let line = algorithm.lines.iter().find(|line| line.span.line == number);
        let text = line.map_or(Some(text.to_owned()), |line| folded(text, line, setting.held_in_run(line)));
        text.map(|text| Shown { number, text: text.trim_end().to_owned() })
    };
    lines.filter_map(in_run).filter(|line| !line.text.trim_start().starts_with('#')).collect()
}

/// The label of `line` and its statements of `held`; `None` where there are none.
fn folded(text: &str, line: &Line, held: u32) -> Option<String> {
    let all = (1_u64 << line.statements.len()) - 1;
    if u64::from(held) == all {
        return Some(text.to_owned());
    }
    let start = line.statements.first()?.span.column as usize - 1;
    let head: String = text.chars().take(start).collect();
    let body: String = text.chars().skip(start).collect();
    let held = body.split(';').enumerate().filter(|(n, _)| held >> n & 1 == 1);
    let held: Vec<_> = held.map(|(_, statement)| statement.trim()).collect();
    (!held.is_empty()).then(|| head + &held.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::language::{TEXTS, read};
    use crate::schedule::{DropoutCost, Plan, Tiling};

    fn lines(plan: Plan) -> Vec<Shown> {
        let (_, text) = TEXTS.into_iter().find(|(name, _)| *name == "flash2").expect("flash2");
        shown(&read(text).expect("a text of the program"), &Setting::new(plan))
    }

    /// A run without modifiers shows none, and every number is that of the text's own line.
    #[test]
    fn what_a_run_does_not_do_is_folded() {
        let plan = Plan::new(8, 8, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
        let plain = lines(plan.clone());
        let scores = plain.iter().find(|line| line.text.contains("scores:")).expect("scores");
        assert_eq!(scores.text.trim_start(), "scores:       S = scale * (Q @ K^T)");
        assert!(!plain.iter().any(|line| line.text.contains("dropout") || line.text.contains("bias[")));
        assert!(plain[0].text.starts_with("kernel attention"));
        let full = lines(Plan { bias: true, softcap: true, dropout: DropoutCost::Materialised, ..plan });
        assert!(full.iter().any(|line| line.text.contains("load bias[i,j] when bias")));
        let scores = full.iter().find(|line| line.text.contains("scores:")).expect("scores");
        assert!(scores.text.ends_with("when softcap; S = S + bias when bias"), "{}", scores.text);
        let text = TEXTS.into_iter().find(|(name, _)| *name == "flash2").map_or("", |(_, text)| text);
        for line in plain.iter().chain(&full) {
            let own = text.lines().nth(line.number as usize - 1).expect("its own line");
            assert!(own.starts_with(line.text.split(';').next().unwrap_or_default()), "{own} / {}", line.text);
        }
    }
}
