//! Other conventions, and slips of one line, by which an output is that of another problem: a mask one key off, a scale
//! twice, the keys of another head.

use crate::attention::band::UNBOUNDED;
use crate::attention::{Align, Head, Precision, Problem, Shape};

use super::told::{Told, unmasked, weigh};

/// What makes the row of another problem. `None` where it is no other problem.
pub type Another = fn(&Problem, usize, &Head<f64>) -> Option<Head<f64>>;
/// What makes another row of the same problem. `None` where it is no other row.
pub type OtherRow = fn(&Head<f64>, usize) -> Option<Told>;

fn has_diagonal(head: &Head<f64>) -> bool {
    head.band.right < UNBOUNDED || head.band.left < UNBOUNDED
}

pub(super) fn moved(head: &Head<f64>, by: i64) -> Option<Head<f64>> {
    let mut moved = has_diagonal(head).then(|| head.clone())?;
    moved.band.offset += by;
    Some(moved)
}

/// Problems by their name and what they are.
pub const ANOTHER: [(&str, &str, Another); 32] = [
    ("diagonal-one-far", "the diagonal one key too far: a query sees the key after its own", |_, _, head| {
        moved(head, 1)
    }),
    ("diagonal-one-short", "the diagonal one key short: a query does not see its own key", |_, _, head| {
        moved(head, -1)
    }),
    (
        "other-corner",
        "the diagonal from the other corner: top-left for bottom-right, or the reverse",
        |problem, _, head| {
            let ends = match problem.mask.align {
                Align::BottomRight => 0,
                Align::TopLeft => head.band.ahead,
            };
            (ends != head.band.offset).then(|| moved(head, ends - head.band.offset))?
        },
    ),
    ("no-causal", "no causal mask", |problem, _, head| {
        let mut open = problem.mask.causal.then(|| head.clone())?;
        open.band.right = problem.mask.window_right.map_or(UNBOUNDED, |keys| keys as i64);
        Some(open)
    }),
    ("causal", "a causal mask where none is asked for", |problem, _, head| {
        let mut causal = (!problem.mask.causal).then(|| head.clone())?;
        causal.band.right = causal.band.right.min(0);
        Some(causal)
    }),
    ("no-window", "no window", |problem, _, head| {
        let has_window = problem.mask.window_left.is_some() || problem.mask.window_right.is_some();
        let mut open = has_window.then(|| head.clone())?;
        open.band.left = UNBOUNDED;
        open.band.right = if problem.mask.causal { 0 } else { UNBOUNDED };
        Some(open)
    }),
    ("window-one-wide", "a window one key too wide at its left", |problem, _, head| {
        problem.mask.window_left?;
        let mut wide = head.clone();
        wide.band.left += 1;
        Some(wide)
    }),
    ("window-one-narrow", "a window one key too narrow at its left", |problem, _, head| {
        problem.mask.window_left.filter(|keys| *keys > 0)?;
        let mut narrow = head.clone();
        narrow.band.left -= 1;
        Some(narrow)
    }),
    ("no-lengths", "keys beyond the length are seen", |_, _, head| {
        let mut all = (head.band.kv < head.band.n_k).then(|| head.clone())?;
        all.band.kv = all.band.n_k;
        Some(all)
    }),
    ("length-one-long", "one key beyond the length is seen", |_, _, head| {
        let mut long = (head.band.kv < head.band.n_k).then(|| head.clone())?;
        long.band.kv += 1;
        Some(long)
    }),
    ("last-key-lost", "the last key is not seen", |_, _, head| {
        let mut short = (head.band.kv > 1).then(|| head.clone())?;
        short.band.kv -= 1;
        Some(short)
    }),
    ("no-documents", "the documents are ignored: a query sees the keys of others", |_, _, head| {
        head.band.documents.as_ref()?;
        let mut all = head.clone();
        all.band.documents = None;
        Some(all)
    }),
    ("no-left-padding", "the padding before the keys is seen", |_, _, head| {
        let mut all = (head.band.padding > 0).then(|| head.clone())?;
        all.band.padding = 0;
        Some(all)
    }),
    ("no-prefix", "the prefix is ignored: the mask hides its keys from queries before them", |_, _, head| {
        let mut without = (head.band.prefix > 0).then(|| head.clone())?;
        without.band.prefix = 0;
        Some(without)
    }),
    ("no-sink-keys", "the sink keys are ignored: the window hides them from later queries", |_, _, head| {
        let mut without = (head.band.sinks > 0).then(|| head.clone())?;
        without.band.sinks = 0;
        Some(without)
    }),
    ("no-scale", "no scale: the scores are Q K^T", |_, _, head| scaled(head, 1.0)),
    ("scale-twice", "the scale is applied twice", |_, _, head| scaled(head, head.scale * head.scale)),
    ("scale-by-d", "the scale is 1 / d and not 1 / sqrt(d)", |problem, _, head| {
        scaled(head, 1.0 / problem.shape.d as f64)
    }),
    ("no-softcap", "no softcap", |_, _, head| {
        head.softcap?;
        Some(Head { softcap: None, ..head.clone() })
    }),
    ("no-alibi", "no ALiBi", |_, _, head| {
        head.alibi_slope.as_ref()?;
        Some(Head { alibi_slope: None, ..head.clone() })
    }),
    ("alibi-added", "ALiBi is added and not subtracted", |_, _, head| {
        Some(Head { alibi_slope: Some(head.alibi_slope.as_ref()?.map(|slope| -slope)), ..head.clone() })
    }),
    ("alibi-of-next-head", "the ALiBi slope is that of another head", |problem, h, head| {
        let other = Some(problem.slopes_of(head.batch, (h + 1) % problem.shape.heads)?);
        (head.alibi_slope != other).then(|| Head { alibi_slope: other, ..head.clone() })
    }),
    ("no-bias", "no bias", |_, _, head| {
        head.bias.as_ref()?;
        let mut without = Head { bias: None, ..head.clone() };
        without.band.array = None;
        Some(without)
    }),
    ("bias-scaled", "the bias is added before the scale", |_, _, head| {
        let bias = head.bias.as_ref()?.mapv(|bias| bias * head.scale);
        Some(Head { bias: Some(bias), ..head.clone() })
    }),
    ("no-dropout", "no dropout", |_, _, head| {
        head.dropout.as_ref()?;
        Some(Head { dropout: None, ..head.clone() })
    }),
    ("no-sinks", "the learned sinks are left out", |_, _, head| {
        head.sink.as_ref()?;
        Some(Head { sink: None, ..head.clone() })
    }),
    ("sink-scaled", "the learned sinks are multiplied by the scale, as scores are", |_, _, head| {
        Some(Head { sink: Some(head.sink.as_ref()?.map(|sink| sink * head.scale)), ..head.clone() })
    }),
    ("sink-of-next-head", "the learned sink is that of another head", |problem, h, head| {
        let other = Some(problem.sinks_of((h + 1) % problem.shape.heads)?);
        (head.sink != other).then(|| Head { sink: other, ..head.clone() })
    }),
    ("head-by-rest", "a query head takes the key/value head h mod kv_heads, and not h / group", |problem, h, head| {
        of_kv_head(problem, h % problem.shape.kv_heads, h, head)
    }),
    ("first-kv-head", "every query head takes the first key/value head", |problem, h, head| {
        of_kv_head(problem, 0, h, head)
    }),
    ("keys-for-values", "the keys stand for the values", |problem, _, head| {
        let Shape { d, d_v, .. } = problem.shape;
        (d == d_v).then(|| Head { v: head.k.clone(), odd_values: None, ..head.clone() })
    }),
    ("queries-for-keys", "Q and K are swapped", |problem, _, head| {
        let Shape { n_q, n_k, heads, kv_heads, .. } = problem.shape;
        (n_q == n_k && heads == kv_heads).then(|| Head { q: head.k.clone(), k: head.q.clone(), ..head.clone() })
    }),
];

