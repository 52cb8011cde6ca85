//! A worksheet and its key as pages that need nothing beside them: no script, no style sheet, no font from elsewhere.

use crate::playback::lesson::build::Slot;
use crate::playback::lesson::markdown::{self, Block, ColumnSide, Mark, Span};
use crate::playback::lesson::worksheet::{Form, Sheet, Task, letter};
use crate::playback::lesson::{ClickOn, Engine, Language, Lesson, Result, ShownFigure};

/// The words of a sheet.
struct Words {
    name: &'static str,
    sheet: &'static str,
    key: &'static str,
    seed: &'static str,
    answer: &'static str,
    one: &'static str,
    change: &'static str,
    cards: &'static str,
    tiles: &'static str,
    click: [&'static str; 4],
    points: &'static str,
}

const ENGLISH: Words = Words {
    name: "Name",
    sheet: "Worksheet",
    key: "Key",
    seed: "seed",
    answer: "Answer",
    one: "Write one letter.",
    change: "Write each change as “name: value”, with semicolons. These may change:",
    cards: "Write the letters of the cards, one for each place, in order; - for a place that stays empty.",
    tiles: "Write a letter in each tile.",
    click: [
        "Write the name of the tensor.",
        "Write the tile as “i,j”: query block, key block, from 0.",
        "Write the number of the query, from 0.",
        "Write the number of the key, from 0.",
    ],
    points: "1 point",
};

const CHINESE: Words = Words {
    name: "姓名",
    sheet: "练习",
    key: "答案",
    seed: "种子",
    answer: "答",
    one: "写一个字母。",
    change: "每处更改写成“名称: 值”，用分号隔开。可以更改：",
    cards: "按顺序写卡片的字母，每处一个；留空处写 -。",
    tiles: "在每个分块里写一个字母。",
    click: [
        "写出张量的名字。",
        "写出分块“i,j”：查询块、键块，从 0 数起。",
        "写出查询的编号，从 0 数起。",
        "写出键的编号，从 0 数起。",
    ],
    points: "1 分",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    }
}

