//! A learner who answers wrongly first, through every lesson and by keyboard alone: each wrong answer has its own reason and
//! another try, what is right is kept, and what holds no more is withdrawn.

use crate::stage_support::{open_with, options, press, settle, type_text, value, word};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, OpenLesson};
use tilescope::playback::lesson::build::{Build, Filling, Kind};
use tilescope::playback::lesson::expr::Value;
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Asked, Beat, ClickOn, Engine, Field, Language, Position, Predict, Scene, markdown};
use tilescope::schedule::spec::Choice;

const NONE: Modifiers = Modifiers::NONE;

/// A learner at one beat.
struct Learner {
    harness: Harness<'static, App>,
    language: Language,
    /// Lesson and beat, as people name them.
    at: String,
}

impl Learner {
    fn new(language: Language, lesson: usize, beat: usize) -> Self {
        let at = Some((lesson, Position { beat, is_revealed: false }));
        let harness = open_with(&AppOptions { lesson: at, language: Some(language), ..options() });
        Self { harness, language, at: format!("{}.{} {language:?}", lesson + 1, beat + 1) }
    }

    fn lesson(&self) -> &OpenLesson {
        self.harness.state().lesson().expect("a lesson")
    }

    fn word(&self, english: &'static str) -> &'static str {
        word(self.language, english)
    }

    fn is_revealed(&self) -> bool {
        self.lesson().position.is_revealed
    }

    /// Gives the keyboard to a control of the lesson, which stands at the left. That Tab comes to each is held elsewhere.
    fn focus(&mut self, role: Role, name: &str) {
        let found = self
            .harness
            .get_all_by_role_and_label(role, name)
            .min_by(|a, b| a.rect().left().total_cmp(&b.rect().left()));
        found.unwrap_or_else(|| panic!("{}: no {role:?} {name}", self.at)).focus();
        self.harness.run_steps(2);
    }

    /// Space on a button or a choice.
    fn space(&mut self, role: Role, name: &str) {
        self.focus(role, name);
        self.harness.key_press(Key::Space);
        settle(&mut self.harness);
    }

    /// In place of what stands in a field.
    fn write(&mut self, role: Role, name: &str, text: &str) {
        self.focus(role, name);
        press(&mut self.harness, Modifiers::COMMAND, Key::A);
        type_text(&mut self.harness, text);
        press(&mut self.harness, NONE, Key::Enter);
    }

    fn check(&mut self) {
        press(&mut self.harness, Modifiers::COMMAND, Key::Enter);
    }

    fn value(&self, name: &'static str) -> String {
        value(&self.harness, self.word(name))
    }

    fn is_there(&self, name: &'static str) -> bool {
        self.harness.query_by_label(self.word(name)).is_some()
    }

    /// The answer was wrong: it is told with this reason, and nothing else is given away.
    fn is_told(&self, reason: Option<&str>) {
        let at = &self.at;
        assert!(!self.is_revealed(), "{at}: there is another try");
        assert_eq!(self.value("verdict"), self.word("Not quite. Think again: you have another try."), "{at}");
        assert_eq!(self.is_there("why"), reason.is_some(), "{at}: {reason:?}");
        if let Some(reason) = reason {
            assert_eq!(self.value("why"), said(reason), "{at}");
        }
        assert!(!self.lesson().work.done.question, "{at}");
    }

    /// The answer was right: it is told so.
    fn is_done(&mut self, answer: &str) {
        let at = &self.at;
        assert!(self.is_revealed(), "{at}: {:?}", self.lesson().work.verdict);
        assert_eq!(self.value("verdict"), self.word("Right: {0}").replace("{0}", answer), "{at}");
        assert!(!self.is_there("why"), "{at}: what is right has no reason of what is wrong");
        assert!(self.lesson().work.done.question, "{at}");
    }

    /// It stays done when the beat is left and come back to.
    fn stays_done(&mut self) {
        let (at, place) = (self.at.clone(), self.lesson().position);
        press(&mut self.harness, NONE, Key::PageDown);
        assert_ne!(self.lesson().position, place, "{at}");
        press(&mut self.harness, NONE, Key::PageUp);
        assert_eq!(self.lesson().position, place, "{at}");
        assert!(self.lesson().work.done.question, "{at}");
    }
}

/// A thought as it is read.
fn said(thought: &str) -> String {
    markdown::words(&markdown::line(thought))
}

/// Every beat of the lessons, from 0.
fn beats(language: Language) -> impl Iterator<Item = (usize, usize, Beat)> {
    LESSONS.iter().enumerate().flat_map(move |(lesson, entry)| {
        let beats = entry.lesson(language).expect("it parses").beats;
        beats.into_iter().enumerate().map(move |(beat, of)| (lesson, beat, of))
    })
}

fn asked(language: Language, is_of_kind: fn(&Asked) -> bool) -> Vec<(usize, usize, Predict, Scene)> {
    let asks = |(lesson, beat, of): (usize, usize, Beat)| {
        let scene = of.scene;
        of.predict.filter(|predict| is_of_kind(&predict.kind)).map(|predict| (lesson, beat, predict, scene))
    };
    beats(language).filter_map(asks).collect()
}

/// So many wrong choices of every question, each with the right one after it.
fn choices(language: Language, most: usize) {
    let (engine, mut again, mut once, mut kept) = (Engine::new(), 0, 0, None);
    for (lesson, beat, predict, scene) in asked(language, |kind| matches!(kind, Asked::Choice)) {
        let all = predict.choices(&engine, &scene).expect("choices");
        let right = all.iter().find(|choice| choice.is_right).expect("a right one").text.clone();
        let feedback = said(&predict.feedback.marked(&engine, &scene).expect("feedback"));
        let wrong: Vec<_> = all.iter().filter(|choice| !choice.is_right).collect();
        let mut reasons = vec![feedback];
        for (nth, choice) in wrong.iter().enumerate() {
            let reason = choice.misconception.as_deref().expect("a reason");
            assert!(!reasons.contains(&said(reason)), "{}.{}: {reason} is told twice", lesson + 1, beat + 1);
            reasons.push(said(reason));
            if nth >= most {
                continue;
            }
            let mut learner = Learner::new(language, lesson, beat);
            learner.space(Role::RadioButton, &said(&choice.text));
            learner.check();
            if wrong.len() == 1 {
                // Of two answers the other one is the right one: there is nothing to try again.
                assert!(learner.is_revealed() && !learner.lesson().work.done.question, "{}", learner.at);
                assert_eq!(learner.value("why"), said(reason), "{}", learner.at);
                once += 1;
                continue;
            }
            learner.is_told(Some(reason));
            learner.space(Role::RadioButton, &said(&right));
            learner.check();
            learner.is_done(&said(&right));
            // Once for each lesson.
            if kept != Some(lesson) && learner.lesson().next().is_some() {
                learner.stays_done();
                kept = Some(lesson);
            }
            again += 1;
        }
    }
    println!("{language:?}: {again} wrong choices with another try, {once} without");
    assert!(again > 10, "{again} wrong choices");
}

#[test]
fn every_wrong_choice_has_its_reason_and_another_try() {
    choices(Language::English, usize::MAX);
}

#[test]
fn and_in_chinese() {
    choices(Language::Chinese, 1);
}

/// A number as a person types it, with the unit of the question.
fn typed(predict: &Predict, number: f64) -> String {
    format!("{number} {}", predict.unit).trim().to_owned()
}

/// Every question that is typed: something that is no number, a wrong number, the right one as the lesson writes it.
fn numbers(language: Language) {
    let (engine, mut count) = (Engine::new(), 0);
    for (lesson, beat, predict, scene) in asked(language, |kind| matches!(kind, Asked::Number { .. })) {
        let mut learner = Learner::new(language, lesson, beat);
        let at = learner.at.clone();
        let right = predict.shown_answer(&engine, &scene).expect("an answer");
        let judged = |text: &str| {
            let response = predict.response(text).unwrap_or_else(|fault| panic!("{at}: {text}: {fault}"));
            predict.judge(&response, &engine, &scene).expect("a verdict")
        };
        assert!(judged(&right).is_right, "{at}: {right} is what the lesson writes");
        let feedback = said(&judged(&right).feedback);
        // Each wrong number that the lesson knows has its own reason; the first is given in the window.
        let (mut first, mut reasons) = (None, vec![feedback]);
        for wrong in &predict.wrong {
            let Ok(Value::Number(number)) = engine.eval(&wrong.value, &scene) else { panic!("{at}: a number") };
            let text = typed(&predict, number);
            let verdict = judged(&text);
            let reason = verdict.misconception.unwrap_or_else(|| panic!("{at}: {text} has no reason"));
            assert!(!verdict.is_right && !reasons.contains(&said(&reason)), "{at}: {text}: {reason}");
            reasons.push(said(&reason));
            first.get_or_insert((text, reason));
        }
        learner.write(Role::TextInput, learner.word("Your answer"), "abc");
        assert_eq!((learner.lesson().work.tries, learner.is_revealed()), (0, false), "{at}: it costs no try");
        assert!(learner.value("note on the answer").contains("abc"), "{at}");
        let (text, reason) = match first {
            Some((text, reason)) => (text, Some(reason)),
            None => (typed(&predict, 123_456.789), None),
        };
        learner.write(Role::TextInput, learner.word("Your answer"), &text);
        assert!(!learner.is_there("note on the answer"), "{at}");
        learner.is_told(reason.as_deref());
        learner.write(Role::TextInput, learner.word("Your answer"), &right);
        learner.is_done(&right);
        count += 1;
    }
    println!("{language:?}: {count} questions that are typed");
    assert!(count > 30, "{count} questions");
}

#[test]
fn every_typed_question_is_answered_wrong_and_then_right() {
    numbers(Language::English);
}

#[test]
fn every_typed_question_in_chinese() {
    numbers(Language::Chinese);
}

/// What is clicked has a name to choose, or a number to type.
#[test]
fn every_click_is_answered_wrong_and_then_right_by_its_name() {
    let (engine, language, mut count) = (Engine::new(), Language::English, 0);
    let names = |value: Value| match value {
        Value::List(values) => values.iter().map(|value| value.show("")).collect(),
        value => vec![value.show("")],
    };
    for (lesson, beat, predict, scene) in asked(language, |kind| matches!(kind, Asked::Click { .. })) {
        let Asked::Click { on } = predict.kind else { unreachable!("of clicks") };
        let right = names(engine.eval(&predict.answer, &scene).expect("an answer"));
        let shown = predict.shown_answer(&engine, &scene).expect("an answer");
        for wrong in &predict.wrong {
            for name in names(engine.eval(&wrong.value, &scene).expect("a name")) {
                let mut learner = Learner::new(language, lesson, beat);
                let answer = |learner: &mut Learner, name: &str| match on {
                    ClickOn::Tensor | ClickOn::Tile => {
                        learner.space(Role::Button, name);
                        learner.check();
                    }
                    ClickOn::Row | ClickOn::Key => learner.write(Role::TextInput, "Your answer", name),
                };
                answer(&mut learner, &name);
                let reason = wrong.misconception.marked(&engine, &scene).expect("a reason");
                learner.is_told(Some(&reason));
                answer(&mut learner, &right[0]);
                learner.is_done(&shown);
                count += 1;
            }
        }
    }
    assert!(count > 3, "{count} wrong names");
}

/// What a bug is called where it is chosen.
fn bug(name: &str) -> &'static str {
    match name {
        "none" => "no bug",
        "forget-alpha" => "alpha is forgotten",
        "no-max" => "the maximum is not subtracted",
        "stuck-max" => "the maximum sticks at 0",
        other => panic!("{other} has no button in this test"),
    }
}

