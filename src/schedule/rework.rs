//! Changes of a text that need no typing: a line becomes that of a variant, a loop's turns run at once or in order, two
//! loops with nothing between them change places. What comes of it is a text like any other, checked when it is read.

use super::algorithm::{self, Algorithm};
use super::language::{Axis, Role, TEXTS, VARIANTS};

const PARALLEL: &str = "parallel ";

/// A line of one variant, put into a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Swapped {
    /// Its short name, such as `forget-alpha`.
    pub name: &'static str,
    pub variant: &'static Algorithm,
    /// The whole text with the variant's lines in place of its own.
    pub text: String,
}

/// Why two loops cannot change places.
#[derive(Clone, Debug, PartialEq)]
pub enum Stays {
    /// The loop has none inside.
    Innermost,
    /// These lines, from 1, stand in the outer loop and not in the inner one: they say once an outer turn what they would
    /// have to say otherwise.
    Between(Vec<u32>),
    /// The inner loop is over parts that the outer one cuts.
    Depends,
}

/// What the loop on a line may be.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopLine {
    pub is_parallel: bool,
    /// The text with its turns in order, or at once. Only a loop around all lines of its kernel may be parallel.
    pub turned: Option<String>,
    /// The text with the loop inside it around it.
    pub swapped: Result<String, Stays>,
}

/// The label of a line of a text, if it has one.
pub fn label(line: &str) -> Option<&str> {
    let (label, _) = line.split('#').next()?.split_once(':')?;
    let label = label.trim();
    let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!label.is_empty() && label.chars().all(is_label)).then_some(label)
}

/// What the variants of `base` make of line `number` (from 1) of a text that is `base` or was once.
pub fn variants_at(base: &str, text: &str, number: u32) -> Vec<Swapped> {
    let Some(own) = line_of(text, number).and_then(label) else { return Vec::new() };
    let of_base = VARIANTS.into_iter().filter(|(of, ..)| *of == base);
    let swapped = of_base.filter_map(|(of, name, _)| {
        let variant = algorithm::by_name(&format!("{of}/{name}"))?;
        let (replaced, left_out) = lines_of(variant);
        let is_meant = replaced.iter().any(|(label, _)| *label == own) || left_out.contains(&own);
        let text = is_meant.then(|| put_in(text, &replaced, &left_out))?;
        Some(Swapped { name, variant, text })
    });
    swapped.filter(|swapped| swapped.text != text).collect()
}

/// The lines of a variant with their labels, and the labels of those that it does without.
fn lines_of(variant: &'static Algorithm) -> (Vec<(&'static str, &'static str)>, Vec<&'static str>) {
    let text = variant.text();
    let Some(of) = &text.variant else { return Default::default() };
    let line = |&number: &u32| line_of(&text.text, number).and_then(|line| Some((label(line)?, line)));
    (of.replaced.iter().filter_map(line).collect(), of.left_out.iter().map(|line| line.label.as_str()).collect())
}

fn put_in(text: &str, replaced: &[(&str, &str)], left_out: &[&str]) -> String {
    let lines = text.split_inclusive('\n').filter(|line| label(line).is_none_or(|own| !left_out.contains(&own)));
    let put = |line: &str| {
        let of_variant = replaced.iter().find(|(known, _)| label(line) == Some(*known));
        let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
        of_variant.map_or_else(|| line.to_owned(), |(_, new)| format!("{}{}{end}", indent(line), new.trim()))
    };
    lines.map(put).collect()
}

