//! A text to its blocks.

use std::ops::Range;

use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, TagEnd};

use super::{Block, ColumnSide, Fault, Found, Mark, Span, is_chinese};

/// Lists and quotes within each other; what is deeper is shown at this depth.
const DEEPEST: usize = 6;

/// The blocks of `text`.
pub fn blocks(text: &str) -> Vec<Block> {
    read(text).0
}

/// The block of `text` that can be projected in place of a picture: the first table, picture or formula that stands on lines
/// of its own.
pub fn projected(text: &str) -> Option<Block> {
    let is_projected = |block: &Block| matches!(block, Block::Table { .. } | Block::Formula(_) | Block::Picture { .. });
    blocks(text).into_iter().find(is_projected)
}

/// The files of the pictures of `text`, each once.
pub fn pictures(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, name) in read(text).1.pictures {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The spans of a text that is one line: nothing in it begins a list, a table or another block.
pub fn line(text: &str) -> Vec<Span> {
    // A full stop of our own keeps its first words from being read as the sign of a list.
    let (blocks, _) = read(&format!("\\.{text}"));
    let mut spans: Vec<Span> = Vec::new();
    for block in blocks {
        match block {
            Block::Paragraph(more) => spans.extend(more),
            Block::Formula(tex) => spans.push(Span::Formula(tex)),
            _ => {}
        }
    }
    if let Some(Span::Words { text, .. }) = spans.first_mut() {
        text.remove(0);
        if text.is_empty() {
            spans.remove(0);
        }
    }
    spans
}

/// The words of a line without its marks; a formula is its TeX.
pub fn words(spans: &[Span]) -> String {
    let word = |span: &Span| match span {
        Span::Words { text, .. } => text.clone(),
        Span::Formula(tex) => tex.clone(),
        Span::Break => "\n".into(),
    };
    spans.iter().map(word).collect()
}

/// The blocks of `text`, and what of it is not shown as it is written.
pub(super) fn read(text: &str) -> (Vec<Block>, Found) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_MATH;
    let mut builder = Builder::default();
    builder.open.push(Open::Blocks(Vec::new(), Wrap::Nothing));
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        builder.take(event, range);
    }
    builder.end_line();
    match builder.open.pop() {
        Some(Open::Blocks(blocks, _)) => (blocks, builder.found),
        _ => (Vec::new(), builder.found),
    }
}

/// What blocks are for.
#[derive(Debug, PartialEq)]
enum Wrap {
    Nothing,
    Quote,
    Item,
}

/// What is being read, the outermost first.
#[derive(Debug)]
enum Open {
    Blocks(Vec<Block>, Wrap),
    List(Option<u64>, Vec<Vec<Block>>),
    Table(Vec<ColumnSide>, Vec<Vec<Vec<Span>>>),
}

