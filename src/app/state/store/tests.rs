//! Settings in a folder: kept, damaged, shared by two windows, and the mark of a start that died.

use std::fs;

use proptest::prelude::*;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn listed(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn at(beat: usize) -> LessonProgress {
    LessonProgress { beat, ..LessonProgress::default() }
}

#[test]
fn what_is_kept_comes_back() {
    let folder = folder();
    let folder = folder.path().join("new");
    let mut store = Store::open(Some(&folder));
    assert!(store.is_first_start());
    store.kept.remember_file("a.npz");
    store.kept.has_started = true;
    assert!(store.save());
    let store = Store::open(Some(&folder));
    assert!(!store.is_first_start());
    assert_eq!(store.kept.recent, ["a.npz"]);
    assert_eq!(listed(&folder), [FILE]);
}

#[test]
fn each_damaged_file_is_set_aside_and_none_is_lost() {
    let folder = folder();
    let damages = ["", "{", "[1]", "\u{0}", "{}{}", "nul", "{\"a\": 1", "1", "\"", "[[", "}"];
    for (n, damage) in damages.into_iter().enumerate() {
        fs::write(folder.path().join(FILE), damage).unwrap();
        let store = Store::open(Some(folder.path()));
        assert_eq!(store.kept, Kept::default());
        assert!(store.notice.is_some());
        assert!(!folder.path().join(FILE).exists());
        assert_eq!(listed(folder.path()).len(), (n + 1).min(9));
    }
    let aside = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(aside("settings.json.corrupt"), damages[0]);
    assert_eq!(aside("settings.json.corrupt-8"), damages[7]);
    assert_eq!(aside("settings.json.corrupt-9"), damages[10]);
}

#[test]
fn after_damage_the_copy_of_before_is_read() {
    let folder = folder();
    for beat in 1..4 {
        let mut store = Store::open(Some(folder.path()));
        store.kept.lessons.insert("01".into(), at(beat));
        assert!(store.save());
    }
    let path = folder.path().join(FILE);
    let whole = fs::read(&path).unwrap();
    // Wherever it is cut, the progress of the start before is there.
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let store = Store::open(Some(folder.path()));
        assert_eq!(store.kept.lessons["01"], at(2), "{len}");
        assert!(store.notice.is_some());
    }
}

#[test]
fn a_newer_file_stays() {
    let folder = folder();
    let text = r#"{"version": 9, "something": "new"}"#;
    fs::write(folder.path().join(FILE), text).unwrap();
    let mut store = Store::open(Some(folder.path()));
    store.kept.has_started = true;
    store.save();
    assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), text);
    assert_eq!(listed(folder.path()), [FILE]);
}

#[test]
fn what_is_not_understood_is_said_and_stays() {
    let folder = folder();
    let path = folder.path().join(FILE);
    fs::write(&path, r#"{"version": 1, "theme": "sepia", "language": "zh", "later": [1]}"#).unwrap();
    let mut store = Store::open(Some(folder.path()));
    assert!(store.notice.as_ref().is_some_and(|notice| notice.to_string().ends_with(": theme")));
    assert_eq!(store.kept.language, "zh");
    store.kept.has_started = true;
    assert!(store.save());
    let file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((&file["theme"], &file["later"]), (&"sepia".into(), &serde_json::json!([1])));
    assert_eq!(listed(folder.path()), [FILE, "settings.json.bak"]);
}

#[test]
fn two_windows_lose_nothing_of_each_other() {
    let folder = folder();
    let open = || Store::open(Some(folder.path()));
    let (mut a, mut b) = (open(), open());
    a.kept.has_started = true;
    for n in 1..6 {
        a.kept.lessons.insert("01".into(), at(2 * n));
        a.kept.remember_file(&format!("a{n}"));
        assert!(a.save());
        b.kept.lessons.insert("01".into(), at(n));
        b.kept.lessons.insert("02".into(), at(n));
        b.kept.remember_file(&format!("b{n}"));
        assert!(b.save());
    }
    a.kept.zoom = 2.0;
    a.kept.lessons.insert("03".into(), LessonProgress { is_done: true, ..at(7) });
    assert!(a.save());
    b.kept.language = "zh".into();
    b.kept.lessons.insert("03".into(), at(1));
    assert!(b.save() && a.save());
    let kept = open().kept;
    let right = [("01", at(10)), ("02", at(5)), ("03", LessonProgress { is_done: true, ..at(7) })];
    assert_eq!(kept.lessons, right.map(|(stem, progress)| (stem.to_owned(), progress)).into());
    assert_eq!(kept.recent, ["b5", "a5", "b4", "a4", "b3", "a3", "b2", "a2", "b1", "a1"]);
    assert!(kept.zoom == 2.0 && kept.language == "zh" && kept.has_started);
}

#[test]
fn many_windows_at_once_lose_nothing() {
    let folder = folder();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut store = Store::open(Some(folder));
                for beat in 1..8 {
                    store.kept.lessons.insert(format!("{n}"), at(beat));
                    store.kept.lessons.insert("all".into(), at(beat * 6 + n));
                    while !store.save() {}
                }
            });
        }
    });
    let kept = Store::open(Some(folder.path())).kept;
    assert!((0..6).all(|n| kept.lessons[&format!("{n}")] == at(7)), "{:?}", kept.lessons);
    assert_eq!(kept.lessons["all"], at(47));
    assert_eq!(listed(folder.path()), [FILE, "settings.json.bak"]);
}

