//! A text for query heads that share a key/value head: what each head makes of the keys it writes for itself, and a kernel
//! `reduce-heads` adds it up, once for the group. One rule for every text that makes outputs of keys and sums them nowhere.

use crate::sentence::Sentence;

use super::diagnostic::{Diagnostic, Span};
use super::syntax::{Action, Block, Document, Expr, ExprKind, Kernel, Node};
use super::text::{Algorithm, Role, Tensor, TensorId};
use super::variant::{LeftOut, Variant};
use super::words::{Axis, Function, Inner, Over, RESERVED};
use super::{parser, text, whole};

/// A text with its outputs of keys summed over the heads of a group.
pub struct ReducedHeads {
    pub algorithm: Algorithm,
    /// Number of the line that it has more than the text as it was written, before its kernels; what it has more at its end
    /// moves no line.
    pub inserted: Option<u32>,
}

/// An output of keys, and the name of what each query head makes of it.
struct Summed<'t> {
    tensor: &'t Tensor,
    of_head: String,
    /// The loops around its sum, from the outermost.
    loops: Vec<&'static str>,
}

/// `of` for groups of query heads, where it makes something of keys for which it has no loop over heads. Errors where the
/// limits of a text leave no room for that.
pub fn reduced(of: &Algorithm) -> Option<Result<ReducedHeads, Vec<Diagnostic>>> {
    let summed = summed(of);
    (!summed.is_empty()).then(|| read(of, &summed))
}

