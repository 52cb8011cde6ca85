//! Lessons: every number in them recomputed, and a wrong one caught; both languages the same; hostile text refused.

use std::fmt::Write as _;

use proptest::prelude::*;
use tilescope::playback::lesson::build::{Filling, Finding, Kind, Slot};
use tilescope::playback::lesson::check::check;
use tilescope::playback::lesson::library::{LESSONS, numbered};
use tilescope::playback::lesson::{
    Asked, Engine, Language, Lesson, LessonError, MOST_BYTES, Position, Response, parse,
};

const LANGUAGES: [Language; 2] = [Language::English, Language::Chinese];

fn all() -> impl Iterator<Item = (String, Lesson)> {
    let one = |language: Language| {
        LESSONS.iter().map(move |entry| (entry.path(language), entry.lesson(language).expect("it parses")))
    };
    LANGUAGES.into_iter().flat_map(one)
}

/// The English text of a lesson.
fn english(number: usize) -> &'static str {
    let (_, entry) = numbered(number).expect("there is such a lesson");
    entry.text(Language::English)
}

fn faults(text: &str) -> Vec<LessonError> {
    match parse(text) {
        Ok(lesson) => check(&lesson, &Engine::new()).faults,
        Err(error) => vec![error],
    }
}

/// `text` with `from`, which must be there, replaced once.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in the lesson any more");
    text.replacen(from, to, 1)
}

#[test]
fn every_lesson_checks_and_asks_something_of_the_learner() {
    let engine = Engine::new();
    for (path, lesson) in all() {
        let report = check(&lesson, &engine);
        let told: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        assert_eq!(told, Vec::<String>::new(), "{path}");
        assert!(report.claims >= 5 && report.distractors >= 5 && report.placeholders >= 5, "{path}: {report:?}");
        let count =
            |has: fn(&tilescope::playback::lesson::Beat) -> bool| lesson.beats.iter().filter(|b| has(b)).count();
        assert!(lesson.beats.len() >= 5, "{path}");
        assert!(count(|beat| beat.predict.is_some()) >= 1, "{path}: nothing to predict");
        assert!(count(|beat| beat.change.is_some()) >= 1, "{path}: nothing to change");
        assert!(count(|beat| beat.build.is_some()) >= 1, "{path}: nothing to build");
        assert!(lesson.beats.iter().all(|beat| beat.say.is_some()), "{path}: a beat has nothing to project");
        assert!((5..=20).contains(&lesson.minutes), "{path}");
    }
}

#[test]
fn what_is_made_wrong_is_caught_with_its_line() {
    // What is changed, in which lesson, and the line of the lesson that must be named.
    let mutants = [
        (1, "moved(\"standard\") == 4 * n * n + 4 * n * d", "moved(\"standard\") == 4 * n * n + 3 * n * d", "not true"),
        (4, "row(13).m(after=4) > row(13).m(after=3)", "row(13).m(after=4) < row(13).m(after=3)", "not true"),
        // An answer that is one of the wrong ones.
        (4, "answer: row(13).alpha(4)", "answer: 1", "wrong answer is right"),
        (5, "answer: traffic().read(\"K\") / (n_k * d)", "answer: 1", "wrong answer is right"),
        (7, "answer: tiles(\"skipped\")", "answer: tiles(\"computed\")", "wrong answer is right"),
        (7, "answer: if(class(3, 3) == \"partial\", \"3,3\", \"none\")", "answer: \"4,4\"", "cannot be clicked"),
        (8, "wrong: run().o(0)", "wrong: mean_of_values(0)", "wrong answer is right"),
        // Grades: a wrong build called right, a right one called wrong, a count or a limit that is off.
        (4, "right: right\nwrong: plain", "right: plain\nwrong: all", "right build is graded wrong"),
        (4, "wrong: plain\nwrong: all", "wrong: right\nwrong: all", "wrong build is graded right"),
        (1, "moved: moved(\"standard\")", "moved: moved(\"standard\") + 1", "right build is graded wrong"),
        (6, "on-chip: budget", "on-chip: footprint(\"flash1\") - 1", "right build is graded wrong"),
        (5, "goal: fits() and", "goal: not fits() and", "right build is graded wrong"),
        (7, "wrong: classes of mask: none", "wrong: classes of mask: causal", "wrong build is graded right"),
        (1, "wrong: load-q, load-k, store-s, load-p,", "wrong: load-q, load-k, store-s, load-q,", "is used once"),
        // A change that is found before it is made, or that its solution does not find.
        (4, "until: bug == \"forget-alpha\" and", "until: bug == \"none\" or", "before anything is changed"),
        (1, "solution: algorithm: flash2", "solution: algorithm: flash1", "does not make this true"),
        (5, "solution: br: 256; bc: 64", "solution: algorithm: flash1", "not open"),
        // Two cards that do the same, for two holes.
        (
            8,
            "extra: s1000 =",
            "extra: again = m as it is | m_new | It is the same card.\nextra: s1000 =",
            "the cards `same` and `again` do the same",
        ),
        (5, "card: r4 = 4 query rows | br: 4", "card: r4 = 4 query rows | br: 2", "do the same"),
        // The picture of the answer.
        (3, "```reveal\nstep: after accumulate at 0,1", "```reveal\nstep: after accumulate at 9,9", "no such step"),
        (3, "```reveal\nstep: after accumulate at 0,1", "```reveal\nsteps: after accumulate at 0,1", "has no `steps`"),
        (3, "## One ruler for both\n", "## One ruler for both\n```reveal\nstep: end\n```\n", "stands before `reveal`"),
        (
            4,
            "Now write m and l.\n```\n",
            "Now write m and l.\n```\n```reveal\nstep: end\n```\n",
            "nothing is asked here",
        ),
        (3, "hides: factor", "hides: beta", "classes, errors, factor, rule and steps"),
        // A picture that does not draw what the sentence names, or draws nothing.
        (4, "The rescale comes. What", "The loop comes. What", "`loop` is named, and `show: row`"),
        (4, "What does the needle do?\n```", "Where is dS?\n```", "`dS` is named, and `show: row` draws none: draw it"),
        (4, "does the needle at O/l do?", "do the tiles of S do to HBM?", "`HBM` is named"),
        (6, "show: race flash2", "show: race flash9", "there is no algorithm flash9"),
        (6, "show: race flash2", "show: map flash2", "only a race"),
        (6, "show: race flash2", "show: picture", "`picture` is no picture; there are map, memory, row, race"),
        (9, "show: chart", "show: figure", "this beat has no figure"),
        (1, "step: before load S\nview: far\nshow: map", "step: before load S\nshow: chart", "what the question hides"),
        (1, "view: far\nshow: map", "view: far\nshow: row", "leave `view` out"),
        (4, "show: row\n```\n\n```say\nNow write m and l.", "```\n\n```say\nNow write m and l.", "names no picture"),
        // Text.
        (4, "Write the update of l.", "Write the update of l, and of whatever else you think is missing here.", "long"),
        (4, "{row(13).alpha(4) * row(13)", "{row(99).alpha(4) * row(13)", "there are 16 queries"),
        (2, "{f16(65504):,}", "{f61(65504):,}", "there is no `f61`"),
    ];
    for (number, from, to, told) in mutants {
        let text = english(number);
        assert_eq!(faults(text), vec![]);
        let faults = faults(&changed(text, from, to));
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let fault = faults.iter().find(|fault| fault.what.to_string().contains(told));
        let fault = fault.unwrap_or_else(|| panic!("lesson {number}: {from:?} made {to:?} gives {shown:?}"));
        let place = text[..text.find(from).expect("it was changed")].lines().count();
        // Within the same cue.
        assert!(fault.line.abs_diff(place) <= 30, "{shown:?} is far from line {place}");
    }
}

