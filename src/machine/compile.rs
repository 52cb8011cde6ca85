//! Expressions made ready to be carried out: products first, each into a matrix of its own, then the rest row by row.

use crate::schedule::Algorithm;
use crate::schedule::language::{
    Action, Expr, ExprKind, Extent, Function, NameId, Names, Operator, Parameter, Role, Shape, Statement,
};

use super::sums::maxima_of;

/// A text made ready to be carried out.
#[derive(Clone, Debug)]
pub struct Program {
    pub algorithm: Algorithm,
    /// The one of [`Algorithm::for_heads`] for more than one head, where that is another.
    of_group: Option<Box<Program>>,
    /// Of each line, of each statement: what it works out.
    code: Vec<Vec<Option<Code>>>,
}

/// What a statement works out: its matrices in order, then one value per element of its result.
#[derive(Clone, Debug)]
pub struct Code {
    pub matrices: Vec<Matrix>,
    pub root: Node,
    pub shortcut: Shortcut,
    /// The value reads the name that it is for, so that its rows are written when all are worked out.
    pub reads_own: bool,
    /// It adds up weights: where these maxima are all -inf, nothing has a weight.
    pub maxima: Names,
}

/// How a value can be worked out in its place, to the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    None,
    /// It is its only matrix, a product of others.
    Product,
    /// It is its own value with a product added.
    Accumulate,
    /// It is its own value times the first node, one number per row.
    Scale,
}

impl Program {
    pub fn new(algorithm: &Algorithm) -> Self {
        let for_group = algorithm.for_heads(2);
        let has_other = for_group.text().kernels.len() > algorithm.text().kernels.len();
        Self { of_group: has_other.then(|| Box::new(Self::alone(for_group))), ..Self::alone(algorithm) }
    }

    /// The program of the text that runs for so many query heads of a group.
    pub fn for_heads(&self, heads: usize) -> &Self {
        self.of_group.as_deref().filter(|_| heads > 1).unwrap_or(self)
    }

    fn alone(algorithm: &Algorithm) -> Self {
        let text = algorithm.text();
        let of = |statement: &Statement, kernel: usize| match &statement.action {
            Action::Assign { name, value } => {
                let maxima = maxima_of(text, kernel, *name, value);
                Some(Code { maxima, ..compile(value, Some(*name)) })
            }
            Action::Add { value, .. } => Some(compile(value, None)),
            _ => None,
        };
        let is_bias = |name: NameId| {
            let tensor = text.tensors.iter().find(|tensor| tensor.id == name);
            tensor.is_some_and(|tensor| matches!(tensor.role, Role::Modifier(_)))
        };
        let lines = text.lines.iter().map(|line| {
            let mut code: Vec<Option<Code>> =
                line.statements.iter().map(|statement| of(statement, line.kernel)).collect();
            code.iter_mut().flatten().for_each(|code| mark_bias(&mut code.root, &is_bias));
            code
        });
        Self { code: lines.collect(), algorithm: algorithm.clone(), of_group: None }
    }

    /// What a statement of a line works out, if it works something out.
    pub fn code(&self, line: usize, statement: usize) -> Option<&Code> {
        self.code[line][statement].as_ref()
    }
}

/// An addition of a bias is one that hides: -inf, whatever it is added to.
fn mark_bias(node: &mut Node, is_bias: &dyn Fn(NameId) -> bool) {
    if let NodeKind::Binary(Operator::Add, a, b) = &node.kind
        && matches!(b.kind, NodeKind::Rows(Source::Name(name, _)) if is_bias(name))
    {
        node.kind = NodeKind::Biased(a.clone(), b.clone());
    }
    match &mut node.kind {
        NodeKind::Negative(a) | NodeKind::Each(_, a) | NodeKind::Reduce(_, a) => mark_bias(a, is_bias),
        NodeKind::Binary(_, a, b) | NodeKind::Both(_, a, b) | NodeKind::Biased(a, b) => {
            mark_bias(a, is_bias);
            mark_bias(b, is_bias);
        }
        NodeKind::Pick(parts) => parts.iter_mut().for_each(|part| mark_bias(part, is_bias)),
        _ => {}
    }
}

/// A matrix that must be whole before its rows are read.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub shape: Shape,
    pub made: Made,
}