fn scaled(head: &Head<f64>, scale: f64) -> Option<Head<f64>> {
    (scale != head.scale).then(|| Head { scale, ..head.clone() })
}

pub(super) fn of_kv_head(problem: &Problem, kv_head: usize, h: usize, head: &Head<f64>) -> Option<Head<f64>> {
    let shape = problem.shape;
    // Any query head of its group has it.
    let of_group = kv_head * (shape.heads / shape.kv_heads);
    let other = problem.head::<f64>(head.batch, of_group, Precision::F64);
    let is_another = kv_head != shape.kv_head(h);
    is_another.then(|| Head { k: other.k, v: other.v, odd_values: other.odd_values, ..head.clone() })
}

/// The keys that the masks hide from a row; the bias hides others.
fn hidden(head: &Head<f64>, i: usize) -> Option<Vec<bool>> {
    let hidden: Vec<bool> = (0..head.n_k()).map(|j| !head.band.keeps(i, j)).collect();
    hidden.contains(&true).then_some(hidden)
}

/// Masked scores become `score`, which may weigh something.
fn hidden_as(head: &Head<f64>, i: usize, score: f64) -> Option<Told> {
    let hidden = hidden(head, i)?;
    let scores = unmasked(head, i).into_iter().zip(hidden).map(|(s, hidden)| if hidden { score } else { s });
    Some(Told::softmax(head, i, &scores.collect::<Vec<f64>>()))
}

