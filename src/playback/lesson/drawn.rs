//! What a beat's picture draws, held against what its sentence names. A room that reads of a needle and sees none loses the
//! thread.
//!
//! What is drawn is worked out from the texts, the plan and the words of the beat's own figure; of each kind of picture
//! only that is fixed which all of its kind have. `tests/window/drawn.rs` holds it to what is painted.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use crate::schedule::{Algorithm, Part, Plan, Tensor, TileCounts, algorithm};
use crate::sentence::Sentence;

use super::engine::Engine;
use super::error::{LessonError, Result};
use super::markdown::{self, Block};
use super::scene::{Distance, Scene, Stage};
use super::show::{BeatPicture, Show};
use super::text::{Piece, Text};
use super::typed::place;
use super::{Beat, Figure};

/// A thing that a sentence can name and a picture can draw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Thing {
    /// A tensor, or what is kept of a row, by the name that papers have for it.
    Name(String),
    Average,
    Bytes,
    Chip,
    Diagonal,
    Gpus,
    Hbm,
    Kernel,
    Key,
    Loop,
    Maximum,
    Needle,
    Query,
    Row,
    Score,
    Split,
    ThreadBlock,
    Tile,
    Token,
    Weight,
}

use Thing::*;

/// Words of a thing: whole ones of English, and parts of a Chinese sentence. What stands first is read first.
const WORDS: [(Thing, &[&str], &[&str]); 20] = [
    (ThreadBlock, &["thread block", "thread blocks"], &["线程块"]),
    (Tile, &["key block", "key blocks", "query block", "query blocks"], &["键块", "查询块"]),
    (Tile, &["tile", "tiles"], &["分块"]),
    (Average, &["average", "averages"], &["平均"]),
    (Bytes, &["byte", "bytes", "kib", "mib", "gib"], &["字节"]),
    (Chip, &["on chip", "on the chip", "leaves the chip", "sram"], &["片上", "芯片上"]),
    (Diagonal, &["diagonal", "staircase", "mask"], &["对角线", "阶梯", "掩码"]),
    (Gpus, &["sm", "sms"], &["SM"]),
    (Hbm, &["hbm"], &["显存"]),
    (Kernel, &["kernel", "kernels"], &["核函数"]),
    (Key, &["key", "keys"], &["键"]),
    (Loop, &["loop", "loops"], &["循环"]),
    (Maximum, &["maximum", "maxima"], &["最大值"]),
    (Needle, &["needle"], &["指针"]),
    (Query, &["query", "queries"], &["查询"]),
    (Row, &["row", "rows"], &["一行", "每行", "整行", "几行", "多少行"]),
    (Score, &["score", "scores"], &["得分"]),
    (Split, &["split", "splits"], &["切分"]),
    (Token, &["token", "tokens"], &["词元"]),
    (Weight, &["weight", "weights"], &["权重"]),
];

/// The names of tensors, and of what is kept of a row, of every text of the program.
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let tensors = algorithm::of_program().flat_map(|algorithm| &algorithm.text().tensors);
    // Such as `keep` and `bias` are words as well.
    let names = tensors.map(|tensor| tensor.name.clone()).filter(|name| name.contains(char::is_uppercase));
    let parts = Part::ALL.map(Part::symbol).into_iter().filter(|symbol| !symbol.contains('_')).map(str::to_owned);
    // What papers call an output that was not divided yet.
    names.filter(|name| !name.contains('_')).chain(parts).chain([UNDIVIDED.to_owned()]).collect()
});

const UNDIVIDED: &str = "Õ";

impl Thing {
    /// A tensor by its name, and anything else by the first English word for it.
    fn name(&self) -> &str {
        match self {
            Name(name) => name,
            thing => {
                WORDS.iter().find(|(known, ..)| known == thing).and_then(|(_, words, _)| words.first()).unwrap_or(&"")
            }
        }
    }
}