#[derive(Clone, Debug)]
pub enum Made {
    /// `scale * a @ b + into`
    Product { a: Operand, b: Operand, scale: Option<Node>, into: Option<Node> },
    /// A value that is transposed, or an operand of a product.
    Rows(Node),
}

/// One side of a product.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    pub source: Source,
    /// As it stands in the product, after `^T`.
    pub is_transposed: bool,
}

/// Where a matrix lies.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// On chip, with its shape there.
    Name(NameId, Shape),
    /// By its number in [`Code::matrices`].
    Matrix(usize),
}

/// A value that is worked out row by row.
#[derive(Clone, Debug)]
pub struct Node {
    pub shape: Shape,
    pub kind: NodeKind,
}

#[derive(Clone, Debug)]
pub enum NodeKind {
    Number(f64),
    Parameter(Parameter),
    /// Rows of a matrix.
    Rows(Source),
    /// Its columns, as rows.
    Columns(Source),
    Distance,
    Keep,
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// A value and the bias that is added to it: -inf where the bias is.
    Biased(Box<Node>, Box<Node>),
    /// `max`, `ratio`.
    Both(Function, Box<Node>, Box<Node>),
    /// Of each element.
    Each(Function, Box<Node>),
    /// `rowmax`, `rowsum`.
    Reduce(Function, Box<Node>),
    Pick(Box<[Node; 3]>),
}

/// Makes an expression ready, the value of `name`.
fn compile(expr: &Expr, name: Option<NameId>) -> Code {
    let mut compiler = Compiler { matrices: Vec::new() };
    let root = compiler.node(expr);
    let matrices = compiler.matrices;
    let shortcut = name.map_or(Shortcut::None, |name| shortcut(&matrices, &root, name));
    let reads_own = name.is_some_and(|name| root.reads(name));
    Code { matrices, root, shortcut, reads_own, maxima: Names::default() }
}

fn shortcut(matrices: &[Matrix], root: &Node, own: NameId) -> Shortcut {
    let is_own = |node: &Node| matches!(node.kind, NodeKind::Rows(Source::Name(name, _)) if name == own);
    match (&root.kind, matrices) {
        (NodeKind::Rows(Source::Matrix(0)), [Matrix { made: Made::Product { a, b, into, .. }, .. }]) => {
            let is_operand = [a, b].iter().any(|side| matches!(side.source, Source::Name(name, _) if name == own));
            match into {
                _ if is_operand => Shortcut::None,
                None => Shortcut::Product,
                Some(into) if is_own(into) => Shortcut::Accumulate,
                Some(_) => Shortcut::None,
            }
        }
        (NodeKind::Binary(Operator::Multiply, factor, value), []) => {
            let is_factor = factor.shape.cols == Extent::One && !factor.reads(own);
            if is_factor && is_own(value) { Shortcut::Scale } else { Shortcut::None }
        }
        _ => Shortcut::None,
    }
}

impl Node {
    /// Some name of a tile is read, element by element.
    pub fn has_pairs(&self) -> bool {
        match &self.kind {
            NodeKind::Rows(Source::Name(_, shape)) => shape.is_tile(),
            NodeKind::Negative(a) | NodeKind::Each(_, a) => a.has_pairs(),
            NodeKind::Binary(_, a, b) | NodeKind::Both(_, a, b) | NodeKind::Biased(a, b) => {
                a.has_pairs() || b.has_pairs()
            }
            NodeKind::Pick(parts) => parts.iter().any(Self::has_pairs),
            _ => false,
        }
    }

    /// The value of `name` is read, outside of the matrices.
    fn reads(&self, own: NameId) -> bool {
        match &self.kind {
            NodeKind::Rows(Source::Name(name, _)) | NodeKind::Columns(Source::Name(name, _)) => *name == own,
            NodeKind::Negative(a) | NodeKind::Each(_, a) | NodeKind::Reduce(_, a) => a.reads(own),
            NodeKind::Binary(_, a, b) | NodeKind::Both(_, a, b) | NodeKind::Biased(a, b) => {
                a.reads(own) || b.reads(own)
            }
            NodeKind::Pick(parts) => parts.iter().any(|part| part.reads(own)),
            _ => false,
        }
    }
}