/// Which block a line of spans becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Line {
    #[default]
    Paragraph,
    Heading,
    Cell,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    /// Lists, items and quotes that are too deep to be opened.
    skipped: usize,
    spans: Vec<Span>,
    line: Line,
    mark: Mark,
    link: Option<String>,
    /// A line ended within a paragraph.
    is_broken: bool,
    code: Option<String>,
    picture: Option<(String, String)>,
    found: Found,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.words(&text),
            Event::Code(text) => {
                self.mark.code = true;
                self.words(&text);
                self.mark.code = false;
            }
            Event::InlineMath(tex) => self.formula(&tex, false, range),
            Event::DisplayMath(tex) => self.formula(&tex, true, range),
            Event::Html(text) | Event::InlineHtml(text) => {
                self.found.faults.push((range, Fault::Html));
                self.words(&text);
            }
            Event::SoftBreak => self.is_broken = true,
            Event::HardBreak => self.spans.push(Span::Break),
            Event::Rule => self.block(Block::Rule),
            Event::FootnoteReference(text) => self.words(&text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Heading { .. } => {
                self.end_line();
                self.line = Line::Heading;
            }
            Tag::Strong => self.mark.strong = true,
            Tag::Emphasis => self.mark.emphasis = true,
            Tag::CodeBlock(_) => {
                self.end_line();
                self.code = Some(String::new());
            }
            Tag::BlockQuote(_) => self.nest(Open::Blocks(Vec::new(), Wrap::Quote), range),
            Tag::List(first) => self.nest(Open::List(first, Vec::new()), range),
            Tag::Item => self.nest(Open::Blocks(Vec::new(), Wrap::Item), range),
            Tag::Table(columns) => {
                self.end_line();
                let side = |side: &Alignment| match side {
                    Alignment::None | Alignment::Left => ColumnSide::Left,
                    Alignment::Center => ColumnSide::Middle,
                    Alignment::Right => ColumnSide::Right,
                };
                self.open.push(Open::Table(columns.iter().map(side).collect(), Vec::new()));
                self.line = Line::Cell;
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(Open::Table(_, rows)) = self.open.last_mut() {
                    rows.push(Vec::new());
                }
            }
            Tag::Link { dest_url, .. } => match is_page(&dest_url) {
                true => self.link = Some(dest_url.into_string()),
                false => self.found.faults.push((range, Fault::Link(dest_url.into_string()))),
            },
            Tag::Image { dest_url, .. } => {
                self.picture = Some((dest_url.to_string(), String::new()));
                match self.line {
                    Line::Paragraph => self.found.pictures.push((range, dest_url.into_string())),
                    _ => self.found.faults.push((range, Fault::Picture)),
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) => {
                self.end_line();
                self.line = Line::Paragraph;
            }
            TagEnd::Strong => self.mark.strong = false,
            TagEnd::Emphasis => self.mark.emphasis = false,
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                self.block(Block::Code(code.trim_end().to_owned()));
            }
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => self.close(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                self.is_broken = false;
                if let Some(Open::Table(_, rows)) = self.open.last_mut()
                    && let Some(row) = rows.last_mut()
                {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                self.line = Line::Paragraph;
                if let Some(Open::Table(columns, rows)) = self.open.pop() {
                    self.block(Block::Table { columns, rows });
                }
            }
            TagEnd::Link => self.link = None,
            TagEnd::Image => {
                let Some((file, words)) = self.picture.take() else { return };
                match self.line {
                    Line::Paragraph => {
                        self.end_line();
                        self.block(Block::Picture { file, words });
                    }
                    _ => self.words(&words),
                }
            }
            _ => {}
        }
    }

    fn words(&mut self, text: &str) {
        if let Some(code) = &mut self.code {
            return code.push_str(text);
        }
        if let Some((_, words)) = &mut self.picture {
            return words.push_str(text);
        }
        let joint = self.joint(text.chars().next());
        let (mark, link) = (self.mark, self.link.clone());
        match self.spans.last_mut() {
            Some(Span::Words { text: last, mark: known, link: to }) if *known == mark && *to == link => {
                last.push_str(joint);
                last.push_str(text);
            }
            _ => self.spans.push(Span::Words { text: format!("{joint}{text}"), mark, link }),
        }
    }

    /// What stands in place of the end of a line: between two Chinese characters it is no space.
    fn joint(&mut self, next: Option<char>) -> &'static str {
        let last = match self.spans.last() {
            Some(Span::Words { text, .. }) => text.chars().last(),
            _ => None,
        };
        let touches = last.is_some_and(is_chinese) && next.is_some_and(is_chinese);
        if std::mem::take(&mut self.is_broken) && !touches { " " } else { "" }
    }

    fn formula(&mut self, tex: &str, is_display: bool, range: Range<usize>) {
        self.found.formulas += 1;
        let tex = tex.trim().to_owned();
        self.found.faults.push((range, Fault::Formula(tex.clone())));
        if is_display && self.line == Line::Paragraph {
            self.end_line();
            return self.block(Block::Formula(tex));
        }
        if std::mem::take(&mut self.is_broken) {
            let (mark, link) = (self.mark, self.link.clone());
            self.spans.push(Span::Words { text: " ".into(), mark, link });
        }
        self.spans.push(Span::Formula(tex));
    }

    /// What was read of a line becomes its block.
    fn end_line(&mut self) {
        self.is_broken = false;
        let spans = std::mem::take(&mut self.spans);
        let is_blank = |span: &Span| matches!(span, Span::Words { text, .. } if text.trim().is_empty());
        if spans.iter().all(|span| is_blank(span) || *span == Span::Break) {
            return;
        }
        self.block(match self.line {
            Line::Heading => Block::Heading(spans),
            _ => Block::Paragraph(spans),
        });
    }

    fn block(&mut self, block: Block) {
        if let Some(Open::Blocks(blocks, _)) = self.open.last_mut() {
            blocks.push(block);
        }
    }

    fn nest(&mut self, open: Open, range: Range<usize>) {
        self.end_line();
        // A list and its items are one.
        let is_item = matches!(open, Open::Blocks(_, Wrap::Item));
        if self.skipped > 0 || (self.open.len() > 2 * DEEPEST && !is_item) {
            if self.skipped == 0 {
                self.found.faults.push((range, Fault::Deep));
            }
            self.skipped += 1;
        } else {
            self.open.push(open);
        }
    }

    fn close(&mut self) {
        self.end_line();
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match self.open.pop() {
            Some(Open::Blocks(blocks, Wrap::Item)) => {
                if let Some(Open::List(_, items)) = self.open.last_mut() {
                    items.push(blocks);
                }
            }
            Some(Open::Blocks(blocks, _)) => self.block(Block::Quote(blocks)),
            Some(Open::List(first, items)) => self.block(Block::List { first, items }),
            Some(Open::Table(columns, rows)) => self.block(Block::Table { columns, rows }),
            None => {}
        }
    }
}

