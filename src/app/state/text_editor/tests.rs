//! The editor without a window: when it reads, what it marks, where it keeps what is typed.

use std::fs;

use proptest::prelude::*;

use super::*;

fn flash2() -> &'static Algorithm {
    algorithm::by_name("flash2").expect("it comes with the program")
}

/// The text of flash2 with another line in place of the one of this number, from 1.
fn with_line(number: usize, line: &str) -> String {
    let mut lines: Vec<&str> = flash2().text().text.lines().collect();
    lines[number - 1] = line;
    lines.join("\n") + "\n"
}

/// A text that says the same in other words, which can be read.
fn retitled(words: &str) -> String {
    let text = &flash2().text().text;
    let title = text.lines().find(|line| line.starts_with("title")).expect("a title");
    text.replace(title, &format!("title    {words}"))
}

fn begun(folder: Option<&Path>) -> TextEditor {
    let mut editor = TextEditor::new(folder);
    editor.begin(flash2(), None);
    editor
}

fn edited(editor: &TextEditor) -> &Edited {
    editor.edited().expect("a text is open")
}

/// Types, and reads when it is time.
fn run(editor: &mut TextEditor, text: &str) -> Algorithm {
    editor.typed(text.to_owned(), 0.0);
    let (read, kept) = editor.read(CALM_S).expect("it is time");
    kept.expect("it is kept");
    read.expect("it can be read")
}

#[test]
fn a_text_is_read_when_the_typing_stops() {
    let mut editor = begun(None);
    assert_eq!((editor.jump, editor.is_busy()), (Some(1), false));
    assert!(!edited(&editor).is_changed() && edited(&editor).runs(flash2()));
    editor.typed(retitled("A"), 10.0);
    assert!(editor.is_busy() && edited(&editor).is_changed());
    assert!(editor.read(10.0 + 0.9 * CALM_S).is_none(), "someone may be typing");
    // Each key begins the time anew; the same text is no key.
    editor.typed(retitled("AB"), 10.3);
    editor.typed(retitled("AB"), 10.6);
    assert!(editor.read(10.1 + CALM_S).is_none());
    let (read, kept) = editor.read(10.3 + CALM_S).expect("it is time");
    assert!(kept.is_ok() && read.is_some_and(|read| read.title() == "AB" && read.name() == "flash2.tile"));
    assert!(!editor.is_busy() && editor.read(99.0).is_none(), "it is read once");
    // What is put in its place is read in the same frame.
    editor.take(retitled("C"), 20.0);
    assert!(editor.read(20.0).is_some());
}

#[test]
fn what_cannot_be_read_keeps_what_ran_and_is_not_saved() {
    let mut editor = begun(None);
    let first = run(&mut editor, &retitled("One"));
    editor.typed(with_line(3, "nonsense here"), 1.0);
    let (read, kept) = editor.read(9.0).expect("it is time");
    assert!(read.is_none() && kept.is_ok());
    let wrong = &edited(&editor).wrong;
    assert!(wrong.iter().any(|wrong| wrong.span.line == 3), "{wrong:?}");
    assert!(editor.save().is_some_and(|saved| saved.is_err()));
    // What ran last is still what the editor follows.
    editor.follow(&first, true);
    assert!(edited(&editor).typed.contains("nonsense here"));
    // Nor is one saved that was not read yet.
    editor.typed(retitled("Two"), 20.0);
    assert!(editor.read(30.0).is_some_and(|(read, _)| read.is_some()) && edited(&editor).wrong.is_empty());
    editor.typed(retitled("Three"), 31.0);
    assert!(editor.save().is_some_and(|saved| saved.is_err()));
}

proptest! {
    /// A line that is another is marked, and it alone; lines that come or go are counted.
    #[test]
    fn lines_that_differ_are_marked(number in 1usize..12, come in 1usize..4) {
        let mut editor = begun(None);
        editor.typed(with_line(number, "another line"), 0.0);
        prop_assert_eq!((&edited(&editor).changed, edited(&editor).differences()), (&vec![number], 1));
        let text = flash2().text().text.clone();
        let mut lines: Vec<&str> = text.lines().collect();
        (0..come).for_each(|_| lines.insert(number, "one more"));
        editor.typed(lines.join("\n") + "\n", 0.0);
        prop_assert_eq!(&edited(&editor).changed, &(number + 1..=number + come).collect::<Vec<_>>());
        prop_assert_eq!(edited(&editor).differences(), come);
        let mut lines: Vec<&str> = text.lines().collect();
        drop(lines.drain(number..number + come));
        editor.typed(lines.join("\n") + "\n", 0.0);
        prop_assert!(edited(&editor).changed.is_empty() && edited(&editor).is_changed());
        prop_assert_eq!(edited(&editor).differences(), come);
        editor.typed(text, 0.0);
        prop_assert!(!edited(&editor).is_changed() && edited(&editor).differences() == 0);
    }
}