/// What the picture of a beat draws before its answer, by names: what [`things_named`] has of a text that names it.
///
/// Errors where the scene of the beat has no run.
pub fn things_drawn(beat: &Beat, engine: &Engine) -> Result<BTreeSet<String>> {
    let beside = beat.show.as_ref().and_then(|show| show.beside.as_deref());
    let drawn = drawn_by(beat.picture(false), beside, beat, engine)?;
    Ok(drawn.iter().map(|thing| thing.name().to_owned()).collect())
}

/// The things that a text names, which a picture can draw.
pub fn things_named(text: &str) -> BTreeSet<String> {
    words_of(text).iter().map(|thing| thing.name().to_owned()).collect()
}

/// What is wrong with the picture of a beat.
pub(super) fn check(beat: &Beat, engine: &Engine) -> Vec<LessonError> {
    let Some(show) = &beat.show else {
        let what = "this beat names no picture: write `show: {0}` into its scene; there are {1}";
        let names = BeatPicture::ALL.map(BeatPicture::name).join(", ");
        return vec![LessonError::line(beat.line, Sentence::new(what).with(beat.picture(false).name()).with(names))];
    };
    let then = beat.shows_then.as_ref().map(|then| (then, beat.scene_at(true)));
    let shown = [(show, &beat.scene)].into_iter().chain(then);
    let mut faults: Vec<LessonError> = shown.filter_map(|(show, scene)| nothing(show, beat, scene, engine)).collect();
    if faults.is_empty() {
        // A scene that cannot be staged was told of before.
        faults.extend(undrawn(show, beat, engine).unwrap_or_default());
    }
    faults
}

/// The picture has nothing to draw.
fn nothing(show: &Show, beat: &Beat, scene: &Scene, engine: &Engine) -> Option<LessonError> {
    let fault = |what: &'static str| Some(LessonError::at(show.line, show.column, what));
    let is_open = beat.shows_then.as_ref() != Some(show);
    match show.picture {
        BeatPicture::Figure if beat.figure.is_none() && projected(&beat.prose, engine, scene).is_none() => fault(
            "this beat has no figure: write bars in a `figure`, or a table, a picture or a formula on lines of its own",
        ),
        BeatPicture::Chart if beat.hides().bytes && is_open => {
            fault("the chart of bytes is what the question hides: name another picture, and this one in `reveal`")
        }
        _ => None,
    }
}

/// The table, picture or formula of a prose that is projected: the first that stands on lines of its own.
fn projected(prose: &Text, engine: &Engine, scene: &Scene) -> Option<Block> {
    markdown::projected(&prose.marked(engine, scene).ok()?)
}

/// Everything that the projected words name and the picture does not draw.
fn undrawn(show: &Show, beat: &Beat, engine: &Engine) -> Result<Vec<LessonError>> {
    let said = beat.say.as_ref().unwrap_or(&beat.title);
    let question = beat.predict.as_ref().map(|predict| &predict.question);
    let drawn = drawn_by(show.picture, show.beside.as_deref(), beat, engine)?;
    let mut faults = Vec::new();
    for text in [said].into_iter().chain(question) {
        for (thing, word, at) in named_in(text) {
            if !drawn.contains(&thing) {
                let others = BeatPicture::ALL
                    .into_iter()
                    .filter(|picture| drawn_by(*picture, None, beat, engine).is_ok_and(|drawn| drawn.contains(&thing)));
                let names: Vec<&str> = others.map(BeatPicture::name).collect();
                let what = match names.is_empty() {
                    false => "`{0}` is named, and `show: {1}` draws none: {2} would, or say what is seen",
                    true => "`{0}` is named, and `show: {1}` draws none: draw it in a `figure`, or say what is seen",
                };
                let what = Sentence::new(what).with(word).with(show.picture.name());
                let what = if names.is_empty() { what } else { what.with(names.join(", ")) };
                faults.push(LessonError::at(at.0, at.1, what));
            }
        }
    }
    Ok(faults)
}