/// The address of a page that a link may lead to.
fn is_page(address: &str) -> bool {
    let page = address.strip_prefix("https://");
    page.is_some_and(|page| page.starts_with(|c: char| c.is_alphanumeric()) && !address.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Span {
        Span::Words { text: text.into(), mark: Mark::default(), link: None }
    }

    fn marked(text: &str, mark: Mark) -> Span {
        Span::Words { text: text.into(), mark, link: None }
    }

    const STRONG: Mark = Mark { strong: true, emphasis: false, code: false };
    const CODE: Mark = Mark { strong: false, emphasis: false, code: true };

    #[test]
    fn lines_join_as_their_script_does() {
        for (text, expected) in [("one\ntwo", "one two"), ("分块\n很小", "分块很小"), ("分块\nO", "分块 O")]
        {
            assert_eq!(blocks(text), [Block::Paragraph(vec![plain(expected)])]);
        }
    }

    #[test]
    fn each_kind_of_block_is_read() {
        let text = "A **b** `c`.\n\n- one\n- two\n\n3. x\n\n| a | b |\n|:-|-:|\n| 1 | $x_1$ |\n\n> q\n\n$$x$$\n\n\
                    before ![words](a/b.png) after\n\n### h\n\n***\n\n```\nx = 1\n```\n";
        let one = |text: &str| vec![Block::Paragraph(vec![plain(text)])];
        let expected = [
            Block::Paragraph(vec![plain("A "), marked("b", STRONG), plain(" "), marked("c", CODE), plain(".")]),
            Block::List { first: None, items: vec![one("one"), one("two")] },
            Block::List { first: Some(3), items: vec![one("x")] },
            Block::Table {
                columns: vec![ColumnSide::Left, ColumnSide::Right],
                rows: vec![
                    vec![vec![plain("a")], vec![plain("b")]],
                    vec![vec![plain("1")], vec![Span::Formula("x_1".into())]],
                ],
            },
            Block::Quote(one("q")),
            Block::Formula("x".into()),
            Block::Paragraph(vec![plain("before ")]),
            Block::Picture { file: "a/b.png".into(), words: "words".into() },
            Block::Paragraph(vec![plain(" after")]),
            Block::Heading(vec![plain("h")]),
            Block::Rule,
            Block::Code("x = 1".into()),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn links_lead_to_https_pages_alone() {
        for (address, is_link) in [
            ("https://arxiv.org/abs/2205.14135", true),
            ("http://arxiv.org", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("../a.md", false),
            ("https:///x", false),
            ("HTTPS://x.org", false),
        ] {
            let (blocks, found) = read(&format!("[page]({address})"));
            let link = is_link.then(|| address.to_owned());
            let words = Span::Words { text: "page".into(), mark: Mark::default(), link };
            assert_eq!(blocks, [Block::Paragraph(vec![words])]);
            assert_eq!(found.faults.len(), usize::from(!is_link), "{address}");
        }
    }

    #[test]
    fn a_line_is_one_line() {
        for text in ["1. x", "- 5", "> 3", "# a", "| a |", "x", "    four"] {
            assert_eq!(line(text), [plain(if text == "    four" { "    four" } else { text })]);
        }
        assert_eq!(line("**a** $x$"), [marked("a", STRONG), plain(" "), Span::Formula("x".into())]);
        assert_eq!(line(""), []);
        assert_eq!(words(&line("`a` of $x^2$ **b**")), "a of x^2 b");
    }

    /// What is nested without end is shown flat, and told.
    #[test]
    fn depth_has_an_end() {
        for text in ["> ".repeat(20_000), "- ".repeat(2_000), "*".repeat(5_000), "[".repeat(5_000)] {
            let (blocks, _) = read(&format!("{text}x"));
            assert!(format!("{blocks:?}").len() < 200_000);
        }
        let (_, found) = read(&format!("{}x", "> ".repeat(50)));
        assert_eq!(found.faults.iter().map(|(_, fault)| fault).collect::<Vec<_>>(), [&Fault::Deep]);
    }
}