/// A value of the scene as the learner has it.
fn of_scene(scene: &Scene, key: &str) -> String {
    match key {
        "bug" => scene.bug.clone(),
        key => Choice::by_name(key).and_then(|choice| choice.get(&scene.run)).unwrap_or_else(|| "none".into()),
    }
}

impl Learner {
    /// Changes a property of the scene by its control.
    fn set(&mut self, key: &str, value: &str) {
        match key {
            "algorithm" | "precision" => self.space(Role::Button, value),
            "bug" => self.space(Role::Button, self.word(bug(value))),
            "br" => self.write(Role::SpinButton, self.word("Block rows br"), value),
            "bc" => self.write(Role::SpinButton, self.word("Block keys bc"), value),
            "head" => self.write(Role::SpinButton, self.word("Head"), value),
            "splits" => self.write(Role::SpinButton, self.word("Splits of the keys"), value),
            "documents" => self.write(Role::TextInput, self.word("Tokens of each document"), value),
            "alibi" => self.write(Role::TextInput, self.word("Slopes of ALiBi"), value),
            // A step too many would be none that is found.
            "step" => {
                for _ in 0..40 {
                    if self.is_there("change") {
                        break;
                    }
                    self.space(Role::Button, self.word("Step forward"));
                }
            }
            other => panic!("{}: {other} has no control in this test", self.at),
        }
    }