/// What a picture draws of the scene of a beat, and of the change that the beat leads to.
fn drawn_by(picture: BeatPicture, beside: Option<&str>, beat: &Beat, engine: &Engine) -> Result<HashSet<Thing>> {
    let mut things = drawn_of(picture, beside, beat, &beat.scene, engine)?;
    if let Some(change) = &beat.change {
        things.extend(drawn_of(picture, beside, beat, &change.solved(&beat.scene)?, engine)?);
    }
    Ok(things)
}

fn drawn_of(
    picture: BeatPicture,
    beside: Option<&str>,
    beat: &Beat,
    scene: &Scene,
    engine: &Engine,
) -> Result<HashSet<Thing>> {
    let stage = engine.stage(scene).map_err(|what| LessonError::line(beat.line, what))?;
    let own = &stage.algorithm;
    Ok(match picture {
        BeatPicture::Map if scene.view == Distance::Middle => tile(own, &stage),
        BeatPicture::Map => map(own, &stage),
        BeatPicture::Row => row(own, &stage),
        BeatPicture::Memory => {
            let mut things = HashSet::from([Hbm, Chip, Gpus, Bytes]);
            things.insert(Name(Part::Scores.symbol().into()));
            // What one of them keeps on chip, unless its kernels are ideal.
            things.extend(own.is_budgeted().then_some([Tile, ThreadBlock]).into_iter().flatten());
            things
        }
        BeatPicture::Race => {
            let [first, .., last] = *algorithm::ALL;
            let counterpart = if own == first { last } else { first };
            let other = beside.and_then(algorithm::by_name).unwrap_or(counterpart);
            map(own, &stage).into_iter().chain(map(other, &stage)).collect()
        }
        BeatPicture::Chart => [Hbm, Chip, Bytes].into_iter().chain(tensors(own, &stage.plan)).collect(),
        BeatPicture::Figure => match &beat.figure {
            Some(figure) => of_figure(figure),
            None => projected(&beat.prose, engine, scene).iter().flat_map(of_block).collect(),
        },
    })
}

/// The tensors in HBM.
fn tensors(algorithm: &Algorithm, plan: &Plan) -> Vec<Thing> {
    algorithm.tensors(plan).map(|tensor| Name(tensor.tensor.name().to_owned())).collect()
}

/// What a text has of the parts of attention: their names, and the words for them.
fn parts(algorithm: &Algorithm, parts: &[Part]) -> Vec<Thing> {
    let has = parts.iter().filter(|part| algorithm.has_part(**part));
    has.flat_map(|part| {
        let word = match part {
            Part::Scores => Some(Score),
            Part::Weights => Some(Weight),
            Part::Max => Some(Maximum),
            _ => None,
        };
        let names = [part.symbol(), algorithm.called(*part)].map(|name| Name(name.to_owned()));
        names.into_iter().chain(word)
    })
    .collect()
}

/// The words of the input, where it has them.
fn tokens(stage: &Stage) -> Option<Thing> {
    let tokens = stage.input.about.tokens.get(stage.run.batch())?;
    (!tokens.is_empty()).then_some(Token)
}

fn diagonal(plan: &Plan) -> Option<Thing> {
    let counts = TileCounts::of_plan(plan);
    (counts.partial + counts.skipped > 0).then_some(Diagonal)
}

/// What each kernel keeps on chip, by its names and by the words for them.
fn on_chip(algorithm: &Algorithm, stage: &Stage) -> Vec<Thing> {
    let setting = stage.setting(algorithm, stage.plan.clone());
    let kernels = 0..algorithm.text().kernels.len();
    let buffers = kernels.flat_map(|kernel| algorithm.buffers(kernel, &setting));
    let names: Vec<String> = buffers.flat_map(|buffer| buffer.names).collect();
    let is_kept = |part: &Part| names.iter().any(|name| name == algorithm.called(*part));
    let kept: Vec<Part> = Part::ALL.into_iter().filter(is_kept).collect();
    parts(algorithm, &kept).into_iter().chain(names.into_iter().map(Name)).collect()
}