fn seen_scores(head: &Head<f64>, i: usize) -> Vec<f64> {
    let keeps = |(j, s): (usize, f64)| if head.sees(i, j) { s } else { f64::NEG_INFINITY };
    unmasked(head, i).into_iter().enumerate().map(keeps).collect()
}

/// Scores to the power of 2 and not of e, or made for the power of 2 and taken to that of e.
fn in_base(head: &Head<f64>, i: usize, factor: f64) -> Told {
    let scores: Vec<f64> = seen_scores(head, i).into_iter().map(|s| s * factor).collect();
    let head = Head { sink: head.sink.as_ref().map(|sinks| sinks.map(|sink| sink * factor)), ..head.clone() };
    Told::softmax(&head, i, &scores)
}

/// Rows by their name and what they are.
pub const OTHER_ROW: [(&str, &str, OtherRow); 14] = [
    ("hidden-as-0", "a hidden score is 0 and not -inf", |head, i| hidden_as(head, i, 0.0)),
    ("hidden-as-1000", "a hidden score is -1000 and not -inf", |head, i| hidden_as(head, i, -1e3)),
    ("hidden-as-10000", "a hidden score is -10,000 and not -inf", |head, i| hidden_as(head, i, -1e4)),
    ("weights-then-mask", "the mask hides weights after the softmax, which is over all keys", |head, i| {
        let hidden = hidden(head, i)?;
        let scores = unmasked(head, i);
        let sink = head.sink_at(i).unwrap_or(f64::NEG_INFINITY);
        let m = scores.iter().copied().fold(sink, f64::max);
        let l: f64 = scores.iter().map(|s| (s - m).exp()).sum::<f64>() + (sink - m).exp();
        let weights = scores.iter().zip(hidden).map(|(s, hidden)| if hidden { 0.0 } else { (s - m).exp() / l });
        Some(Told { o: weigh(head, i, 0, &weights.collect::<Vec<f64>>()), lse: m + l.ln() })
    }),
    ("base-2", "the weights are powers of 2, without log2(e) in the scale", |head, i| {
        Some(in_base(head, i, std::f64::consts::LN_2))
    }),
    ("log2e-twice", "log2(e) is in the scale of powers of e", |head, i| {
        Some(in_base(head, i, std::f64::consts::LOG2_E))
    }),
    ("lse-base-2", "L is a logarithm of base 2", |head, i| {
        let told = Told::exact(head, i);
        Some(Told { lse: told.lse / std::f64::consts::LN_2, ..told })
    }),
    ("lse-without-max", "L is ln(l) without the maximum", |head, i| {
        let row = crate::attention::oracle::row(head, i);
        Some(Told { o: row.o, lse: row.l.ln() })
    }),
    ("not-divided", "O is not divided by l", |head, i| {
        let row = crate::attention::oracle::row(head, i);
        Some(Told { o: row.o.iter().map(|o| o * row.l).collect(), lse: row.lse })
    }),
    ("divided-twice", "O is divided by l twice", |head, i| {
        let row = crate::attention::oracle::row(head, i);
        Some(Told { o: row.o.iter().map(|o| o / row.l).collect(), lse: row.lse })
    }),
    ("dropout-not-scaled", "weights that stay after dropout are not divided by 1 - p", |head, i| {
        let rate = head.dropout.as_ref()?.rate;
        Some(Told::exact(head, i).with_o(|o| o * (1.0 - rate)))
    }),
    ("dropout-scaled-only", "all weights are divided by 1 - p, and none is dropped", |head, i| {
        let rate = head.dropout.as_ref()?.rate;
        Some(Told::exact(&Head { dropout: None, ..head.clone() }, i).with_o(|o| o / (1.0 - rate)))
    }),
    ("lse-of-unseen", "L of a row that sees no key is +infinity, as flash-attention has it", |head, i| {
        let told = Told::exact(head, i);
        (told.lse == f64::NEG_INFINITY).then_some(Told { lse: f64::INFINITY, ..told })
    }),
    ("mean-of-unseen", "a row that sees no key is the mean of all values", |head, i| {
        let sees_some = head.sink.is_some() || (0..head.n_k()).any(|j| head.sees(i, j));
        let even = vec![1.0 / head.n_k() as f64; head.n_k()];
        (!sees_some).then(|| Told { o: weigh(head, i, 0, &even), lse: f64::NEG_INFINITY })
    }),
];

/// Those that a text of the program has.
pub const TEXTS: [(&str, &str); 6] = [
    ("diagonal-one-far", "flash2/diagonal-one-far"),
    ("diagonal-one-short", "flash2/diagonal-one-short"),
    ("other-corner", "flash2/other-corner"),
    ("hidden-as-0", "flash2/zero"),
    ("hidden-as-1000", "flash2/minus-1000"),
    ("lse-base-2", "flash2/lse-base-2"),
];