    fn has_found(&self, is_found: bool) {
        assert_eq!(self.is_there("change"), is_found, "{}: {:?}", self.at, self.lesson().work.scene);
        assert_eq!(self.lesson().work.is_found, is_found, "{}", self.at);
    }
}

/// Every change: not there, there, taken back, told while it holds and no longer; what was done stays done.
#[test]
fn every_change_is_told_while_it_holds() {
    let (language, mut count) = (Language::English, 0);
    for (lesson, beat, of) in beats(language) {
        let Some(change) = of.change else { continue };
        let mut learner = Learner::new(language, lesson, beat);
        learner.has_found(false);
        assert!(!learner.lesson().work.done.change, "{}", learner.at);
        for Field { key, value, .. } in &change.solution {
            learner.set(key, value);
        }
        learner.has_found(true);
        assert!(learner.lesson().work.done.change, "{}", learner.at);
        for Field { key, .. } in change.solution.iter().rev().filter(|field| field.key != "step") {
            // What takes one of two changes back takes back what they find.
            if learner.is_there("change") {
                learner.set(key, &of_scene(&of.scene, key));
            }
        }
        learner.has_found(false);
        assert!(learner.lesson().work.done.change, "{}: it was done", learner.at);
        count += 1;
    }
    assert!(count > 10, "{count} changes");
}