/// Tensors in HBM around the plane, buffers on the chip, loops, what has moved.
fn map(algorithm: &Algorithm, stage: &Stage) -> HashSet<Thing> {
    let plan = &stage.plan;
    let mut things = HashSet::from([Hbm, Chip, Bytes, Tile, ThreadBlock, Loop, Key, Query, Row]);
    things.extend(tensors(algorithm, plan));
    things.extend(on_chip(algorithm, stage));
    things.extend((algorithm.text().kernels.len() > 1).then_some(Kernel));
    things.extend(algorithm.has_splits().then_some(Split));
    things.extend(tokens(stage));
    things.extend(diagonal(plan));
    things
}

/// S and P of a tile in numbers, and the blocks that make it.
fn tile(algorithm: &Algorithm, stage: &Stage) -> HashSet<Thing> {
    let mut things = HashSet::from([Tile, Key, Query, Row, Chip]);
    things.extend([Tensor::Q, Tensor::K, Tensor::V, Tensor::O].map(|tensor| Name(tensor.name().to_owned())));
    things.extend(parts(algorithm, &[Part::Scores, Part::Weights]));
    things.extend(on_chip(algorithm, stage));
    // How much of the chip that takes, and what a step moves, by its name.
    things.insert(Bytes);
    things.extend(tensors(algorithm, &stage.plan));
    things.extend(algorithm.has_part(Part::Lse).then(|| Name(Part::Lse.symbol().into())));
    // The titles of both have their formulas.
    let formulas = [Part::Scores, Part::Weights].into_iter().filter_map(|part| algorithm.formula(None, part));
    things.extend(formulas.flat_map(|formula| words_of(&formula)));
    things.extend(things.contains(&Name(Part::Max.symbol().into())).then_some(Maximum));
    things.extend(tokens(stage));
    things.extend(diagonal(&stage.plan));
    things
}

/// The scores of a row under its maximum, what is kept of it, and the needle.
fn row(algorithm: &Algorithm, stage: &Stage) -> HashSet<Thing> {
    // A row is that of a query.
    let mut things = HashSet::from([Row, Query, Key, Needle, Average, Tile, Score, Weight]);
    let drawn = [Part::Max, Part::Sum, Part::Alpha, Part::Output, Part::Lse];
    things.extend(parts(algorithm, &drawn));
    things.extend(algorithm.has_part(Part::Output).then(|| Name(UNDIVIDED.into())));
    things.extend(tokens(stage));
    things
}

/// A figure draws what its words name, and what its bars are worked out from.
fn of_figure(figure: &Figure) -> HashSet<Thing> {
    let words = figure.texts().flat_map(named_in).map(|(thing, ..)| thing);
    words.chain(figure.expressions().flat_map(|expr| measured(&expr.source))).collect()
}

/// What a bar of this expression is as high as.
fn measured(source: &str) -> Vec<Thing> {
    let words = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.flat_map(of_function).collect()
}

fn of_function(word: &str) -> Vec<Thing> {
    let name = |name: &str| Name(name.to_owned());
    let of = |part: Part| name(part.symbol());
    match word {
        "p" => vec![of(Part::Weights), Weight, Key],
        "s" => vec![of(Part::Scores), Score, Key],
        _ if word == Part::Max.symbol() => vec![of(Part::Max), Maximum],
        _ if word == Part::Sum.symbol() => vec![of(Part::Sum)],
        "lse" => vec![of(Part::Lse)],
        "o" | "exact" | "average" | "output" => vec![of(Part::Output), Average],
        "piece" => vec![Key],
        "traffic" | "moved" | "bytes" => vec![Hbm, Chip, Bytes],
        "blocks" | "block_tiles" | "per_sm" => vec![ThreadBlock],
        "sms" | "busy" => vec![Gpus],
        "tiles" => vec![Tile],
        "dS" | "dP" => vec![name(word), Key],
        _ if NAMES.contains(word) => vec![name(word)],
        _ => Vec::new(),
    }
}