const STYLE: &str = "\
body{max-width:44rem;margin:2rem auto;padding:0 1rem;font:12pt/1.5 serif;color:#000;background:#fff}
h1{font-size:1.4em;margin:0}h2{font-size:1.1em;margin:0 0 .4em}
header{border-bottom:1px solid #000;margin-bottom:1em;padding-bottom:.5em}
section{break-inside:avoid;margin:1.4em 0}
code,.cards,.slots{font-family:monospace}
table{border-collapse:collapse;margin:.5em 0}td,th{border:1px solid #888;padding:.15em .6em;text-align:right}
th{text-align:left;font-weight:normal}.tiles td{width:2.4em;height:2.4em}
ol.choices{list-style:upper-alpha}.line{border-bottom:1px solid #000;height:2em}
.hole{border-bottom:1px solid #000;display:inline-block;min-width:2.5em;text-align:center}
.points{float:right;font-size:.9em}.note{font-size:.9em}
@media print{body{margin:0;max-width:none}}";

/// The sheet and its key, of the engine's seed; nothing of a lesson that asks nothing.
pub fn pages(lesson: &Lesson, engine: &Engine) -> Result<Option<[String; 2]>> {
    let of_seed = Sheet::new(lesson, engine)?;
    Ok((!of_seed.tasks.is_empty()).then(|| [sheet(&of_seed), key(&of_seed)]))
}

/// What is handed out.
fn sheet(sheet: &Sheet) -> String {
    page(sheet, |task, words| {
        let figure = task.figure.as_ref().map_or_else(String::new, figure);
        format!("{}{figure}<p><b>{}</b></p>{}", prose(&task.prose), inline(&task.ask), form(&task.form, words))
    })
}

/// What the answers are.
fn key(sheet: &Sheet) -> String {
    page(sheet, |task, words| {
        let (ask, answer, feedback) = (inline(&task.ask), inline(&task.answer), inline(&task.feedback));
        format!("<p>{ask}</p><p><b>{}: {answer}</b></p><p>{feedback}</p>", words.answer)
    })
    .replace(&format!("<h1>{}", words(sheet.language).sheet), &format!("<h1>{}", words(sheet.language).key))
}

fn page(sheet: &Sheet, body: impl Fn(&Task, &Words) -> String) -> String {
    let words = words(sheet.language);
    let title = escaped(&sheet.title);
    let tasks = sheet.tasks.iter().map(|task| {
        let heading = inline(&task.heading);
        let points = words.points;
        format!(
            "<section><span class=\"points\">{points}</span><h2>{}. {heading}</h2>{}</section>\n",
            task.number,
            body(task, words)
        )
    });
    let tasks: String = tasks.collect();
    let lang = match sheet.language {
        Language::English => "en",
        Language::Chinese => "zh-Hans",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head><meta charset=\"utf-8\"><title>{title} ({} {})</title>\n\
         <style>{STYLE}</style></head>\n<body>\n<header><h1>{}: {title}</h1><p>{}: ____________________ \
         &nbsp; {}: {}</p></header>\n{tasks}</body>\n</html>\n",
        words.seed, sheet.seed, words.sheet, words.name, words.seed, sheet.seed
    )
}

fn form(form: &Form, words: &Words) -> String {
    let line = |unit: &str| {
        format!("<p>{}: <span class=\"hole\" style=\"min-width:12em\"></span> {}</p>", words.answer, escaped(unit))
    };
    match form {
        Form::Number(unit) => line(unit),
        Form::Choice(choices) => {
            let items: String = choices.iter().map(|choice| format!("<li>{}</li>", inline(choice))).collect();
            format!("<ol class=\"choices\">{items}</ol><p class=\"note\">{}</p>{}", words.one, line(""))
        }
        Form::Name(on) => {
            let told = match on {
                ClickOn::Tensor => words.click[0],
                ClickOn::Tile => words.click[1],
                ClickOn::Row => words.click[2],
                ClickOn::Key => words.click[3],
            };
            format!("<p class=\"note\">{told}</p>{}", line(""))
        }
        Form::Change(open) => {
            format!("<p class=\"note\">{} <code>{}</code></p>{}", words.change, escaped(&open.join(", ")), line(""))
        }
        Form::Cards { template, cards } => {
            let lines: String =
                template.iter().map(|slots| format!("<p class=\"slots\">{}</p>", slots_of(slots))).collect();
            format!("{lines}{}<p class=\"note\">{}</p>{}", cards_of(cards), words.cards, line(""))
        }
        Form::Tiles { rows, columns, classes } => {
            let row = format!("<tr>{}</tr>", "<td></td>".repeat(*columns));
            let grid = format!("<table class=\"tiles\">{}</table>", row.repeat(*rows));
            format!("{grid}{}<p class=\"note\">{}</p>", cards_of(classes), words.tiles)
        }
    }
}

fn cards_of(cards: &[String]) -> String {
    let one = |(at, card): (usize, &String)| format!("<b>{}</b>&nbsp;{}", letter(at), inline(card));
    format!("<p class=\"cards\">{}</p>", cards.iter().enumerate().map(one).collect::<Vec<_>>().join(" &emsp; "))
}

fn slots_of(slots: &[Slot]) -> String {
    let one = |slot: &Slot| match slot {
        Slot::Fixed(text) => inline(text),
        Slot::Hole(hole) => format!("<span class=\"hole\">{}</span>", hole + 1),
        Slot::Many(_) => "<span class=\"hole\">…</span>".into(),
    };
    slots.iter().map(one).collect::<Vec<_>>().join(" &nbsp; ")
}

/// Bars as a table: on paper their values say more.
fn figure(figure: &ShownFigure) -> String {
    let mut rows = String::new();
    for (at, bar) in figure.bars.iter().enumerate() {
        for (_, group) in figure.groups.iter().filter(|(first, _)| *first == at) {
            rows.push_str(&format!("<tr><th colspan=\"2\"><i>{}</i></th></tr>", inline(group)));
        }
        rows.push_str(&format!("<tr><th>{}</th><td>{}</td></tr>", inline(&bar.text), escaped(&bar.shown)));
    }
    format!("<table><caption>{}</caption>{rows}</table>", inline(&figure.title))
}

/// The blocks of a text. A picture is its words, since a sheet needs nothing beside it, and a formula its TeX.
fn prose(text: &str) -> String {
    markdown::blocks(text).iter().map(block).collect()
}

fn block(block: &Block) -> String {
    let blocks = |blocks: &[Block]| blocks.iter().map(self::block).collect::<String>();
    match block {
        Block::Paragraph(line) => format!("<p>{}</p>", spans(line)),
        Block::Heading(line) => format!("<p><b>{}</b></p>", spans(line)),
        Block::List { first, items } => {
            let items: String = items.iter().map(|item| format!("<li>{}</li>", blocks(item))).collect();
            match first {
                Some(first) => format!("<ol start=\"{first}\">{items}</ol>"),
                None => format!("<ul>{items}</ul>"),
            }
        }
        Block::Quote(inside) => format!("<blockquote>{}</blockquote>", blocks(inside)),
        Block::Code(code) => format!("<pre>{}</pre>", escaped(code)),
        Block::Table { columns, rows } => {
            let row = |(at, row): (usize, &Vec<Vec<Span>>)| {
                let tag = if at == 0 { "th" } else { "td" };
                let cell = |(cell, side): (&Vec<Span>, &ColumnSide)| {
                    let side = match side {
                        ColumnSide::Left => "left",
                        ColumnSide::Middle => "center",
                        ColumnSide::Right => "right",
                    };
                    format!("<{tag} style=\"text-align:{side}\">{}</{tag}>", spans(cell))
                };
                format!("<tr>{}</tr>", row.iter().zip(columns).map(cell).collect::<String>())
            };
            format!("<table>{}</table>", rows.iter().enumerate().map(row).collect::<String>())
        }
        Block::Formula(tex) => format!("<p><code>{}</code></p>", escaped(tex)),
        Block::Picture { file, words } => {
            format!("<p class=\"note\">[{}]</p>", escaped(if words.is_empty() { file } else { words }))
        }
        Block::Rule => "<hr>".into(),
    }
}

fn inline(text: &str) -> String {
    spans(&markdown::line(text))
}

fn spans(line: &[Span]) -> String {
    let mut html = String::new();
    for span in line {
        let (text, mark, link) = match span {
            Span::Words { text, mark, link } => (text, *mark, link.as_ref()),
            Span::Formula(tex) => (tex, Mark { code: true, ..Mark::default() }, None),
            Span::Break => {
                html.push_str("<br>");
                continue;
            }
        };
        let mut part = escaped(text);
        for (tag, is_so) in [("code", mark.code), ("em", mark.emphasis), ("strong", mark.strong)] {
            if is_so {
                part = format!("<{tag}>{part}</{tag}>");
            }
        }
        html.push_str(&part);
        // On paper a link is its address.
        html.extend(link.map(|to| format!(" ({})", escaped(to))));
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_lesson_is_taken_for_html() {
        assert_eq!(inline("a < b & `c > d` **e**"), "a &lt; b &amp; <code>c &gt; d</code> <strong>e</strong>");
        assert_eq!(inline("<script>x</script>"), "&lt;script&gt;x&lt;/script&gt;");
        assert_eq!(inline("2 ** 3 and `open"), "2 ** 3 and `open");
        assert_eq!(inline("[p](https://x.org/?a&b) $x<y$"), "p (https://x.org/?a&amp;b) <code>x&lt;y</code>");
        assert_eq!(
            prose("a\nb\n\n- c\n- d\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n![w](f.png)"),
            "<p>a b</p><ul><li><p>c</p></li><li><p>d</p></li></ul>\
             <table><tr><th style=\"text-align:left\">x</th><th style=\"text-align:right\">y</th></tr>\
             <tr><td style=\"text-align:left\">1</td><td style=\"text-align:right\">2</td></tr></table>\
             <p class=\"note\">[w]</p>"
        );
        assert_eq!(prose(""), "");
    }
}