#[test]
fn both_languages_have_the_same_beats_cues_and_expressions() {
    for entry in &LESSONS {
        let [english, chinese] = LANGUAGES.map(|language| entry.lesson(language).expect("it parses"));
        assert_eq!((english.language, chinese.language), (Language::English, Language::Chinese));
        assert_eq!(english.minutes, chinese.minutes);
        assert_eq!(english.beats.len(), chinese.beats.len(), "{}", entry.stem);
        for (a, b) in english.beats.iter().zip(&chinese.beats) {
            let place = format!("{}: line {} and line {}", entry.stem, a.line, b.line);
            let line = a.scene.line;
            let scene = tilescope::playback::lesson::Scene { line, ..b.scene.clone() };
            assert_eq!(a.scene, scene, "{place}");
            let reveal = |beat: &tilescope::playback::lesson::Beat| {
                beat.reveal.clone().map(|scene| tilescope::playback::lesson::Scene { line: 0, ..scene })
            };
            assert_eq!((reveal(a), a.hides()), (reveal(b), b.hides()), "{place}");
            let pictures = [a, b].map(|beat| [false, true].map(|is_revealed| beat.picture(is_revealed)));
            assert_eq!(pictures[0], pictures[1], "{place}");
            let sources = |beat: &tilescope::playback::lesson::Beat| {
                let mut sources: Vec<String> = beat.expressions().iter().map(|expr| expr.source.clone()).collect();
                sources.sort();
                sources
            };
            assert_eq!(sources(a), sources(b), "{place}");
            let cues = |beat: &tilescope::playback::lesson::Beat| {
                let build = beat.build.as_ref().map(|build| {
                    let cards: Vec<_> =
                        build.cards.iter().map(|card| (card.key.clone(), card.writes.clone())).collect();
                    let attempts = build.right.iter().chain(&build.wrong).map(|attempt| match &attempt.filling {
                        Filling::Cards(cards) => format!("{cards:?}"),
                        Filling::ClassesOf(settings) => {
                            settings.iter().map(|field| format!("{} {};", field.key, field.value)).collect()
                        }
                    });
                    (build.kind, cards, attempts.collect::<Vec<_>>())
                });
                let change = beat.change.as_ref().map(|change| change.open.clone());
                let figure = beat.figure.as_ref().map(|figure| {
                    let later: Vec<bool> = figure.bars.iter().map(|bar| bar.is_later).collect();
                    (later, figure.format.clone(), figure.groups.iter().map(|(at, _)| *at).collect::<Vec<_>>())
                });
                (beat.say.is_some(), figure, beat.predict.is_some(), beat.notes.is_some(), change, build)
            };
            assert_eq!(cues(a), cues(b), "{place}");
        }
    }
}

#[derive(serde::Deserialize)]
struct Glossary {
    terms: Vec<Term>,
}

#[derive(serde::Deserialize)]
struct Term {
    en: Vec<String>,
    zh: String,
    avoid: Vec<String>,
}

/// Every text of a lesson, without its expressions.
fn words(lesson: &Lesson) -> String {
    let mut words = format!("{} {} ", lesson.title, lesson.goal);
    for piece in lesson.beats.iter().flat_map(|beat| beat.texts()).flat_map(|text| &text.pieces) {
        if let tilescope::playback::lesson::Piece::Plain(text) = piece {
            write!(words, "{text} ").expect("a string takes everything");
        }
    }
    words
}

