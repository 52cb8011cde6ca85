//! The Markdown of lessons: what the program's own lessons make of it, what the documentation shows of it, and what is
//! refused, with its line and column.

use std::fs;
use std::path::Path;

use tilescope::playback::lesson::check::check;
use tilescope::playback::lesson::library;
use tilescope::playback::lesson::markdown::{Block, Span, blocks, formula, line, words};
use tilescope::playback::lesson::{Engine, Files, Language, Lesson, parse, parse_in};
use tilescope::sentence::Sentence;

fn picture(path: &Path, _: u64) -> Result<Vec<u8>, Sentence> {
    fs::read(path).map_err(|_| Sentence::from("there is no such file"))
}

fn engine() -> Engine {
    Engine::new().reading(Files { picture, ..Files::NONE })
}

/// A lesson of one beat, whose prose begins at line 7.
fn text(prose: &str) -> String {
    format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n{prose}\n```scene\nshow: map\n```\n")
}

/// Line, column and words of each fault.
fn faults(prose: &str, folder: Option<&Path>) -> Vec<(usize, usize, String)> {
    let place = |fault: tilescope::playback::lesson::LessonError| (fault.line, fault.column, fault.what.to_string());
    match parse_in(&text(prose), folder) {
        Ok(lesson) => check(&lesson, &engine()).faults.into_iter().map(place).collect(),
        Err(fault) => vec![place(fault)],
    }
}

/// A picture of one grey pixel repeated, as small as PNG has it.
fn png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&vec![99; (side * side) as usize]).expect("its pixels");
    drop(writer);
    bytes
}

#[test]
fn what_cannot_be_shown_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::create_dir(at.join("below")).expect("a folder");
    fs::write(at.join("below/a.png"), png(4)).expect("a picture");
    fs::write(at.join("large.png"), png(2049)).expect("a picture");
    fs::write(at.join("text.png"), "no picture").expect("a file");
    fs::write(at.join("x.jpg"), "no picture").expect("a file");
    for (prose, line, column, what) in [
        ("a\nb [page](http://x.org)", 8, 3, "this to http://x.org"),
        ("[page](file:///etc/passwd)", 7, 1, "this to file:///etc/passwd"),
        ("[page](javascript:x)", 7, 1, "this to javascript:x"),
        ("[page](../x.md)", 7, 1, "this to ../x.md"),
        ("<b>x</b>", 7, 1, "HTML is not shown"),
        ("{1 + 1} is <b>", 7, 12, "HTML is not shown"),
        ("![x](../a.png)", 7, 1, "../a.png is elsewhere"),
        ("![x](/a.png)", 7, 1, "/a.png is elsewhere"),
        ("![x](file:///a.png)", 7, 1, "no such file"),
        ("![x](https://x.org/a.png)", 7, 1, "no such file"),
        ("x\n\n![x](gone.png)", 9, 1, "no such file"),
        ("![x](text.png)", 7, 1, "no PNG picture"),
        ("![x](large.png)", 7, 1, "2049 x 2049 pixels"),
        ("![x](x.jpg)", 7, 1, "x.jpg is no .png file"),
        ("| a |\n|-|\n| ![x](below/a.png) |", 9, 3, "a paragraph of its own"),
        ("x $\\foo$", 7, 4, "Undefined control sequence"),
        ("x\n$$x^2^3$$", 8, 6, "Double superscript"),
        ("$\\num{1} + \\foo$", 7, 12, "Undefined control sequence"),
        ("it costs $5", 7, 10, "not closed"),
        ("$ $", 7, 1, "nothing stands in this formula"),
        ("$a}$", 7, 1, "braces"),
        ("$x\n\ny$", 7, 1, "not closed"),
        ("$\\num{1 +}$", 7, 10, "too early"),
        ("$0.17$", 7, 2, "\\num{=0.17}"),
        ("> > > > > > > > > > > > > > x", 7, 25, "nested too deep"),
    ] {
        let found = faults(prose, Some(at));
        let is_it = |(l, c, told): &(usize, usize, String)| (*l, *c) == (line, column) && told.contains(what);
        assert!(!found.is_empty() && is_it(&found[0]), "{prose}: {found:?}");
    }
    for prose in [
        "[page](https://x.org/a_b?c=1) and $a_{12}^{2^{20}}$ and \\$5, `$x`",
        "![what it shows](below/a.png)",
        "$$\\alpha = \\num{exp(-1)} \\num{=19 TB/s}$$",
        "a < b and c > d, a<b and 2 * 3 * 4, K_0 and S_ij, 1 | 2",
        "## not a beat".trim_start_matches("## "),
    ] {
        assert_eq!(faults(prose, Some(at)), [], "{prose}");
    }
    // Without a folder there is no picture.
    assert_eq!(faults("![x](below/a.png)", None)[0].2, "only a lesson in a file has files beside it");
}

