//! A lesson in two languages: the same beats, cues and expressions, in other words. Numbers cannot differ then.

use crate::sentence::Sentence;

use super::build::Filling;
use super::error::LessonError;
use super::{Beat, Lesson, Scene, Show};

/// In what `other` differs from `lesson`, by the lines of `other`.
pub fn differences(lesson: &Lesson, other: &Lesson) -> Vec<LessonError> {
    let mut found = Vec::new();
    if lesson.minutes != other.minutes {
        let what = Sentence::new("the other language takes {0} {0|minute|minutes}, and this one {1}");
        found.push(LessonError::line(1, what.with(lesson.minutes).with(other.minutes)));
    }
    if lesson.language == other.language {
        found.push(LessonError::line(
            1,
            "both lessons of a pair are in one language; say `language: en` and `language: zh`",
        ));
    }
    if lesson.beats.len() != other.beats.len() {
        let what = Sentence::new("the other language has {0} {0|beat|beats}, and this one {1}");
        found.push(LessonError::line(1, what.with(lesson.beats.len()).with(other.beats.len())));
        // Which of them are the same is anybody's guess.
        return found;
    }
    for (a, b) in lesson.beats.iter().zip(&other.beats) {
        found.extend(of_beat(a, b).map(|what| LessonError::line(b.line, what)));
    }
    found
}

/// The first thing in which two beats differ.
fn of_beat(a: &Beat, b: &Beat) -> Option<Sentence> {
    let of = |what: &'static str| {
        Some(Sentence::new("the {0} of this beat differs from that of line {1}").and(what).with(a.line))
    };
    if plain(Some(&a.scene)) != plain(Some(&b.scene)) {
        return of("scene");
    }
    if plain(a.reveal.as_ref()) != plain(b.reveal.as_ref()) {
        return of("reveal");
    }
    let (first, second) = (cues(a), cues(b));
    if let Some(((name, _), _)) = first.iter().zip(&second).find(|(a, b)| a != b) {
        return of(name);
    }
    let (mut ours, mut theirs) = (sources(a), sources(b));
    for source in std::mem::take(&mut ours) {
        match theirs.iter().position(|known| *known == source) {
            Some(at) => drop(theirs.swap_remove(at)),
            None => ours.push(source),
        }
    }
    let what = |pattern, source: Option<&String>| source.map(|source| Sentence::new(pattern).with(source).with(a.line));
    what("this beat has no `{0}`, as that of line {1} has", ours.first())
        .or_else(|| what("this beat has `{0}`, and that of line {1} has not", theirs.first()))
}

/// A scene wherever it stands.
fn plain(scene: Option<&Scene>) -> Option<Scene> {
    scene.map(|scene| Scene { line: 0, folder: None, ..scene.clone() })
}

fn sources(beat: &Beat) -> Vec<String> {
    beat.expressions().iter().map(|expr| expr.source.clone()).collect()
}

/// What its cues say, apart from words and expressions.
fn cues(beat: &Beat) -> Vec<(&'static str, String)> {
    let figure = beat.figure.as_ref().map(|figure| {
        let later: Vec<bool> = figure.bars.iter().map(|bar| bar.is_later).collect();
        let groups: Vec<usize> = figure.groups.iter().map(|(at, _)| *at).collect();
        (later, groups, figure.format.clone(), figure.limit.is_some())
    });
    let predict = beat.predict.as_ref().map(|predict| {
        let labels: Vec<&String> = predict.labels.iter().map(|(key, _)| key).collect();
        format!("{:?} {labels:?} {} {:?}", std::mem::discriminant(&predict.kind), predict.format, predict.hides)
    });
    let change = beat.change.as_ref().map(|change| {
        let solution: Vec<_> = change.solution.iter().map(|field| (&field.key, &field.value)).collect();
        format!("{:?} {solution:?}", change.open)
    });
    let build = beat.build.as_ref().map(|build| {
        let cards: Vec<_> = build.cards.iter().map(|card| (&card.key, &card.writes, card.is_fixed)).collect();
        let template: Vec<_> = build.template.iter().map(|line| (&line.name, &line.parts)).collect();
        let attempts = build.right.iter().chain(&build.wrong).map(|attempt| match &attempt.filling {
            Filling::Cards(cards) => format!("{cards:?}"),
            Filling::ClassesOf(settings) => {
                settings.iter().map(|field| format!("{}: {}; ", field.key, field.value)).collect()
            }
        });
        format!("{:?} {cards:?} {template:?} {:?} {:?}", build.kind, attempts.collect::<Vec<_>>(), build.hides)
    });
    let show = |show: &Option<Show>| show.as_ref().map(|show| (show.picture, show.beside.clone()));
    vec![
        ("show", format!("{:?} {:?}", show(&beat.show), show(&beat.shows_then))),
        ("figure", format!("{figure:?}")),
        ("predict", format!("{predict:?}")),
        ("change", format!("{change:?}")),
        ("build", format!("{build:?}")),
        ("claim", beat.claims.len().to_string()),
        ("say", beat.say.is_some().to_string()),
        ("notes", beat.notes.is_some().to_string()),
    ]
}