#[test]
fn chinese_lessons_keep_to_the_glossary() {
    let glossary: Glossary = serde_json::from_str(include_str!("../../assets/glossary.json")).expect("it is JSON");
    let mut wrong = String::new();
    for entry in &LESSONS {
        let [english, chinese] = LANGUAGES.map(|language| words(&entry.lesson(language).expect("it parses")));
        let english = english.to_lowercase();
        let spaced: String = english.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { ' ' }).collect();
        let english = format!(" {} ", spaced.split_whitespace().collect::<Vec<_>>().join(" "));
        for term in &glossary.terms {
            if let Some(used) = term.en.iter().find(|word| english.contains(&format!(" {word} ")))
                && !chinese.contains(&term.zh)
            {
                writeln!(wrong, "{}: {used} is {} in Chinese", entry.stem, term.zh).expect("a string");
            }
            for word in term.avoid.iter().filter(|word| chinese.contains(word.as_str())) {
                writeln!(wrong, "{}: {word} is {} in the glossary", entry.stem, term.zh).expect("a string");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Between two Chinese characters, and at the end of a Chinese sentence, punctuation is Chinese.
#[test]
fn chinese_punctuation_is_full_width() {
    let is_wide = |c: Option<char>| c.is_some_and(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for entry in &LESSONS {
        let lesson = entry.lesson(Language::Chinese).expect("it parses");
        let words: Vec<char> = words(&lesson).chars().collect();
        for (at, c) in words.iter().enumerate().filter(|(_, c)| matches!(c, ',' | ':' | ';' | '?' | '!')) {
            let beside = [at.checked_sub(1).and_then(|before| words.get(before)), words.get(at + 1)];
            let near: String = words[at.saturating_sub(8)..(at + 8).min(words.len())].iter().collect();
            assert!(!beside.iter().any(|c| is_wide(c.copied())), "{}: {c} in {near}", entry.stem);
        }
    }
}

#[test]
fn what_is_shown_depends_on_the_position_alone() {
    for (path, lesson) in all() {
        let (engine, fresh) = (Engine::new(), Engine::new());
        let positions: Vec<Position> = lesson.positions().collect();
        let forwards: Vec<_> = positions.iter().map(|p| lesson.at(*p, &engine).expect("it shows")).collect();
        // Backwards, with an engine that has seen nothing yet.
        for (position, shown) in positions.iter().zip(&forwards).rev() {
            assert_eq!(*shown, lesson.at(*position, &fresh).expect("it shows"), "{path}");
            let next = lesson.next(*position);
            assert_eq!(next.and_then(|next| lesson.previous(next)), next.map(|_| *position));
            let revealed = shown.predict.as_ref().map(|predict| predict.revealed.is_some());
            assert!(revealed.is_none_or(|revealed| revealed == position.is_revealed), "no answer before its time");
        }
        assert_eq!(lesson.previous(Position::default()), None);
        assert!(lesson.at(Position { beat: 999, is_revealed: true }, &engine).is_ok());
    }
}

/// The place of the right choice of every question whose choices are texts.
fn places_of_answers(language: Language, seed: u64) -> Vec<usize> {
    let engine = Engine::with_seed(seed);
    let lessons = LESSONS.iter().map(|entry| entry.lesson(language).expect("it parses"));
    let mut places = Vec::new();
    for beat in lessons.flat_map(|lesson| lesson.beats) {
        if let Some(predict) = beat.predict.as_ref().filter(|predict| matches!(predict.kind, Asked::Choice)) {
            let choices = predict.choices(&engine, &beat.scene).expect("they are computed");
            places.extend(choices.iter().position(|choice| choice.is_right));
        }
    }
    places
}

#[test]
fn choices_are_shuffled_by_seed_in_both_languages_alike() {
    let english: Vec<Vec<usize>> = (0..24).map(|seed| places_of_answers(Language::English, seed)).collect();
    assert!(english[0].len() >= 6, "{english:?}");
    for (seed, places) in english.iter().enumerate() {
        assert_eq!(*places, places_of_answers(Language::Chinese, seed as u64), "seed {seed}");
        assert_eq!(*places, places_of_answers(Language::English, seed as u64), "the same seed, the same order");
    }
    // No question has its answer in the same place under every seed, and no seed has all answers in one place.
    for question in 0..english[0].len() {
        let places: std::collections::BTreeSet<usize> = english.iter().map(|places| places[question]).collect();
        assert!(places.len() >= 2, "question {question} has its answer at {places:?}");
    }
    assert!(english.iter().all(|places| places.iter().any(|place| *place != places[0])), "{english:?}");
}

#[test]
fn answers_read_as_sentences() {
    for (_, lesson) in all() {
        let engine = Engine::new();
        for beat in &lesson.beats {
            let Some(predict) = beat.predict.as_ref() else { continue };
            let answer = predict.shown_answer(&engine, &beat.scene).expect("it is shown");
            if let Asked::Choice = predict.kind {
                let ends = ['.', '。'];
                let choices = predict.choices(&engine, &beat.scene).expect("they are computed");
                assert!(choices.iter().all(|choice| choice.text.ends_with(ends)), "{choices:?} are no sentences");
            } else {
                assert!(!answer.contains(", "), "{answer}: several answers are joined with a word");
            }
        }
    }
}

#[test]
fn a_revealed_picture_is_a_scene_of_its_own() {
    let mut revealed = 0;
    for (path, lesson) in all() {
        let engine = Engine::new();
        for (number, beat) in lesson.beats.iter().enumerate() {
            let at = |is_revealed| lesson.at(Position { beat: number, is_revealed }, &engine).expect("it shows").scene;
            assert_eq!(at(false), beat.scene, "{path}");
            assert_eq!(at(true), *beat.scene_at(true), "{path}");
            assert_eq!(
                at(true) != at(false),
                beat.reveal.is_some(),
                "{path} line {}: it shows nothing else",
                beat.line
            );
            revealed += usize::from(beat.reveal.is_some());
        }
    }
    assert!(revealed >= 12, "{revealed}");
}

#[test]
fn what_is_typed_is_read_with_the_unit_of_the_question() {
    let engine = Engine::new();
    let judge = |number: usize, beat: usize, typed: &str| {
        let lesson = parse(english(number)).expect("it parses");
        let beat = &lesson.beats[beat];
        let predict = beat.predict.as_ref().expect("a question");
        let response = predict.response(typed).map_err(|why| why.to_string())?;
        Ok::<_, String>(predict.judge(&response, &engine, &beat.scene).expect("judged"))
    };
    for (number, beat, typed, is_right) in [
        (1, 1, "4", true),
        (1, 1, "4 M", true),
        (1, 1, "4 MiB", true),
        (1, 1, "4.2 MB", true),
        (1, 1, "2^22 B", true),
        (1, 1, "4.2", false),
        (1, 1, "4 MB", false),
        (1, 1, "2 MiB", false),
        (4, 0, "e^-1.775", true),
        (4, 0, "17 %", true),
        (4, 0, "e^1.775", false),
        (3, 0, "1 + 1/8", true),
        (3, 0, "9/8", true),
    ] {
        let verdict = judge(number, beat, typed).unwrap_or_else(|why| panic!("{typed}: {why}"));
        assert_eq!(verdict.is_right, is_right, "{typed}");
    }
    // The 4.2 of a person who takes MB for MiB has its reason.
    assert!(judge(1, 1, "4.2").expect("it is read").misconception.is_some_and(|why| why.contains("MiB")));
    for typed in ["abc", "", "4.2 µs", "1/0"] {
        assert!(judge(1, 1, typed).is_err(), "{typed}");
    }
}

#[test]
fn answers_are_judged_and_wrong_ones_explained() {
    let engine = Engine::new();
    for (path, lesson) in all() {
        for beat in &lesson.beats {
            let Some(predict) = &beat.predict else { continue };
            let choices = predict.choices(&engine, &beat.scene).expect("they are computed");
            assert_eq!(choices.iter().filter(|choice| choice.is_right).count(), 1, "{path}");
            for (index, choice) in choices.iter().enumerate() {
                let verdict = predict.judge(&Response::Choice(index), &engine, &beat.scene).expect("judged");
                assert_eq!(verdict.is_right, choice.is_right);
                assert_eq!(verdict.misconception.is_some(), !choice.is_right);
            }
            if let Asked::Number { .. } = predict.kind {
                let answer = engine.number(&predict.answer, &beat.scene).expect("a number");
                let judge = |x: f64| predict.judge(&Response::Number(x), &engine, &beat.scene).expect("judged");
                assert!(judge(answer).is_right);
                let wrong = engine.number(&predict.wrong[0].value, &beat.scene).expect("a number");
                assert!(!judge(wrong).is_right && judge(wrong).misconception.is_some(), "{path} {}", beat.line);
                assert!(!judge(f64::NAN).is_right && !judge(f64::INFINITY).is_right);
            }
            if let Asked::Click { .. } = predict.kind {
                let judge =
                    |on: &str| predict.judge(&Response::Click(on.into()), &engine, &beat.scene).expect("judged");
                assert!(!judge("nothing").is_right);
            }
        }
    }
    // S and P both answer "which never exists".
    let lesson = parse(english(5)).expect("it parses");
    let beat = &lesson.beats[1];
    let predict = beat.predict.as_ref().expect("a question");
    for (tensor, is_right) in [("S", true), ("P", true), ("O", false), ("K", false)] {
        let verdict = predict.judge(&Response::Click(tensor.into()), &engine, &beat.scene).expect("judged");
        assert_eq!(verdict.is_right, is_right, "{tensor}");
    }
}

/// Grades cards, given by their keys, in the build of a beat; gives what is found in words.
fn grade(number: usize, beat: usize, keys: &[&str]) -> (Vec<Finding>, Vec<String>, Option<u64>) {
    let (lesson, engine) = (parse(english(number)).expect("it parses"), Engine::new());
    let beat = &lesson.beats[beat];
    let build = beat.build.as_ref().expect("a build");
    let card = |key: &&str| build.cards.iter().position(|card| card.key == **key);
    let filling: Vec<Option<usize>> = keys.iter().map(card).collect();
    let grade = build.grade(&filling, &engine, &beat.scene).expect("graded");
    let in_chinese = |english: &'static str| {
        // Without the window there is no Chinese.
        #[cfg(feature = "app")]
        let english =
            tilescope::app::CHINESE.iter().find(|(known, _)| *known == english).map_or(english, |(_, own)| own);
        english
    };
    let in_english = |english: &'static str| english;
    let languages: [&dyn Fn(&'static str) -> &'static str; 2] = [&in_english, &in_chinese];
    let words = languages.map(|language| {
        grade.findings.iter().map(|finding| finding.sentence().say(language)).collect::<Vec<_>>().join(" ")
    });
    (grade.findings, words.to_vec(), grade.moved)
}

#[test]
fn a_wrong_build_is_told_by_the_first_number_that_differs() {
    // Lesson 4: l without the factor. Its 1.633 is exact, the 3.106 is what adding without alpha gives.
    let (findings, words, _) = grade(4, 3, &["plain"]);
    let Finding::Number { of: "l", row: 4, place: 1, got, want } = findings[0] else { panic!("{words:?}") };
    assert!((got - 3.106).abs() < 1e-3 && (want - 1.633).abs() < 1e-3, "{words:?}");
    assert!(matches!(findings[1], Finding::Number { of: "O", row: 4, place: 0, .. }), "{words:?}");
    assert!(
        words[0].contains("first number that differs")
            && (!cfg!(feature = "app") || words[1].contains("第一个不同的数")),
        "{words:?}"
    );

    // Lesson 3: the inverse is infinite times nothing in the first piece.
    let (findings, _, _) = grade(3, 3, &["exp", "new", "minus", "old", "close"]);
    assert!(matches!(findings[0], Finding::Number { of: "l", place: 0, got, .. } if got.is_nan()));
    // What is no formula is told, too.
    let (findings, _, _) = grade(3, 3, &["close", "minus"]);
    assert!(matches!(findings[0], Finding::Formula { .. }));

    // Lesson 1: orders that a chip cannot carry out, and one that it can, with the elements that it moves.
    let right = ["load-q", "load-k", "store-s", "load-s", "store-p", "load-p", "load-v", "store-o"];
    assert_eq!(grade(1, 4, &right), (vec![], vec![String::new(); 2], Some(1280)));
    for (at, card, told) in [
        (2, "store-p", "reads P on chip"),
        (3, "load-q", "reads S on chip"),
        (0, "load-s", "loads S from HBM"),
        (7, "store-v", "is an input"),
        (6, "load-o", "loads O from HBM"),
    ] {
        let mut order = right;
        order[at] = card;
        let (_, words, _) = grade(1, 4, &order);
        assert!(words[0].contains(told), "{words:?}");
    }
    let (findings, _, _) = grade(1, 4, &right[..7]);
    assert_eq!(findings, vec![Finding::Empty { hole: 7 }]);

    // Lesson 6: the loops of flash1, and those of flash2 in their place.
    assert_eq!(grade(6, 2, &["for-j", "load-kv", "for-i", "load-rows"]).2, Some(1248));
    assert_eq!(
        grade(6, 2, &["for-i", "load-rows", "for-j", "load-kv"]).0,
        vec![Finding::Moved { got: 1152, want: 1248 }]
    );
    let (_, words, _) = grade(6, 2, &["for-i", "for-i", "load-kv", "load-rows"]);
    assert!(words[0].contains("a loop over i is around it already"), "{words:?}");

    // Lesson 5: blocks that do not fit the toy chip.
    assert_eq!(grade(5, 3, &["r8", "c4"]).0, vec![Finding::OnChip { got: 576, limit: 512 }]);
    assert_eq!(grade(5, 3, &["r8", "c2"]).2, Some(400));

    // A card of one hole in that of another: 8 keys are no query rows.
    for (keys, told) in [
        (["c8", "r2"], ["“8 keys” is a value of bc, and br is asked for", "“8 keys”是 bc 的值，这里要的是 br"]),
        (
            ["r8", "r2"],
            ["“2 query rows” is a value of br, and bc is asked for", "“2 query rows”是 br 的值，这里要的是 bc"],
        ),
    ] {
        let (findings, words, _) = grade(5, 3, &keys);
        assert!(matches!(findings[..], [Finding::Misfit { .. }]), "{words:?}");
        assert!(words.iter().zip(told).all(|(words, told)| words.contains(told)), "{words:?}");
    }

    // Lesson 8: four guards.
    for (keys, got) in [
        (["minus-inf", "same", "same"], f64::NAN),
        (["minus-inf", "guard", "guard"], 0.0),
        (["minus-inf", "guard", "same"], 0.0),
        (["s1000", "same", "same"], -1000.0),
        (["zero", "same", "same"], 0.0),
    ] {
        let (findings, words, _) = grade(8, 5, &keys);
        let Finding::Number { got: found, .. } = findings[0] else { panic!("{words:?}") };
        assert!(found == got || (found.is_nan() && got.is_nan()), "{words:?}");
    }
}

/// A lesson with one build of formulas on `input`: a card for each line.
fn update(input: &str, lines: &[(&str, &str)]) -> String {
    let names = lines.iter().map(|(name, _)| format!("line: {name} = ?\n")).collect::<String>();
    let cards = lines.iter().map(|(name, formula)| format!("card: {name} = {name} | {formula}\n")).collect::<String>();
    let right = lines.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    format!(
        "---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\n{input}\n```\n```build\nkind: formulas\nask: a\n{names}{cards}\
         right: {right}\nwrong: -\nfeedback: f\n```\n"
    )
}

/// What is found in these formulas.
fn graded(input: &str, lines: &[(&str, &str)]) -> Vec<Finding> {
    let lesson = parse(&update(input, lines)).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
    let (engine, beat) = (Engine::new(), &lesson.beats[0]);
    let build = beat.build.as_ref().expect("a build");
    let filling: Vec<Option<usize>> = (0..lines.len()).map(Some).collect();
    build.grade(&filling, &engine, &beat.scene).expect("graded").findings
}

/// Rows that see nothing in a tile or at all, single rows and columns, blocks that do not divide.
const SCENES: [&str; 5] = [
    "input: real",
    "input: preset padding 9,11,4 seed 3\nblocks: 4x3",
    "input: random:1,1,1\nblocks: 1x1",
    "input: random:7,5,3\nblocks: 3x2\nmask: causal top-left",
    "input: random:13,17,2\nblocks: 4x5\nmask: lengths 6\nprecision: f32",
];

#[test]
fn a_right_formula_is_right_however_it_is_written() {
    for scene in SCENES {
        for lines in [
            &[("l", "sum + l_old * alpha")][..],
            &[("m", "max(m_tile, m_old)"), ("shift", "pick(m_new > -inf, m_new, 0)")],
            &[("hidden", "-inf"), ("alpha", "exp(m_old - finite(m_new))"), ("O", "PV + alpha * O_old")],
            &[("alpha", "exp2((m_old - finite(m_new)) / ln(2))"), ("out", "ratio(O, max(l, 0))")],
            &[("O", "alpha * O_old + PV"), ("l", "alpha * l_old + sum"), ("m", "m_new"), ("out", "ratio(O, l)")],
            &[("out", "pick(l > 0, O / l, 0 * O)")],
        ] {
            assert_eq!(graded(scene, lines), [], "{scene}: {lines:?}");
        }
    }
}

/// The lines of gradients, and of the combine of splits: graded by what the machine makes of them.
#[test]
fn lines_of_gradients_and_of_the_combine_are_carried_out() {
    for scene in SCENES {
        for lines in [
            &[("P", "exp(S - finite(L))"), ("D", "rowsum(O * dO)"), ("dS", "P * (dP - D)")][..],
            &[("dS", "P * dP - D * P")],
            &[("D", "rowsum(dO * O)")],
            &[("w", "exp(L_s - finite(L_max))"), ("sum", "w * O_s + O_old"), ("joined", "ratio(O, sum)")],
            &[("w", "exp2((L_s - finite(L_max)) / ln(2))")],
            &[("joined", "ratio(O, max(sum, 0))")],
        ] {
            assert_eq!(graded(scene, lines), [], "{scene}: {lines:?}");
        }
    }
    let first = |lines: &[(&str, &str)]| match graded("input: real", lines).first() {
        Some(Finding::Number { of, .. }) => Some(*of),
        _ => None,
    };
    for lines in [&[("dS", "P * dP")][..], &[("P", "exp(S)")], &[("D", "rowsum(dO)")], &[("P", "P_kept"), ("D", "D")]] {
        let found = graded("input: real", lines);
        assert!(!found.is_empty(), "{lines:?}");
    }
    assert_eq!(first(&[("dS", "P * dP")]), Some("dQ"));
    for lines in
        [&[("w", "exp2(L_s - finite(L_max))")][..], &[("w", "L_s")], &[("joined", "O")], &[("sum", "O_old + O_s")]]
    {
        assert_eq!(first(lines), Some("O"), "{lines:?}");
    }
    // A line of one text stands in no other.
    for (lines, told) in [
        (&[("P", "S"), ("w", "L_s")][..], "the gradients of a tile have no line `w`; their lines are `P`, `D`, `dS`"),
        (&[("w", "L_s"), ("l", "l_old")], "the combine of splits has no line `l`; its lines are `w`, `sum`, `joined`"),
    ] {
        let fault = parse(&update("input: real", lines)).expect_err("no such line");
        assert!(fault.to_string().ends_with(told), "{fault}");
    }
}

#[test]
fn a_formula_that_is_none_is_told_in_one_line_with_its_reason() {
    for (name, formula, told) in [
        // A name that does not exist, or not yet.
        ("l", "alpha * l_oldd + sum", "l_oldd"),
        ("m", "l_new", "l_new"),
        ("alpha", "PV", "PV"),
        ("shift", "if(m_new == -inf, 0, m_new)", "if"),
        // A card in a place of another shape.
        ("l", "O_old", ""),
        ("m", "S", ""),
        ("alpha", "S", ""),
        ("out", "l", ""),
        ("O", "O_old @ PV", ""),
        // Unfinished, and no formula at all.
        ("alpha", "exp( m_old -", ""),
        ("out", "ratio( O , l", ")"),
        ("alpha", ") -", ""),
        ("l", "alpha * * sum", ""),
        ("O", "alpha × O_old + PV", "×"),
        // More than one value.
        ("hidden", "-inf; O = O", ""),
        ("hidden", "-inf # and no more", ""),
        ("m", "{l}", ""),
    ] {
        let beside = if name == "m" { ("l", "alpha * l_old + sum") } else { ("m", "max(m_old, m_tile)") };
        for lines in [vec![(name, formula)], vec![beside, (name, formula)]] {
            let findings = graded("input: real", &lines);
            let [Finding::Formula { formula: at_fault, fault }] = &findings[..] else {
                panic!("{formula}: {findings:?}")
            };
            assert_eq!(at_fault, formula);
            let words = findings[0].sentence().to_string();
            assert!(words.starts_with("The formula “") && !words.contains('\n'), "{words}");
            assert!(!words.contains("since line"), "the learner sees no lines: {words}");
            assert!(!fault.to_string().is_empty() && fault.to_string().contains(told), "{words}");
        }
    }
}

#[test]
fn a_line_that_the_update_does_not_have_is_told_where_it_stands() {
    for (lines, told) in [
        (&[("lse", "m")][..], "line 13: the update of a row has no line `lse`; its lines are `hidden`, `m`, `alpha`"),
        (&[("l", "sum"), ("l", "l_old")], "line 14: l stands twice"),
    ] {
        let fault = parse(&update("input: real", lines)).expect_err(told).to_string();
        assert!(fault.starts_with(told), "{fault}");
    }
}

#[test]
fn every_order_of_every_card_is_graded_without_a_panic() {
    let (engine, mut graded) = (Engine::new(), 0);
    for (_, lesson) in all() {
        for beat in &lesson.beats {
            let Some(build) = &beat.build else { continue };
            let hand: Vec<usize> = (0..build.cards.len()).collect();
            let holes = build.holes(&engine, &beat.scene).unwrap_or(4);
            for start in 0..hand.len() {
                for stride in 0..hand.len().min(5) {
                    let filling: Vec<Option<usize>> =
                        (0..holes).map(|hole| hand.get((start + hole * stride) % hand.len()).copied()).collect();
                    let grade = build.grade(&filling, &engine, &beat.scene).expect("graded");
                    assert!(grade.findings.iter().all(|finding| !finding.sentence().to_string().is_empty()));
                    graded += 1;
                }
            }
            // Cards that do not exist, and more of them than there are holes.
            assert!(build.grade(&vec![Some(usize::MAX); 40], &engine, &beat.scene).is_ok());
            assert!(build.grade(&vec![None; 40], &engine, &beat.scene).is_ok());
            let slots = build.slots(&engine, &beat.scene).expect("it has a template");
            let shown = slots.iter().flatten().filter(|slot| matches!(slot, Slot::Hole(_))).count();
            assert!(build.kind == Kind::Paint || build.holes(&engine, &beat.scene).is_none_or(|holes| holes == shown));
        }
    }
    assert!(graded > 500, "{graded}");
}

#[test]
fn the_scenes_have_the_numbers_that_lessons_are_built_on() {
    let scene_of = |input: &str| {
        let text = format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\ninput: {input}\n```\n");
        parse(&text).expect("it parses").beats[0].scene.clone()
    };
    let engine = Engine::new();
    for (input, source) in [
        ("toy", "moved(\"standard\") == 1280 and moved(\"flash1\") == 1248 and moved(\"flash2\") == 656"),
        ("toy", "moved(\"flash2\", causal=true) == 464 and footprint(\"flash2\") == 352"),
        ("toy", "tiles(\"skipped\", causal=true) == 6 and not fits(\"flash2\", br=8, bc=4)"),
        ("row", "row(0).alpha(2) == 0.25 and row(0).alpha(3) == 1"),
        ("row", "near(row(0).average(1), 16.667, 0.001) and near(row(0).average(2), 27.5, 0.001)"),
        ("row", "near(row(0).average(3), 38.5, 0.001) and near(row(0).l(after=3), 2.5, 0.00001)"),
        ("real", "near(row(13).m(after=1), 4.136, 0.0006) and near(row(13).m(after=4), 6.508, 0.0006)"),
        ("real", "near(row(13).alpha(2), 0.705, 0.0006) and near(row(13).alpha(4), 0.170, 0.0006)"),
        ("real", "near(row(13).l(after=3), 3.417, 0.0006) and near(row(13).l(after=4), 1.585, 0.0006)"),
        ("count", "near(moved(\"standard\"), 4.46e6, 5e3) and near(moved(\"flash1\"), 1.80e6, 5e3)"),
        ("count", "near(moved(\"flash2\"), 1.18e6, 5e3) and near(moved(causal=true), 0.72e6, 5e3)"),
    ] {
        let expr = tilescope::playback::lesson::expr::parse(source, 1, 1).expect("it parses");
        assert!(engine.holds(&expr, &scene_of(input)).expect("it evaluates"), "{input}: {source}");
    }
}

#[test]
fn hostile_text_is_refused_with_a_line() {
    let beat = |body: &str| format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n{body}");
    let big = beat(&"a\n".repeat(MOST_BYTES));
    let many_beats = beat(&"## b\n".repeat(100));
    let long_cue = beat(&format!("```predict\n{}```\n", "wrong: 1 | a\n".repeat(100)));
    for (text, told) in [
        ("", "header"),
        ("---\n", "header"),
        ("---\ntitle: t\n---\n", "`minutes:` is missing"),
        ("---\ntitle: t\nminutes: x\ngoal: g\n---\n", "whole number"),
        ("---\ntitle: t\nminutes: 5\ngoal: g\n---\n", "there is no beat"),
        (&beat("text\n```say\nhello\n"), "not closed"),
        (&beat("```play\n```\n"), "is no cue"),
        (&beat("```say\na\nb\n```\n"), "one line"),
        (&beat("a {1 + } b"), "too early"),
        (&beat("a {1"), "not closed"),
        (&beat("a } b"), "closes nothing"),
        (&beat("{1:x}"), "no format"),
        (&beat("```scene\ninput: /etc/passwd\n```\n"), "is no input"),
        (&beat("```scene\ninput: capture ../../x\n```\n"), "is no input"),
        (&beat("```scene\nblocks: 0x4\n```\n"), "block sizes"),
        (&beat("```predict\nkind: choice\n```\n"), "`answer:` is missing"),
        (&beat("```build\nkind: order\ntemplate: x\n```\n"), "no card"),
        (&beat("```claim\nmoved(\n```\n"), "too early"),
        (&big, "KiB"),
        (&many_beats, "at most"),
        (&long_cue, "at most"),
    ] {
        let faults = faults(text);
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|fault| fault.contains(told) && fault.starts_with("line ")), "{told}: {shown:?}");
    }
    // Sizes that no machine has are refused before memory is asked for, and faults do not stop the rest.
    for body in [
        "```scene\ninput: random:4000000000,4000000000,64\n```\n",
        "```scene\ninput: random:100000,100000,1\n```\n",
        "```scene\ninput: preset padding 99999999,99999999,9\n```\n",
        "```scene\ninput: toy\nprefix: 99\n```\n",
        "```scene\ninput: random:2000,2000,1\nblocks: 1x1\n```\n",
        "```scene\nselection: row 99\n```\n",
        "```scene\nstep: before merge-stats\n```\n",
        "```scene\nmask: lengths 99\n```\n",
        "```claim\nmoved(n=999999, d=999999, br=1, bc=1) > 0\n```\n",
        "```claim\nrow(1000000).m() > 0\n```\n",
        "```claim\nif(1, 2, 3) > 0\n```\n",
        "```claim\nmoved(1, 2, 3) > 0\n```\n",
        "```claim\ntraffic().read(\"X\") > 0\n```\n",
        "```claim\npiece(0, 5, 2).l > 0\n```\n",
        "```claim\nrow(0).m(after=-1) > 0\n```\n",
    ] {
        assert!(!faults(&beat(body)).is_empty(), "{body}");
    }
}

/// `text` with its digit number `at` (counted round) made another.
fn other_digit(text: &str, at: usize, digit: char) -> String {
    let count = text.chars().filter(char::is_ascii_digit).count().max(1);
    let mut seen = 0;
    text.chars()
        .map(|c| {
            seen += usize::from(c.is_ascii_digit());
            if c.is_ascii_digit() && seen == at % count + 1 { digit } else { c }
        })
        .collect()
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tilescope")).args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_lists_and_checks() {
    let (code, list, _) = run(&["lessons", "list"]);
    assert_eq!(code, Some(0));
    assert!(list.contains("The online softmax") && list.contains("en zh"), "{list}");
    let (_, json, _) = run(&["lessons", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(LESSONS.len()));
    let (code, checked, error) = run(&["lessons", "check"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(checked.lines().filter(|line| line.ends_with(" ok")).count(), 2 * (LESSONS.len() + 1), "{checked}");
    let (_, json, _) = run(&["lessons", "check", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let builds = |one: &serde_json::Value| one["builds"].as_u64() >= Some(1);
    let is_questions = |one: &serde_json::Value| one["path"].as_str().is_some_and(|path| path.contains("questions"));
    assert!(checked.as_array().is_some_and(|all| all.iter().all(|one| builds(one) || is_questions(one))));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.md");
    let wrong = changed(english(4), "row(13).m(after=4) > row(13).m(after=3)", "row(13).m(after=4) < 1");
    std::fs::write(&path, wrong).expect("it is written");
    let file = path.to_string_lossy();
    let (code, _, error) = run(&["lessons", "check", &file]);
    assert_eq!(code, Some(1));
    assert!(error.contains("mine.md:32:1: the claim is not true"), "{error}");
    std::fs::write(&path, english(4)).expect("it is written");
    assert_eq!(run(&["lessons", "check", &file]).0, Some(0));
    std::fs::write(&path, [0xff, 0xfe, 0]).expect("it is written");
    assert_eq!(run(&["lessons", "check", &file]).0, Some(2));
    assert_eq!(run(&["lessons", "check", "no-such-file.md"]).0, Some(2));
    // A lesson to begin with checks as it is, and is never written over another.
    let new = folder.path().join("new");
    let new = new.to_string_lossy();
    let (code, told, error) = run(&["lessons", "new", &new]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(told.contains("new.md is written"), "{told}");
    assert_eq!(run(&["lessons", "check", &format!("{new}.md")]).0, Some(0));
    let (code, _, error) = run(&["lessons", "new", &new]);
    assert!(code == Some(2) && error.contains("new.md: this is there already"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Cut, doubled, and overwritten anywhere, a lesson is parsed or refused; what parses can be checked.
    #[test]
    fn damaged_lessons_never_panic(number in 1usize..9, cut in 0usize..9000, length in 0usize..80, junk in ".{0,12}") {
        let chars: Vec<char> = english(number).chars().collect();
        let (start, end) = (cut.min(chars.len()), (cut + length).min(chars.len()));
        let damaged: String = chars[..start].iter().chain(junk.chars().collect::<Vec<_>>().iter()).chain(&chars[end..]).collect();
        let _ = parse(&damaged);
        let _ = parse(&chars[..start].iter().collect::<String>());
    }

    /// Another digit somewhere makes another scene, another expression or another place: computed, or refused.
    #[test]
    fn lessons_with_another_digit_are_checked_without_a_panic(number in 1usize..9, at in 0usize..4000, digit in "[0-9]") {
        let digit = digit.chars().next().expect("one digit");
        let _ = faults(&other_digit(english(number), at, digit));
        let _ = faults(&other_digit(&other_digit(english(number), at, digit), at * 7 + 3, digit));
    }

    #[test]
    fn any_expression_is_a_value_or_a_fault(source in "[a-z0-9().,+*/<=\" -]{0,40}") {
        let engine = Engine::new();
        if let Ok(expr) = tilescope::playback::lesson::expr::parse(&source, 1, 1) {
            let _ = engine.eval(&expr, &tilescope::playback::lesson::Scene::default());
        }
    }
}
