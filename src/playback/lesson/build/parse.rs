//! A build cue to its template, its cards and the attempts that check grades.

use super::super::cue::settings;
use super::super::error::{LessonError, Result};
use super::super::fields::{Field, Fields};
use super::super::predict::{Hides, expression};
use super::super::text::Text;
use super::formulas;
use super::order::parse_ops;
use super::{Attempt, Build, Card, Filling, Kind, Line, Part, is_reusable};
use crate::sentence::Sentence;

impl Build {
    pub(in super::super) fn parse(mut fields: Fields) -> Result<Self> {
        let line = fields.line;
        let kind = fields.need("kind")?;
        let kind = match kind.value.as_str() {
            "order" => Kind::Order,
            "formulas" => Kind::Formulas,
            "settings" => Kind::Settings,
            "paint" => Kind::Paint,
            "queue" => Kind::Queue,
            _ => return Err(kind.fault("order, formulas, settings, paint and queue are the kinds")),
        };
        let mut cards = Vec::new();
        for (key, is_fixed) in [("fixed", true), ("card", false), ("extra", false)] {
            for field in fields.all(key) {
                cards.push(card(&field, kind, is_fixed)?);
            }
        }
        apart(&cards)?;
        let template = template(kind, &mut fields, &cards)?;
        let attempts = |fields: Vec<Field>| -> Result<Vec<Attempt>> {
            fields.iter().map(|field| attempt(field, kind, &cards)).collect()
        };
        let right = attempts(fields.all("right"))?;
        let wrong = attempts(fields.all("wrong"))?;
        let mut value = |key: &str| fields.take(key).map(|field| expression(&field)).transpose();
        let (moved, on_chip, ends, goal) = (value("moved")?, value("on-chip")?, value("ends")?, value("goal")?);
        let build = Self {
            line,
            kind,
            ask: Text::of_field(&fields.need("ask")?)?,
            template,
            cards,
            right,
            wrong,
            moved,
            on_chip,
            ends,
            goal,
            feedback: Text::of_field(&fields.need("feedback")?)?,
            hides: Hides::parse(fields.take("hides"))?,
        };
        fields.finish()?;
        let needs_right = kind != Kind::Paint && build.right.is_empty();
        if needs_right || build.wrong.is_empty() {
            let need = "a build needs a `right:` that is graded right and a `wrong:` that is graded wrong";
            return Err(LessonError::line(line, need));
        }
        Ok(build)
    }
}

/// Two cards of the hand that do the same are one card.
fn apart(cards: &[Card]) -> Result<()> {
    let hand: Vec<&Card> = cards.iter().filter(|card| !card.is_fixed).collect();
    let does = |card: &Card| (card.of.clone(), card.writes.replace(' ', ""));
    for (at, card) in hand.iter().enumerate() {
        if let Some(other) = hand[..at].iter().find(|other| does(other) == does(card)) {
            let fault = Sentence::new("the cards `{0}` and `{1}` do the same: make them one");
            return Err(LessonError::line(card.line, fault.with(&other.key).with(&card.key)));
        }
    }
    Ok(())
}

/// `key = text`, `key = text | what it does`, `key = text | what it does | the thought that picks it`
fn card(field: &Field, kind: Kind, is_fixed: bool) -> Result<Card> {
    let (key, rest) = field.split(" = ").ok_or_else(|| field.fault("`key = text | what it does` is needed"))?;
    let (text, what, thought) = match rest.split(" | ") {
        None => (rest, None, None),
        Some((text, rest)) => match rest.split(" | ") {
            None => (text, Some(rest), None),
            Some((what, thought)) => (text, Some(what), Some(thought)),
        },
    };
    let what = what.unwrap_or_else(|| key.clone());
    // A setting: `br: 2` fits the line of br alone.
    let (of, writes) = match what.value.split_once(':') {
        Some((of, value)) if kind == Kind::Settings => (of.trim().to_owned(), value.trim().to_owned()),
        _ => (String::new(), what.value.clone()),
    };
    Ok(Card {
        line: field.line,
        key: key.value.clone(),
        text: Text::of_label(&text)?,
        ops: if kind == Kind::Order { parse_ops(&what)? } else { Vec::new() },
        writes,
        of,
        is_fixed,
        misconception: thought.map(|thought| Text::of_field(&thought)).transpose()?,
    })
}

fn template(kind: Kind, fields: &mut Fields, cards: &[Card]) -> Result<Vec<Line>> {
    let lines = match kind {
        Kind::Paint => Vec::new(),
        Kind::Order | Kind::Queue => {
            let field = fields.need("template")?;
            let part = |part: &str| match part.trim() {
                "?" => Ok(Part::Hole),
                "..." => Ok(Part::Many),
                key => find(cards, key, &field).map(Part::Card),
            };
            let parts = field.value.split(',').map(part).collect::<Result<_>>()?;
            vec![Line { line: field.line, name: String::new(), parts }]
        }
        Kind::Formulas | Kind::Settings => fields.all("line").iter().map(defined).collect::<Result<_>>()?,
    };
    let parts = || lines.iter().flat_map(|line| &line.parts);
    let (holes, many) =
        (parts().filter(|part| **part == Part::Hole).count(), parts().filter(|part| **part == Part::Many).count());
    if kind != Kind::Paint && (holes + many == 0 || many > 1) {
        return Err(LessonError::line(fields.line, "a template has holes `?`, and at most one `...`"));
    }
    if kind == Kind::Formulas {
        formulas::check(&lines)?;
    }
    Ok(lines)
}

/// `name = parts`, with words and holes between blanks.
fn defined(field: &Field) -> Result<Line> {
    let (name, rest) = field.split("=").ok_or_else(|| field.fault("`name = formula` is needed"))?;
    let part = |word: &str| match word {
        "?" => Part::Hole,
        "..." => Part::Many,
        word => Part::Text(word.into()),
    };
    Ok(Line { line: field.line, name: name.value, parts: rest.value.split_whitespace().map(part).collect() })
}

fn find(cards: &[Card], key: &str, field: &Field) -> Result<usize> {
    cards
        .iter()
        .position(|card| card.key == key)
        .ok_or_else(|| field.fault(Sentence::new("there is no card `{0}`").with(key)))
}

/// `key, key, -, key | thought`, where `-` is an empty hole; of a painting, `classes of key: value; .. | thought`.
fn attempt(field: &Field, kind: Kind, cards: &[Card]) -> Result<Attempt> {
    let (what, thought) = match field.split(" | ") {
        Some((what, thought)) => (what, Some(Text::of_field(&thought)?)),
        None => (field.clone(), None),
    };
    let filling = match what.value.strip_prefix("classes of ") {
        Some(other) if kind == Kind::Paint => Filling::ClassesOf(settings(&Field { value: other.into(), ..what })?),
        _ => {
            let card = |key: &str| match key.trim() {
                "-" => Ok(None),
                key => find(cards, key, field).map(Some),
            };
            let laid: Vec<Option<usize>> = what.value.split(',').map(card).collect::<Result<_>>()?;
            // What nobody can lay is no attempt.
            let is_laid_before = |at: &usize| laid[*at].is_some() && laid[..*at].contains(&laid[*at]);
            let twice = (0..laid.len()).find(is_laid_before).and_then(|at| laid[at]);
            if let Some(card) = twice.filter(|_| !is_reusable(kind)) {
                let fault = Sentence::new("the card `{0}` is used once, and stands here twice");
                return Err(field.fault(fault.with(&cards[card].key)));
            }
            Filling::Cards(laid)
        }
    };
    Ok(Attempt { line: field.line, filling, thought })
}