fn line_of(text: &str, number: u32) -> Option<&str> {
    text.lines().nth((number as usize).checked_sub(1)?)
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// The head of a loop, with its first word left out: `i in query blocks`.
fn head(line: &str) -> Option<(bool, &str)> {
    let said = line.split('#').next()?.trim();
    let (is_parallel, said) = said.strip_prefix(PARALLEL).map_or((false, said), |said| (true, said.trim_start()));
    Some((is_parallel, said.strip_prefix("for ")?.trim()))
}

/// What can be done with the loop on line `number`, from 1; `None` where that line is none.
pub fn loop_at(text: &str, number: u32) -> Option<LoopLine> {
    let lines: Vec<&str> = text.lines().collect();
    let at = (number as usize).checked_sub(1)?;
    let line = *lines.get(at)?;
    let (is_parallel, _) = head(line)?;
    let turned = indent(line).is_empty().then(|| {
        let said = line.trim_start();
        let new =
            said.strip_prefix(PARALLEL).map_or_else(|| format!("{PARALLEL}{said}"), |said| said.trim_start().into());
        with_lines(text, &[(at, new)])
    });
    Some(LoopLine { is_parallel, turned, swapped: swapped(text, &lines, at) })
}

/// Lines below `at` that stand in its loop, comments and empty ones left out.
fn body(lines: &[&str], at: usize) -> Vec<usize> {
    let deep = indent(lines[at]).len();
    let is_said = |line: &str| !line.split('#').next().unwrap_or_default().trim().is_empty();
    let below = (at + 1..lines.len()).filter(|&n| is_said(lines[n]));
    below.take_while(|&n| indent(lines[n]).len() > deep).collect()
}

fn swapped(text: &str, lines: &[&str], at: usize) -> Result<String, Stays> {
    let within = body(lines, at);
    let inner = within.iter().copied().find(|&n| head(lines[n]).is_some()).ok_or(Stays::Innermost)?;
    let of_inner = body(lines, inner);
    let between: Vec<u32> =
        within.iter().filter(|n| **n != inner && !of_inner.contains(n)).map(|&n| n as u32 + 1).collect();
    if !between.is_empty() {
        return Err(Stays::Between(between));
    }
    let heads = head(lines[at]).zip(head(lines[inner]));
    let ((is_parallel, outer), (_, own)) = heads.ok_or(Stays::Innermost)?;
    let (new_outer, new_inner) = exchanged(outer, own).ok_or(Stays::Depends)?;
    let first = if is_parallel { PARALLEL } else { "" };
    let changes = [
        (at, format!("{}{first}for {new_outer}", indent(lines[at]))),
        (inner, format!("{}for {new_inner}", indent(lines[inner]))),
    ];
    Ok(with_lines(text, &changes))
}

/// The heads of an outer and an inner loop, with their places changed: what one says of the other is said the other way
/// round.
fn exchanged(outer: &str, inner: &str) -> Option<(String, String)> {
    let is_reversed = |head: &str| head.contains("in reversed ");
    let plain = |head: &str| head.replacen("in reversed ", "in ", 1);
    let say = |head: &str, reversed: bool| if reversed { head.replacen("in ", "in reversed ", 1) } else { head.into() };
    let (back_outer, back_inner) = (is_reversed(outer), is_reversed(inner));
    let (by_query, by_key) = ("j in key blocks seen by i", "i in query blocks that see j");
    let (new_outer, new_inner) = match (plain(outer).as_str(), plain(inner).as_str()) {
        ("i in query blocks", inner) if inner == by_query => ("j in key blocks that some query sees", by_key),
        ("j in key blocks" | "j in key blocks that some query sees", inner) if inner == by_key => {
            ("i in query blocks", by_query)
        }
        _ if inner.contains(" of split ") || inner.contains(" seen by ") || inner.contains(" that see ") => {
            return None;
        }
        _ => return Some((inner.to_owned(), outer.to_owned())),
    };
    Some((say(new_outer, back_inner), say(new_inner, back_outer)))
}

/// The text with other lines, by their index.
fn with_lines(text: &str, changes: &[(usize, String)]) -> String {
    let lines = text.split_inclusive('\n').enumerate().map(|(n, line)| {
        let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
        changes.iter().find(|(at, _)| *at == n).map_or_else(|| line.to_owned(), |(_, new)| format!("{new}{end}"))
    });
    lines.collect()
}

/// The text of the program that goes through the blocks in the other order: the same inputs, as many kernels, and its loops
/// over queries and keys the other way round.
pub fn in_other_order(of: &Algorithm) -> Option<&'static Algorithm> {
    let [outer, inner] = order(of)?;
    let inputs = |of: &Algorithm| -> Vec<String> {
        let given = of.text().tensors.iter().filter(|tensor| tensor.role == Role::In);
        given.map(|tensor| tensor.name.clone()).collect()
    };
    let is_other = |other: &&Algorithm| {
        order(other) == Some([inner, outer])
            && other.text().kernels.len() == of.text().kernels.len()
            && inputs(other) == inputs(of)
    };
    TEXTS.into_iter().filter_map(|(name, _)| algorithm::by_name(name)).find(is_other)
}