fn read(of: &Algorithm, summed: &[Summed<'_>]) -> Result<ReducedHeads, Vec<Diagnostic>> {
    let (text, inserted) = rewritten(of, &parser::parse(&of.text)?, summed);
    let mut algorithm = whole(&text).map_err(|wrong| no_room(of, summed, wrong))?;
    algorithm.variant = of.variant.as_ref().map(|variant| moved(variant, inserted));
    algorithm.notes.clone_from(&of.notes);
    Ok(ReducedHeads { algorithm, inserted })
}

fn no_room(of: &Algorithm, summed: &[Summed<'_>], wrong: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let span = of.kernels.first().map_or(Span { line: 1, column: 1, width: 1 }, |kernel| kernel.span);
    let what =
        "where query heads share keys, {0} and a kernel that sums it come to this text, for which it has no room: {1}";
    let names: Vec<&str> = summed.iter().map(|of| of.of_head.as_str()).collect();
    let what = Sentence::new(what).with(names.join(", "));
    wrong.into_iter().take(1).map(|first| Diagnostic::new(span, what.clone().and(first.what))).collect()
}

/// The lines of a variant in a text that has one more.
fn moved(variant: &Variant, inserted: Option<u32>) -> Variant {
    let moved = |line: u32| line + u32::from(inserted.is_some_and(|inserted| inserted <= line));
    let left_out = |of: &LeftOut| LeftOut { before: moved(of.before), ..of.clone() };
    Variant {
        base: variant.base.clone(),
        replaced: variant.replaced.iter().copied().map(moved).collect(),
        left_out: variant.left_out.iter().map(left_out).collect(),
    }
}

fn summed(of: &Algorithm) -> Vec<Summed<'_>> {
    let mut taken = of.names.clone();
    let outputs = of.tensors.iter().enumerate();
    let outputs = outputs.filter(|(_, tensor)| tensor.role == Role::Out && tensor.is_of_keys() && !tensor.is_of_group);
    let mut all = Vec::new();
    for (id, tensor) in outputs {
        let of_head = unused(&format!("{}_head", tensor.name), "", &taken);
        taken.push(of_head.clone());
        all.push(Summed { tensor, of_head, loops: loops(of, id) });
    }
    all
}

/// `name`, or with a number behind it where something has that name.
fn unused(name: &str, gap: &str, taken: &[String]) -> String {
    let is_free = |name: &String| {
        !taken.contains(name) && !RESERVED.contains(&name.as_str()) && Function::ALL.iter().all(|of| of.name() != name)
    };
    let numbered = (2_usize..).map(|n| format!("{name}{gap}{n}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

/// The loops over all blocks that some line writes of a tensor of keys.
fn loops(of: &Algorithm, tensor: TensorId) -> Vec<&'static str> {
    let writes = |line: &&text::Line| {
        line.statements.iter().any(|statement| match statement.action {
            text::Action::Store { tensor: own } | text::Action::Fill { tensor: own, .. } => own == tensor,
            text::Action::Add { tensor: own, .. } => own == tensor,
            _ => false,
        })
    };
    let lines = || of.lines.iter().filter(writes);
    let overs: Vec<Over> = lines().flat_map(|line| line.loops.iter().map(|of| of.over)).collect();
    let has_splits = of.tensors[tensor].axes().has(Axis::S);
    let is_of_all = overs.contains(&Over::KeyBlocks);
    let is_seen = overs.iter().any(|over| matches!(over, Over::KeyBlocksSomeQuerySees | Over::KeyBlocksSeen));
    let keys = match (is_of_all, is_seen, has_splits) {
        (false, true, _) => "j in key blocks that some query sees",
        (false, false, true) => "j in key blocks of split s",
        _ => "j in key blocks",
    };
    if has_splits { vec!["s in splits", keys] } else { vec![keys] }
}

/// The text with the tensors of each head in its header and its lines, and the kernels that sum them behind; and the number
/// of the line that was put in.
fn rewritten(of: &Algorithm, document: &Document, summed: &[Summed<'_>]) -> (String, Option<u32>) {
    let mut edits = Edits { summed, all: Vec::new() };
    document.kernels.iter().for_each(|kernel| edits.kernel(kernel));
    for declared in &document.header.outputs {
        // A header that counts the heads of an output: the sum has none.
        if declared.axes.as_ref().is_some_and(|axes| axes.contains(&Axis::H))
            && let Some(summed) = edits.of(&declared.name.text)
        {
            let line = of.text.lines().nth(declared.name.span.line as usize - 1).unwrap_or_default();
            let behind = line.chars().skip((declared.name.span.column + declared.name.span.width) as usize - 1);
            let axes_width = behind.take_while(|c| *c != ']').count() as u32 + 1;
            let span = Span { width: declared.name.span.width + axes_width, ..declared.name.span };
            edits.all.push((span, format!("{}[{}]", summed.tensor.name, axes(summed.tensor))));
        }
    }
    let first_kernel = of.kernels.first().map_or(1, |kernel| kernel.span.line);
    let is_of_header = |(number, _): &(u32, &str)| *number < first_kernel;
    let begins_with = |line: &str, word: &str| line.split_whitespace().next() == Some(word);
    let lines = || (1..).zip(of.text.lines());
    let last = |word: &str| lines().take_while(is_of_header).filter(|(_, line)| begins_with(line, word)).last();
    let (hbm, out) = (last("hbm").map(|(number, _)| number), last("out").map(|(number, _)| number));
    let declared: Vec<String> = summed.iter().map(Summed::declared).collect();
    let declared = declared.join(" ");
    let (mut all, mut inserted) = (Vec::new(), None);
    for (number, line) in lines() {
        let line = edits.applied(number, line);
        if hbm == Some(number) {
            let (said, comment) = line.split_at(line.find('#').unwrap_or(line.len()));
            all.push(format!("{} {declared}{}{comment}", said.trim_end(), if comment.is_empty() { "" } else { " " }));
            continue;
        }
        all.push(line);
        if hbm.is_none() && out == Some(number) {
            inserted = Some(number + 1);
            all.push(format!("hbm      {declared}"));
        }
    }
    let kernels = kernels(of, summed);
    (all.join("\n").trim_end().to_owned() + "\n" + &kernels, inserted)
}

/// The kernels that sum what heads make, one for each way of going through the blocks.
fn kernels(of: &Algorithm, summed: &[Summed<'_>]) -> String {
    let mut taken: Vec<String> = of.kernels.iter().map(|kernel| kernel.name.clone()).collect();
    let mut ways: Vec<&[&'static str]> = Vec::new();
    for of in summed {
        if !ways.contains(&&of.loops[..]) {
            ways.push(&of.loops);
        }
    }
    let mut text = String::from("\n# Query heads share keys and values: what each makes of a block is added up.\n");
    for (n, way) in ways.into_iter().enumerate() {
        let name = unused("reduce-heads", "-", &taken);
        taken.push(name.clone());
        let all: Vec<&Summed<'_>> = summed.iter().filter(|of| of.loops == way).collect();
        let each = |say: &dyn Fn(&Summed<'_>) -> String, between: &str| -> String {
            all.iter().map(|of| say(of)).collect::<Vec<_>>().join(between)
        };
        let sums = each(&|of| of.tensor.name.clone(), ", ");
        let parts = each(&|of| of.of_head.clone(), ", ");
        let mut lines = vec![format!("kernel {name}"), format!("registers {sums}, {parts}")];
        let mut indent = String::new();
        for (n, over) in way.iter().enumerate() {
            lines.push(format!("{indent}{}for {over}", if n == 0 { "parallel " } else { "" }));
            indent += "  ";
        }
        lines.push(format!("{indent}start-keys: {}", each(&|of| of.start(), "; ")));
        lines.push(format!("{indent}for h in heads of the group"));
        lines.extend(all.iter().map(|of| format!("{indent}  load {}", of.block_of_head())));
        lines.push(format!(
            "{indent}  add-heads: {}",
            each(&|of| format!("{0} = {0} + {1}", of.tensor.name, of.of_head), "; ")
        ));
        lines.extend(all.iter().map(|of| format!("{indent}store {}[{}]", of.tensor.name, axes(of.tensor))));
        text += &format!("{}{}\n", if n == 0 { "" } else { "\n" }, lines.join("\n"));
    }
    text
}

/// The letters of a tensor's blocks, without that of the heads: `j`.
fn axes(tensor: &Tensor) -> String {
    let letters = tensor.axes.iter().filter(|axis| **axis != Axis::H).map(|axis| axis.name());
    letters.collect::<Vec<_>>().join(",")
}

impl Summed<'_> {
    /// `dK_head[h,j]`
    fn block_of_head(&self) -> String {
        format!("{}[h,{}]", self.of_head, axes(self.tensor))
    }

    /// `dK_head[h,j]:acc of d`
    fn declared(&self) -> String {
        format!("{}:acc of {}", self.block_of_head(), width(self.tensor.of))
    }

    /// `dK = 0 per key of d`
    fn start(&self) -> String {
        match self.tensor.of {
            Inner::One => format!("{} = 0 per key", self.tensor.name),
            of => format!("{} = 0 per key of {}", self.tensor.name, width(of)),
        }
    }
}

fn width(of: Inner) -> &'static str {
    match of {
        Inner::D => "d",
        Inner::Dv => "d_v",
        Inner::One => "1",
    }
}

/// Pieces of the text with what stands in their place.
struct Edits<'s> {
    summed: &'s [Summed<'s>],
    all: Vec<(Span, String)>,
}

impl<'s> Edits<'s> {
    fn of(&self, name: &str) -> Option<&'s Summed<'s>> {
        self.summed.iter().find(|of| of.tensor.name == name)
    }

    fn name(&mut self, name: &str, span: Span) {
        if let Some(of) = self.of(name) {
            self.all.push((span, of.of_head.clone()));
        }
    }

    fn block(&mut self, block: &Block) {
        if let Some(of) = self.of(&block.name.text) {
            self.all.push((block.span, of.block_of_head()));
        }
    }

    fn kernel(&mut self, kernel: &Kernel) {
        let names = kernel.buffers.iter().flat_map(|buffer| &buffer.names);
        names.for_each(|word| self.name(&word.text, word.span));
        self.nodes(&kernel.body);
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Loop(inner) => self.nodes(&inner.body),
                Node::Line(line) => line.statements.iter().for_each(|statement| self.action(&statement.action)),
            }
        }
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::Load { block, .. } | Action::Store { block } | Action::Fill { block, .. } => self.block(block),
            Action::Add { block, value } => {
                self.block(block);
                self.expr(value);
            }
            Action::Start { name, .. } | Action::Hide { name, .. } | Action::Tear { name } => {
                self.name(&name.text, name.span);
            }
            Action::Assign { name, value } => {
                self.name(&name.text, name.span);
                self.expr(value);
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_) => {}
            ExprKind::Name(name) => self.name(name, expr.span),
            ExprKind::Call(_, parts) => parts.iter().for_each(|part| self.expr(part)),
            ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|side| self.expr(side)),
            ExprKind::Negative(a) | ExprKind::Transposed(a) => self.expr(a),
        }
    }

    /// A line of the text with its pieces replaced.
    fn applied(&self, number: u32, line: &str) -> String {
        let mut own: Vec<&(Span, String)> = self.all.iter().filter(|(span, _)| span.line == number).collect();
        own.sort_by_key(|(span, _)| std::cmp::Reverse(span.column));
        let mut line = line.to_owned();
        for (span, new) in own {
            let at = |column: u32| line.char_indices().nth(column as usize - 1).map_or(line.len(), |(at, _)| at);
            let (start, end) = (at(span.column), at(span.column + span.width));
            line.replace_range(start..end, new);
        }
        line
    }
}