#[test]
fn a_place_that_a_start_died_of_is_not_opened_again() {
    let folder = folder();
    let open = || Store::open(Some(folder.path()));
    let session = Link::of_input("huge.npz");
    let mut store = open();
    store.kept.session = Some(session.clone());
    assert!(store.save());
    // One that opens it to the end is no reason for caution.
    let mut good = open();
    assert_eq!(good.resume(), Some(session.clone()));
    // While one opens it, another one may.
    assert_eq!(open().resume(), Some(session.clone()));
    good.has_opened();
    // The second one ended without having opened it.
    let mut next = open();
    assert_eq!(next.resume(), None);
    let notice = next.notice.unwrap().to_string();
    assert!(notice.contains("huge.npz") && notice.contains("tilescope huge.npz"), "{notice}");
    assert_eq!(next.kept.recent, ["huge.npz"]);
    // It was said once; whoever opens it again has been told.
    assert_eq!(open().resume(), Some(session));
}

#[test]
fn nothing_is_needed() {
    let mut store = Store::open(None);
    store.kept.has_started = true;
    assert!(store.save() && store.resume().is_none());
    assert!(!store.is_first_start());
}

#[test]
fn what_cannot_be_kept_is_said_once() {
    let folder = folder();
    fs::write(folder.path().join("file"), b"").unwrap();
    // No folder can be made there.
    let mut store = Store::open(Some(&folder.path().join("file/settings")));
    assert!(store.notice.is_some());
    // A file that somebody protected stays as it is.
    let path = folder.path().join(FILE);
    let write = || {
        fs::write(&path, "{}").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
    };
    write();
    store = Store::open(Some(folder.path()));
    store.kept.has_started = true;
    assert!(!store.save() && store.notice.take().is_some());
    assert!(!store.save() && store.notice.is_none());
    assert_eq!(fs::read(&path).unwrap(), b"{}");
}

/// What a person may have chosen.
fn choices() -> impl Strategy<Value = Kept> {
    let progress = (0usize..4, any::<bool>(), 0u64..3).prop_map(|(beat, is_done, begun)| LessonProgress {
        is_done,
        begun,
        ..at(beat)
    });
    let lessons = prop::collection::btree_map("[ab]", progress, 0..3);
    let files = prop::collection::vec("[a-d]", 0..4).prop_map(|files| {
        let mut kept = Kept::default();
        files.iter().for_each(|file| kept.remember_file(file));
        kept.recent
    });
    let window = (prop_oneof!["", "en", "zh"], 1u8..4, any::<bool>(), prop::option::of(0usize..3));
    (lessons, files, window).prop_map(|(lessons, recent, (language, zoom, has_started, lesson))| Kept {
        lessons,
        recent,
        language,
        zoom: f32::from(zoom) / 2.0,
        has_started,
        lesson,
        ..Kept::default()
    })
}