/// The loops over queries and keys that a tile stands in, from the outermost.
fn order(of: &Algorithm) -> Option<[Axis; 2]> {
    of.text().lines.iter().find_map(|line| {
        let axes = line.loops.iter().map(|over| over.axis).filter(|axis| matches!(axis, Axis::I | Axis::J));
        <[Axis; 2]>::try_from(axes.collect::<Vec<_>>()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        TEXTS.into_iter().find(|(known, _)| *known == name).expect("a text of the program").1
    }

    fn number(text: &str, part: &str) -> u32 {
        text.lines().position(|line| line.contains(part)).expect("the line is there") as u32 + 1
    }

    fn read(text: &str) -> Algorithm {
        Algorithm::read("mine.tile", text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"))
    }

    /// A line of a text that is changed to that of a variant gives the variant, line for line.
    #[test]
    fn lines_of_variants_make_the_variants() {
        let mut seen = 0;
        for (base, name, _) in VARIANTS {
            let variant = algorithm::by_name(&format!("{base}/{name}")).expect("a variant");
            let (replaced, left_out) = lines_of(variant);
            let labels = replaced.iter().map(|(label, _)| *label).chain(left_out);
            for own in labels {
                let at = text(base).lines().position(|line| label(line) == Some(own)).expect("it is of the base");
                let all = variants_at(base, text(base), at as u32 + 1);
                let found = all.iter().find(|swapped| swapped.name == name).expect("it is offered at its line");
                let said = |text: &str| -> Vec<String> {
                    let lines = text.lines().skip_while(|line| !line.starts_with("kernel"));
                    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
                    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
                };
                assert_eq!(said(&found.text), said(&variant.text().text), "{base}/{name}");
                // Once it is there it is offered no more.
                let at = found.text.lines().position(|line| label(line) == Some(own));
                let again = at.map_or_else(Vec::new, |at| variants_at(base, &found.text, at as u32 + 1));
                assert!(again.iter().all(|swapped| swapped.name != name), "{base}/{name}");
                seen += 1;
            }
        }
        assert!(seen >= VARIANTS.len(), "{seen}");
        assert_eq!(variants_at("flash2", text("flash2"), 0), []);
        assert_eq!(variants_at("flash2", text("flash2"), 1000), []);
        assert_eq!(variants_at("nothing", text("flash2"), number(text("flash2"), "rescale:")), []);
    }

    #[test]
    fn labels_are_words_with_hyphens() {
        let all = ["  row-max: m = 1", "a b: x", "  : x", "a+b: x", "none", "# row-max: m = 1"];
        assert_eq!(all.map(label), [Some("row-max"), None, None, None, None, None]);
    }

    #[test]
    fn a_loop_is_made_parallel_and_back() {
        let flash2 = text("flash2");
        let outer = loop_at(flash2, number(flash2, "parallel for i")).expect("a loop");
        let in_order = outer.turned.expect("it stands around all");
        assert!(outer.is_parallel && !in_order.contains("parallel") && read(&in_order).text().kernels.len() == 1);
        let back = loop_at(&in_order, number(&in_order, "for i in query")).expect("a loop").turned;
        assert_eq!(back.as_deref(), Some(flash2));
        assert_eq!(
            loop_at(flash2, number(flash2, "for j in key")).expect("a loop").turned,
            None,
            "not around all lines"
        );
        assert_eq!(loop_at(flash2, number(flash2, "load Q")), None);
        // flash1 with its key loop parallel is a race, which reading finds.
        let flash1 = text("flash1");
        let keys = loop_at(flash1, number(flash1, "for j in key")).expect("a loop").turned.expect("it is outermost");
        assert!(Algorithm::read("mine.tile", &keys).is_err());
    }

    const NEST: &str = "language 1\ntitle Scores\nin Q K\nout S:acc\n\nkernel scores\nshared Q, K ; registers S\n\
                        for i in query blocks\n  # inside\n  for j in key blocks seen by i\n    load Q[i]\n    load K[j]\n    \
                        scores: S = scale * (Q @ K^T)\n    store S[i,j]\n";

    /// Loops with nothing between them change places and back, and what they make is the same.
    #[test]
    fn loops_change_places() {
        let at = number(NEST, "for i");
        let swapped = loop_at(NEST, at).expect("a loop").swapped.expect("nothing stands between");
        assert!(swapped.contains("\nfor j in key blocks that some query sees\n"), "{swapped}");
        assert!(swapped.contains("\n  for i in query blocks that see j\n"), "{swapped}");
        read(NEST);
        read(&swapped);
        assert_eq!(loop_at(&swapped, at).expect("a loop").swapped.as_deref(), Ok(NEST));
        let reversed = NEST.replace("j in key", "j in reversed key");
        let other = loop_at(&reversed, at).expect("a loop").swapped.expect("nothing stands between");
        assert!(other.contains("for j in reversed key blocks that some query sees"), "{other}");
        assert_eq!(loop_at(NEST, number(NEST, "for j")).expect("a loop").swapped, Err(Stays::Innermost));
    }

    /// What one loop says of the other is said the other way round, and each goes back where it went back.
    #[test]
    fn heads_of_loops_change_places() {
        let (queries, keys, seen) = ("i in query blocks", "j in key blocks", "j in key blocks that some query sees");
        let (by_query, by_key) = ("j in key blocks seen by i", "i in query blocks that see j");
        let back = |head: &str| head.replace("in ", "in reversed ");
        for (outer, inner, other) in [
            (queries, keys, Some((keys, queries))),
            (keys, queries, Some((queries, keys))),
            (queries, by_query, Some((seen, by_key))),
            (keys, by_key, Some((queries, by_query))),
            (seen, by_key, Some((queries, by_query))),
            (seen, queries, Some((queries, seen))),
            (queries, "j in key blocks of split s", None),
            (queries, "j in key blocks of split s seen by i", None),
            ("h in heads of the group", by_query, None),
            ("h in heads of the group", by_key, None),
        ] {
            let owned = |heads: (&str, &str)| (heads.0.to_owned(), heads.1.to_owned());
            assert_eq!(exchanged(outer, inner), other.map(owned), "{outer}, {inner}");
            let reversed = other.map(|(outer, inner)| (outer.to_owned(), back(inner)));
            assert_eq!(exchanged(&back(outer), inner), reversed, "{outer} back, {inner}");
            let reversed = other.map(|(outer, inner)| (back(outer), inner.to_owned()));
            assert_eq!(exchanged(outer, &back(inner)), reversed, "{outer}, {inner} back");
        }
    }

    #[test]
    fn loops_with_lines_between_them_stay_and_the_other_order_is_another_text() {
        let flash2 = text("flash2");
        let stays = loop_at(flash2, number(flash2, "parallel for i")).expect("a loop").swapped;
        let between = ["load Q[i]", "start-rows:", "normalise:", "store O", "store L"].map(|part| number(flash2, part));
        assert_eq!(stays, Err(Stays::Between(between.to_vec())));
        for (one, other) in [("flash2", "flash1"), ("flash1", "flash2")] {
            let of = algorithm::by_name(one).expect("a text");
            assert_eq!(in_other_order(of).map(Algorithm::name), Some(other));
        }
        let split = "kernel parts\nfor s in splits\n  for j in key blocks of split s\n    load K[j]\n";
        assert_eq!(loop_at(split, 2).expect("a loop").swapped, Err(Stays::Depends));
    }
}