impl Learner {
    /// Takes every card back that lies in a place, and puts these in. A tile that is painted is painted over.
    fn fill(&mut self, build: &Build, cards: &[Option<usize>]) {
        let texts: Vec<(usize, String)> = {
            let shown = self.lesson().shown.as_ref().expect("a beat").build.clone().expect("a build");
            shown.hand
        };
        let text = |card: usize| texts.iter().find(|(at, _)| *at == card).expect("a card of the hand").1.clone();
        let (card_word, place) = (self.word("card"), self.word("place {0}"));
        if build.kind == Kind::Paint {
            return self.paint(cards, &|card| format!("{card_word}: {}", text(card)));
        }
        while let Some(at) = self.lesson().work.filling.iter().position(Option::is_some) {
            let held = text(self.lesson().work.filling[at].expect("a card"));
            let place = place.replace("{0}", &(at + 1).to_string());
            self.space(Role::Button, &format!("{place}: {held}"));
        }
        for card in cards.iter().flatten() {
            self.space(Role::Button, &format!("{card_word}: {}", text(*card)));
        }
        assert_eq!(self.lesson().work.filling, cards, "{}", self.at);
    }

    fn paint(&mut self, cards: &[Option<usize>], name: &dyn Fn(usize) -> String) {
        let (_, cols) = self.lesson().tiles().expect("tiles");
        let mut brushes: Vec<usize> = cards.iter().copied().flatten().collect();
        brushes.sort_unstable();
        brushes.dedup();
        for brush in brushes {
            self.space(Role::Button, &name(brush));
            for hole in (0..cards.len()).filter(|hole| cards[*hole] == Some(brush)) {
                if self.lesson().work.filling[hole] == Some(brush) {
                    continue;
                }
                let tile = format!("i {}, j {}: ", hole / cols, hole % cols);
                self.harness.get_by_label_contains(&tile).focus();
                self.harness.run_steps(2);
                self.harness.key_press(Key::Space);
                settle(&mut self.harness);
            }
        }
        assert_eq!(self.lesson().work.filling, cards, "{}", self.at);
    }
}

/// A way to build it that is wrong: one that the lesson names, else the right one with its first card changed.
fn wrong_way(build: &Build, right: &[Option<usize>]) -> Vec<Option<usize>> {
    let named = build.wrong.iter().find_map(|attempt| match &attempt.filling {
        Filling::Cards(cards) => Some(cards.clone()),
        Filling::ClassesOf(_) => None,
    });
    named.unwrap_or_else(|| {
        let other = build.hand().map(|(card, _)| card).find(|card| right[0] != Some(*card));
        [other].into_iter().chain(right[1..].iter().copied()).collect()
    })
}

/// Every build: cards in a wrong order, which is told; then the right ones; a card taken out withdraws what was told.
fn builds(language: Language) {
    let (engine, mut count) = (Engine::new(), 0);
    for (lesson, beat, of) in beats(language) {
        let Some(build) = of.build else { continue };
        let right = build.solution(&engine, &of.scene).expect("a solution");
        let mut learner = Learner::new(language, lesson, beat);
        let (at, praise) = (learner.at.clone(), learner.word("It runs, and every number is right."));
        learner.fill(&build, &wrong_way(&build, &right));
        assert!(!learner.is_there("grade"), "{at}: nothing has run yet");
        learner.check();
        assert_ne!(learner.value("grade"), praise, "{at}");
        assert!(!learner.lesson().is_built() && !learner.lesson().work.done.build, "{at}");
        learner.fill(&build, &right);
        assert!(!learner.is_there("grade"), "{at}: what was said of other cards is over");
        learner.check();
        assert_eq!(learner.value("grade"), praise, "{at}");
        assert!(learner.lesson().is_built() && learner.lesson().work.done.build, "{at}");
        count += 1;
    }
    assert!(count > 15, "{count} builds");
}

#[test]
fn every_build_is_wrong_and_then_right() {
    builds(Language::English);
}

#[test]
fn every_build_in_chinese() {
    builds(Language::Chinese);
}