proptest! {
    /// Of two windows one of which did nothing, what the other did is kept, whole.
    #[test]
    fn a_window_that_does_nothing_takes_nothing_away(base in choices(), other in choices()) {
        // No start is undone, and no lesson is.
        let mut later = other;
        later.has_started |= base.has_started;
        for (stem, progress) in &base.lessons {
            later.lessons.entry(stem.clone()).or_insert_with(|| progress.clone()).is_done |= progress.is_done;
        }
        prop_assert_eq!(base.merged(&base, &later), later.clone());
        let ours = later.merged(&base, &base);
        // Files that were opened before stay, as far as there is room.
        prop_assert!(base.recent.iter().all(|file| ours.recent.contains(file)));
        prop_assert_eq!(Kept { recent: later.recent.clone(), ..ours }, later);
    }

    /// Whatever two windows do: no file and no progress is lost, and each choice is one that was made.
    #[test]
    fn no_progress_of_two_windows_is_lost(base in choices(), ours in choices(), theirs in choices()) {
        let merged = ours.merged(&base, &theirs);
        for (stem, progress) in ours.lessons.iter().chain(&theirs.lessons) {
            let kept = &merged.lessons[stem];
            prop_assert!(kept.is_done >= progress.is_done);
            let is_of = |one: &Kept| one.lessons.get(stem).map_or(0, |of| of.beat) == kept.beat;
            prop_assert!(is_of(&ours) || is_of(&theirs));
        }
        prop_assert!(theirs.recent.iter().all(|file| merged.recent.contains(file)));
        let mut once = merged.recent.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), merged.recent.len(), "twice: {:?}", merged.recent);
        prop_assert!([&ours.language, &theirs.language].contains(&&merged.language));
        prop_assert!([ours.zoom, theirs.zoom].contains(&merged.zoom));
        prop_assert!([ours.lesson, theirs.lesson].contains(&merged.lesson));
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What is written is read again, whatever stood there before.
    #[test]
    fn what_is_written_is_read_again(theirs in choices(), ours in choices()) {
        let folder = folder();
        let mut first = Store::open(Some(folder.path()));
        first.kept = theirs.clone();
        prop_assert!(first.save());
        prop_assert_eq!(&Store::open(Some(folder.path())).kept, &theirs);
        let mut second = Store::open(Some(folder.path()));
        second.kept = Kept { lessons: theirs.lessons.clone(), ..ours };
        second.kept.has_started |= theirs.has_started;
        prop_assert!(second.save());
        let read = Store::open(Some(folder.path())).kept;
        prop_assert_eq!(Kept { recent: second.kept.recent.clone(), ..read }, second.kept);
    }
}

/// Files come to the front as they are opened again, each once, the last ten.
#[test]
fn the_last_files_are_remembered() {
    let mut kept = Kept::default();
    (0..12).for_each(|n| kept.remember_file(&n.to_string()));
    kept.remember_file("5");
    assert_eq!(kept.recent, ["5", "11", "10", "9", "8", "7", "6", "4", "3", "2"]);
}

/// Of a lesson that there is not, the start: a file may name any.
#[test]
fn a_place_in_a_lesson_is_kept_by_its_file() {
    let stem = crate::playback::lesson::library::LESSONS[2].stem;
    let mut kept = Kept::default();
    kept.lessons.insert(stem.into(), LessonProgress { is_revealed: true, ..at(3) });
    kept.lessons.insert("gone".into(), at(5));
    let position = kept.position(2);
    assert_eq!((position.beat, position.is_revealed), (3, true));
    assert_eq!((kept.position(1), kept.position(999)), Default::default());
}

#[test]
fn a_file_is_written_calmly() {
    let folder = folder();
    let path = folder.path().join(FILE);
    let mut store = Store::open(Some(folder.path()));
    store.save_calmly(0.0);
    assert!(!path.exists(), "nothing has changed");
    store.kept.zoom = 1.5;
    store.save_calmly(10.0);
    assert!(path.exists());
    let zoom = || Store::open(Some(folder.path())).kept.zoom;
    store.kept.zoom = 2.0;
    store.save_calmly(10.0 + 0.9 * CALM_S);
    assert_eq!(zoom(), 1.5, "too early");
    store.save_calmly(10.0 + CALM_S);
    assert_eq!(zoom(), 2.0);
}

#[test]
fn what_was_answered_is_only_read() {
    let folder = folder();
    assert!(given(folder.path()).expect("nothing is no fault").is_empty());
    let path = folder.path().join(FILE);
    let told = |text: &str| {
        fs::write(&path, text).unwrap();
        let told = given(folder.path());
        assert_eq!((fs::read_to_string(&path).unwrap(), listed(folder.path()).len()), (text.to_owned(), 1));
        told.map_err(|fault| fault.to_string())
    };
    let one = r#"{"beat":0,"task":"question","answer":"1","is_right":true,"is_shown":false}"#;
    let read = told(&format!(r#"{{"version": 1, "lessons": {{"a": {{"given": [{one}]}}}}}}"#)).unwrap();
    assert_eq!((read["a"].len(), read["a"][0].answer.as_str()), (1, "1"));
    assert!(told(r#"{"version": 9}"#).unwrap_err().ends_with("it is from a newer version"));
    assert!(told("[]").unwrap_err().ends_with("it is not an object"));
}