#[test]
fn no_formula_stands_where_none_can_be_set() {
    for body in [
        "```figure\ntitle: $x$\nbar: a = 1\n```",
        "```figure\ntitle: t\nbar: $x$ = 1\n```",
        "```claim\n$x$ = 1\n```",
        "---\n```predict\nkind: choice\nquestion: q\nanswer: \"a\"\nwrong: \"b\" | t\nlabel: a = $x$\nfeedback: f\n```",
    ] {
        let found = faults(body, None);
        assert!(found[0].2.starts_with("no formula can stand here"), "{body}: {found:?}");
    }
    let title = parse(&text("").replace("## b", "## The $x$")).expect_err("no formula in a title");
    assert_eq!((title.line, title.column), (6, 8));
}

/// The lessons of the program have no mark that is shown as it is written, and lose no word.
#[test]
fn every_mark_of_the_lessons_is_read() {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let engine = engine();
    let mut paragraphs = 0;
    for entry in library::all() {
        for language in [Language::English, Language::Chinese] {
            let lesson: Lesson = entry.lesson(language).expect("it parses");
            for position in lesson.positions() {
                let shown = lesson.at(position, &engine).unwrap_or_else(|fault| panic!("{}: {fault}", entry.stem));
                for text in [&shown.prose, &shown.notes] {
                    let mut read = String::new();
                    all_words(&blocks(text), &mut read);
                    paragraphs += 1;
                    let is_marked = read.contains("**") || read.contains('`');
                    assert!(!is_marked && letters(&read) == letters(text), "{}: {text:?} is {read:?}", entry.stem);
                }
                if let Some(predict) = &shown.predict {
                    let read = words(&line(&predict.question));
                    assert_eq!(letters(&read), letters(&predict.question), "{}", entry.stem);
                }
            }
        }
    }
    assert!(paragraphs > 500, "{paragraphs}");
}

fn all_words(blocks: &[Block], words_so_far: &mut String) {
    for block in blocks {
        match block {
            Block::Paragraph(spans) | Block::Heading(spans) => {
                // Within code a backtick cannot stand, and marks are as they are.
                let shown = spans.iter().filter(|span| !matches!(span, Span::Words { mark, .. } if mark.code));
                let plain: Vec<Span> = shown.cloned().collect();
                assert!(!words(&plain).contains('`') && !words(&plain).contains("**"), "{plain:?}");
                words_so_far.push_str(&words(spans).replace("**", ""));
            }
            Block::List { items, .. } => items.iter().for_each(|item| all_words(item, words_so_far)),
            Block::Quote(inside) => all_words(inside, words_so_far),
            Block::Code(code) => words_so_far.push_str(code),
            Block::Table { rows, .. } => {
                rows.iter().flatten().for_each(|cell| words_so_far.push_str(&words(cell)));
            }
            Block::Formula(tex) => words_so_far.push_str(tex),
            Block::Picture { .. } | Block::Rule => {}
        }
    }
}

/// The example of the documentation is shown as it says.
#[test]
fn the_example_of_prose_is_prose() {
    let readme = include_str!("../../lessons/README.md");
    let (_, rest) = readme.split_once("## Prose").expect("it tells of prose");
    let (_, rest) = rest.split_once("````text\n").expect("it has an example");
    let (example, _) = rest.split_once("\n````").expect("the example ends");
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("PICTURES")).expect("a folder");
    fs::write(folder.path().join("PICTURES/chip.png"), png(8)).expect("a picture");
    let example = format!("{example}\n```scene\ninput: real\n```");
    assert_eq!(faults(&example, Some(folder.path())), []);
    let lesson = parse_in(&text(&example), Some(folder.path())).expect("it parses");
    let shown = lesson.at(Default::default(), &engine()).expect("it is shown");
    let kinds: Vec<&str> = blocks(&shown.prose)
        .iter()
        .map(|block| match block {
            Block::Paragraph(_) => "paragraph",
            Block::List { .. } => "list",
            Block::Table { .. } => "table",
            Block::Quote(_) => "quote",
            Block::Picture { .. } => "picture",
            Block::Formula(tex) => {
                assert!(formula::set(tex, true).is_ok());
                "formula"
            }
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["paragraph", "list", "table", "quote", "picture", "paragraph", "formula"]);
    assert_eq!(shown.pictures.len(), 1);
    assert!(shown.pictures[0].picture.as_ref().is_ok_and(|picture| (picture.width, picture.height) == (8, 8)));
}