struct Compiler {
    matrices: Vec<Matrix>,
}

impl Compiler {
    fn node(&mut self, expr: &Expr) -> Node {
        let kind = match &expr.kind {
            ExprKind::Number(number) => NodeKind::Number(*number),
            ExprKind::Parameter(parameter) => NodeKind::Parameter(*parameter),
            ExprKind::Name(name) => NodeKind::Rows(Source::Name(*name, expr.shape)),
            ExprKind::Distance => NodeKind::Distance,
            ExprKind::Keep => NodeKind::Keep,
            ExprKind::Negative(inner) => NodeKind::Negative(Box::new(self.node(inner))),
            ExprKind::Transposed(inner) => NodeKind::Columns(self.source(inner)),
            ExprKind::Binary(operator, a, b) => return self.binary(*operator, a, b, expr),
            ExprKind::Call(function, arguments) => self.call(*function, arguments),
        };
        Node { shape: expr.shape, kind }
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> NodeKind {
        let mut nodes = arguments.iter().map(|argument| self.node(argument)).collect::<Vec<_>>().into_iter();
        let mut next = || Box::new(nodes.next().expect("the parser counts arguments"));
        match function {
            Function::RowMax | Function::RowSum => NodeKind::Reduce(function, next()),
            Function::Max | Function::Ratio => NodeKind::Both(function, next(), next()),
            Function::Pick => NodeKind::Pick(Box::new([*next(), *next(), *next()])),
            _ => NodeKind::Each(function, next()),
        }
    }

    fn binary(&mut self, operator: Operator, a: &Expr, b: &Expr, whole: &Expr) -> Node {
        if let Some((scale, a, b)) = scaled_product(whole) {
            return self.product(scale, a, b, None, whole.shape);
        }
        // What a product is added to, it accumulates into: the same bits as a kernel that keeps its sum.
        if operator == Operator::Add
            && a.shape == whole.shape
            && let Some((scale, left, right)) = scaled_product(b)
        {
            let into = self.node(a);
            return self.product(scale, left, right, Some(into), whole.shape);
        }
        let (a, b) = (self.node(a), self.node(b));
        Node { shape: whole.shape, kind: NodeKind::Binary(operator, Box::new(a), Box::new(b)) }
    }

    fn product(&mut self, scale: Option<&Expr>, a: &Expr, b: &Expr, into: Option<Node>, shape: Shape) -> Node {
        let scale = scale.map(|scale| self.node(scale));
        let (a, b) = (self.operand(a), self.operand(b));
        let source = self.push(Matrix { shape, made: Made::Product { a, b, scale, into } });
        Node { shape, kind: NodeKind::Rows(source) }
    }

    fn operand(&mut self, expr: &Expr) -> Operand {
        match &expr.kind {
            ExprKind::Transposed(inner) => {
                let inner = self.operand(inner);
                Operand { is_transposed: !inner.is_transposed, ..inner }
            }
            _ => Operand { source: self.source(expr), is_transposed: false },
        }
    }

    /// Where the value of `expr` lies once it is a whole matrix.
    fn source(&mut self, expr: &Expr) -> Source {
        match expr.kind {
            ExprKind::Name(name) => Source::Name(name, expr.shape),
            _ => {
                let node = self.node(expr);
                match node.kind {
                    NodeKind::Rows(source @ Source::Matrix(_)) => source,
                    _ => self.push(Matrix { shape: expr.shape, made: Made::Rows(node) }),
                }
            }
        }
    }

    fn push(&mut self, matrix: Matrix) -> Source {
        self.matrices.push(matrix);
        Source::Matrix(self.matrices.len() - 1)
    }
}

/// `a @ b`, or one number times it.
fn scaled_product(expr: &Expr) -> Option<(Option<&Expr>, &Expr, &Expr)> {
    match &expr.kind {
        ExprKind::Binary(Operator::Product, a, b) => Some((None, a, b)),
        ExprKind::Binary(Operator::Multiply, scale, product) if scale.shape.is_number() => match &product.kind {
            ExprKind::Binary(Operator::Product, a, b) => Some((Some(scale), a, b)),
            _ => None,
        },
        _ => None,
    }
}