/// What the words of a table, a picture or a formula name.
fn of_block(block: &Block) -> Vec<Thing> {
    match block {
        Block::Table { rows, .. } => rows.iter().flatten().flat_map(|cell| words_of(&markdown::words(cell))).collect(),
        Block::Picture { words, .. } => words_of(words),
        Block::Formula(tex) => words_of(&tex.replace('\\', " ")),
        _ => Vec::new(),
    }
}

fn words_of(text: &str) -> Vec<Thing> {
    named(text).into_iter().map(|(thing, ..)| thing).collect()
}

/// What a text names, each with its word and its place.
fn named_in(text: &Text) -> Vec<(Thing, String, (usize, usize))> {
    let mut found = Vec::new();
    for (piece, start) in text.placed() {
        let words = match piece {
            Piece::Plain(plain) => plain,
            // A formula is seen itself.
            Piece::Tex { .. } | Piece::Data(_) | Piece::Value(..) => continue,
        };
        let named = named(words).into_iter();
        found.extend(named.map(|(thing, word, at)| (thing, word, place(words, at, start, 2))));
    }
    found
}

/// The things that `text` names, each with its word and the bytes before it.
fn named(text: &str) -> Vec<(Thing, String, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = ' ';
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if is_letter(c) {
            // A name with an index, `K_0` or `m_old`, is the name; an index of its own is none.
            let end = rest.find(|c: char| !is_letter(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
            let (thing, length) = english(rest, end);
            found
                .extend(thing.filter(|_| !matches!(before, '_' | '^')).map(|thing| (thing, rest[..length].into(), at)));
            length
        } else {
            let chinese = WORDS.iter().flat_map(|(thing, _, words)| words.iter().map(move |word| (thing, *word)));
            match chinese.filter(|(_, word)| rest.starts_with(word)).max_by_key(|(_, word)| word.len()) {
                Some((thing, word)) => {
                    found.push((thing.clone(), word.to_owned(), at));
                    word.len()
                }
                None => c.len_utf8(),
            }
        };
        before = text[at..at + length].chars().next_back().unwrap_or(' ');
        at += length;
    }
    found
}

/// What the words at the beginning of `rest` name, the first of which has `end` bytes; and how many bytes they have.
fn english(rest: &str, end: usize) -> (Option<Thing>, usize) {
    if NAMES.contains(&rest[..end]) {
        return (Some(Name(rest[..end].into())), end);
    }
    let words = WORDS.iter().flat_map(|(thing, words, _)| words.iter().map(move |word| (thing, *word)));
    let begins = |word: &str| {
        let is_whole = |tail: &str| !tail.starts_with(|c: char| is_letter(c) || c.is_ascii_digit());
        rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)) && is_whole(&rest[word.len()..])
    };
    match words.filter(|(_, word)| begins(word)).max_by_key(|(_, word)| word.len()) {
        Some((thing, word)) => (Some(thing.clone()), word.len()),
        None => (None, end),
    }
}

/// Of the scripts that write names of letters; a Chinese character is a word of its own.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && u32::from(c) < 0x2e80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(Thing, String)> {
        named(text).into_iter().map(|(thing, word, _)| (thing, word)).collect()
    }

    #[test]
    fn things_are_told_from_other_words() {
        let name = |name: &str| (Name(name.into()), name.to_owned());
        let of = |thing: Thing, word: &str| (thing, word.to_owned());
        assert_eq!(all("Does the needle at O/l hold?"), [of(Needle, "needle"), name("O"), name("l")]);
        assert_eq!(all("S = Q K^T, K_0 and m_old; A moves I/O"), {
            [name("S"), name("Q"), name("K"), name("K"), name("m"), name("O")]
        });
        assert_eq!(all("Thread blocks and key blocks: blockers"), {
            [of(ThreadBlock, "Thread blocks"), of(Tile, "key blocks")]
        });
        assert_eq!(all("指针指向 O/l；键块不动。"), [of(Needle, "指针"), name("O"), name("l"), of(Tile, "键块")]);
        assert_eq!(all("Older values, lost."), []);
    }
}
