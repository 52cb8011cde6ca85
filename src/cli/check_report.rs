//! What `tilescope check` tells: a row for each result that was held against what it should be, and all of them as text.

use serde::Serialize;

use crate::attention::{Precision, Problem};
use crate::machine::FirstWrong;
use crate::number::{percent, short};
use crate::schedule::Algorithm;
use crate::trace::Number;

/// What became of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ran,
    Skipped,
    Failed,
}

#[derive(Debug, Serialize)]
pub struct Row {
    pub case: String,
    pub backend: &'static str,
    pub algorithm: String,
    pub precision: Precision,
    pub status: Status,
    pub reason: Option<String>,
    /// Of the tensor that comes closest to its bound.
    pub tensor: Option<&'static str>,
    pub max_error: Option<f64>,
    pub bound: Option<f64>,
    /// How far plain attention in the same format is off, where that is known.
    pub plain: Option<f64>,
    /// Where a text of one's own, or a variant, went wrong first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_wrong: Option<FirstNumber>,
}

/// The first wrong number of a text, in the order in which results are stored.
#[derive(Debug, Serialize)]
pub struct FirstNumber {
    batch: usize,
    /// The query head, or of dK and dV the key/value head.
    head: usize,
    tensor: &'static str,
    /// A query, or of dK and dV a key.
    row: usize,
    component: Option<usize>,
    got: Number,
    exact: Number,
    bound: Number,
    /// Steps done when the step at fault is, and its line in the text.
    step: Option<u64>,
    line: Option<u32>,
}

impl Row {
    /// Failed where an error is not within its bound, which NaN never is.
    pub fn judged(self) -> Self {
        let (Some(tensor), Some(error), Some(bound)) = (self.tensor, self.max_error, self.bound) else { return self };
        if error <= bound {
            return self;
        }
        let reason = Some(format!("{tensor} is off by {}, the bound is {}", short(error), short(bound)));
        Self { status: Status::Failed, reason, ..self }
    }
}

impl Row {
    /// Its error beside that of plain attention, both from exact attention.
    fn errors(&self) -> Option<String> {
        let (tensor, error) = (self.tensor?, short(self.max_error?));
        let plain = self.plain.map_or_else(String::new, |plain| format!(", plain attention by {}", short(plain)));
        Some(format!(" ({tensor} off by {error}{plain})"))
    }
}

impl FirstNumber {
    pub fn of(first: &FirstWrong, (batch, head): (usize, usize), problem: &Problem, algorithm: &Algorithm) -> Self {
        let number = &first.number;
        let at = first.at();
        Self {
            batch,
            head: if number.is_of_key() { problem.shape.kv_head(head) } else { head + first.head },
            tensor: number.tensor,
            row: number.row,
            component: number.component,
            got: Number(number.got),
            exact: Number(number.want),
            bound: Number(number.bound),
            step: at.map(|at| at.cursor),
            line: at.map(|at| algorithm.line(at.step.line).span.line),
        }
    }
}

/// The devices, a line for each algorithm and format, why cases were skipped, and what failed.
pub fn as_text(rows: &[Row], devices: &[String]) -> String {
    let mut text = format!("{}\n", devices.join("\n"));
    let mut groups: Vec<(&str, &str, Precision)> = Vec::new();
    for row in rows {
        let group = (row.backend, row.algorithm.as_str(), row.precision);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    for group in groups {
        let of_group = || rows.iter().filter(|row| (row.backend, row.algorithm.as_str(), row.precision) == group);
        let count = |status: Status| of_group().filter(|row| row.status == status).count();
        let share = |row: &Row| Some(row.max_error? / row.bound?);
        let worst = of_group().filter(|row| share(row).is_some());
        let worst = worst.max_by(|a, b| share(a).unwrap_or(0.0).total_cmp(&share(b).unwrap_or(0.0)));
        let (backend, algorithm, precision) = group;
        text += &format!(
            "{backend} {algorithm} {}: {} ran, {} skipped, {} failed; largest error {} of its bound{}\n",
            precision.name(),
            count(Status::Ran),
            count(Status::Skipped),
            count(Status::Failed),
            percent(worst.and_then(share).unwrap_or(0.0)),
            worst.and_then(Row::errors).unwrap_or_default(),
        );
    }
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for reason in rows.iter().filter(|row| row.status == Status::Skipped).filter_map(|row| row.reason.as_deref()) {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    for (reason, count) in reasons {
        text += &format!("skipped {count}: {reason}\n");
    }
    for row in rows.iter().filter(|row| row.status == Status::Failed) {
        let reason = row.reason.as_deref().unwrap_or_default();
        text +=
            &format!("failed: {} {} {}: {}: {reason}\n", row.backend, row.algorithm, row.precision.name(), row.case);
    }
    text
}
