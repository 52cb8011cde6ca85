//! Expressions made ready to be carried out: products first, each into a matrix of its own, then the rest row by row.

use crate::schedule::language::{Expr, ExprKind, Function, NameId, Operator, Parameter, Shape};

/// What a statement works out: its matrices in order, then one value per element of its result.
#[derive(Clone, Debug)]
pub struct Code {
    pub matrices: Vec<Matrix>,
    pub root: Node,
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
    /// `max`, `ratio`.
    Both(Function, Box<Node>, Box<Node>),
    /// Of each element.
    Each(Function, Box<Node>),
    /// `rowmax`, `rowsum`.
    Reduce(Function, Box<Node>),
    Pick(Box<[Node; 3]>),
}

/// Makes an expression ready.
pub fn compile(expr: &Expr) -> Code {
    let mut compiler = Compiler { matrices: Vec::new() };
    let root = compiler.node(expr);
    Code { matrices: compiler.matrices, root }
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