/// Each text has a file of its own, from its first letter until it is put back.
#[test]
fn what_is_typed_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts = folder.path().join(FOLDER);
    let mut first = begun(Some(folder.path()));
    assert!(edited(&first).draft().is_none() && !texts.exists(), "nothing was typed");
    run(&mut first, &retitled("First"));
    let ran = run(&mut first, &retitled("First again"));
    let mut second = begun(Some(folder.path()));
    run(&mut second, &retitled("Second"));
    for (editor, name, title) in [(&first, "flash2.tile", "First again"), (&second, "flash2-2.tile", "Second")] {
        let path = texts.join(name);
        assert_eq!(edited(editor).draft(), Some(path.as_path()));
        assert_eq!(fs::read_to_string(&path).expect("a file"), retitled(title));
        assert!(editor.keeps(path.to_str().expect("a name")) && !editor.keeps("flash2.tile"));
    }
    // It runs under the name of its file, and another editor that opens that goes on from the text of the program.
    assert_eq!(Path::new(ran.name()), texts.join("flash2.tile"));
    let mut later = TextEditor::new(Some(folder.path()));
    later.begin(&ran, Some(4));
    let edited_later = edited(&later);
    assert_eq!((edited_later.base(), edited_later.start().name()), (Some("flash2"), "flash2"));
    assert!(edited_later.is_changed() && edited_later.differences() == 1);
    assert_eq!(later.jump, Some(4));
    let put_back = later.put_back().expect("a text is open");
    assert_eq!(put_back.name(), "flash2");
    assert!(!texts.join("flash2.tile").exists() && texts.join("flash2-2.tile").exists());
    assert!(!edited(&later).is_changed());
}

#[test]
fn a_folder_that_takes_no_file_is_told_and_the_text_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(FOLDER), "no folder").expect("a file");
    let mut editor = begun(Some(folder.path()));
    editor.typed(retitled("One"), 0.0);
    let (read, kept) = editor.read(CALM_S).expect("it is time");
    assert!(read.is_some() && kept.is_err());
}

/// A file of one's own is written over only as long as it is what was opened.
#[test]
fn a_file_is_saved_where_it_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.tile");
    fs::write(&path, retitled("Mine")).expect("a file");
    let mine = files::algorithm(path.to_str().expect("a name")).expect("a text");
    let mut editor = TextEditor::new(Some(folder.path()));
    editor.begin(&mine, None);
    run(&mut editor, &retitled("Mine, changed"));
    let draft = edited(&editor).draft().expect("a file").to_owned();
    assert_eq!(fs::read_to_string(&path).expect("a file"), retitled("Mine"), "it was not asked for");
    let saved = editor.save().expect("a text is open").expect("it is saved");
    assert_eq!(saved, path);
    assert_eq!(fs::read_to_string(&path).expect("a file"), retitled("Mine, changed"));
    assert!(!draft.exists() && editor.edited().is_none() && editor.save().is_none());
}

/// What runs may be changed by the setup, by undo or by another window's file.
#[test]
fn it_follows_what_runs() {
    let mut editor = begun(None);
    let first = run(&mut editor, &retitled("First"));
    let second = run(&mut editor, &retitled("Second"));
    assert_eq!(first.name(), second.name());
    editor.follow(&first, true);
    assert_eq!(edited(&editor).typed, retitled("First"), "an undo brings the text before");
    let flash1 = algorithm::by_name("flash1").expect("a text");
    // Somebody types: that is not thrown away.
    editor.typed(retitled("Third"), 1.0);
    editor.follow(flash1, true);
    assert_eq!(edited(&editor).typed, retitled("Third"));
    editor.read(9.0);
    editor.follow(flash1, true);
    assert_eq!(edited(&editor).typed, flash1.text().text);
    editor.follow(flash2(), false);
    assert!(editor.edited().is_none(), "nobody looks at it");
}

#[test]
fn a_text_is_known_by_its_stem() {
    for (name, stem) in [
        ("flash2", "flash2"),
        ("flash2/forget-alpha", "flash2"),
        ("/a/b/mine.tile", "mine"),
        ("texts/flash2-3.tile", "flash2-3"),
        ("/a/\u{6ce8}.tile", "\u{6ce8}"),
    ] {
        assert_eq!(stem_of(name), stem);
    }
    let base = |name: &str| {
        let text = Algorithm::read(name, &flash2().text().text).expect("a text");
        Edited::new(&text, None).base()
    };
    assert_eq!(base("/a/flash2-3.tile"), Some("flash2"));
    assert_eq!(base("/a/split-kv.tile"), Some("split-kv"));
    assert_eq!((base("/a/mine.tile"), base("/a/flash2-b.tile")), (None, None));
}
