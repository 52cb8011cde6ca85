//! Findings in words, in the language of the lesson.

use super::super::Language;
use super::super::expr::format_number;
use super::grade::{Finding, Why};
use crate::attention::TileClass;

impl Finding {
    /// One sentence.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        }
    }

    fn english(&self) -> String {
        let n = |x: f64| format_number(x, "");
        match self {
            Finding::Empty { hole } => format!("Place {} is still empty.", hole + 1),
            Finding::Impossible { card, why } if card.is_empty() => format!("This cannot run: {}.", why.english()),
            Finding::Impossible { card, why } => format!("“{card}” cannot run here: {}.", why.english()),
            Finding::Number { of: of @ "O", row, place, got, want } => {
                format!(
                    "The first number that differs: {of}[{row}, {place}] is {}, and should be {}.",
                    n(*got),
                    n(*want)
                )
            }
            Finding::Number { of, row, place, got, want } => format!(
                "The first number that differs: after key block {place}, {of} of row {row} is {}, and should be {}.",
                n(*got),
                n(*want)
            ),
            Finding::Moved { got, want } => {
                format!("It moves {} elements; {} are needed.", n(*got as f64), n(*want as f64))
            }
            Finding::Misfit { card, of, line } => format!("“{card}” is a value of {of}, and {line} is asked for here."),
            Finding::OnChip { got, limit } => format!("It needs {got} B on chip, and there are {limit} B."),
            Finding::Goal => "It runs and gives the right numbers, but it is not yet what was asked for.".into(),
            Finding::Formula { formula, fault } => format!("The formula “{formula}” cannot be evaluated: {fault}."),
            Finding::Class { i, j, got, want } => {
                let (got, want) = (got.name(), want.name());
                format!("Tile ({i}, {j}) is painted {got}, and it is {want}.")
            }
            Finding::NeedlessMask { i, j } => {
                format!("Tile ({i}, {j}) is full: the mask there changes no number and costs time.")
            }
        }
    }

    fn chinese(&self) -> String {
        let n = |x: f64| format_number(x, "");
        match self {
            Finding::Empty { hole } => format!("第 {} 个位置还空着。", hole + 1),
            Finding::Impossible { card, why } if card.is_empty() => format!("这样无法运行：{}。", why.chinese()),
            Finding::Impossible { card, why } => format!("“{card}”在这里无法执行：{}。", why.chinese()),
            Finding::Number { of: of @ "O", row, place, got, want } => {
                format!("第一个不同的数：{of}[{row}, {place}] 得到 {}，应为 {}。", n(*got), n(*want))
            }
            Finding::Number { of, row, place, got, want } => {
                format!("第一个不同的数：处理完键块 {place} 后，第 {row} 行的 {of} 是 {}，应为 {}。", n(*got), n(*want))
            }
            Finding::Moved { got, want } => {
                format!("它搬运了 {} 个元素，应为 {} 个。", n(*got as f64), n(*want as f64))
            }
            Finding::Misfit { card, of, line } => format!("“{card}”是 {of} 的值，这里要的是 {line}。"),
            Finding::OnChip { got, limit } => format!("它在片上要占 {got} B,而只有 {limit} B。"),
            Finding::Goal => "能运行，数也对，但还没有达到要求。".into(),
            Finding::Formula { formula, fault } => format!("公式“{formula}”无法求值（{fault}）。"),
            Finding::Class { i, j, got, want } => {
                format!("分块 ({i}, {j}) 涂成了{}，其实是{}。", chinese_class(*got), chinese_class(*want))
            }
            Finding::NeedlessMask { i, j } => format!("分块 ({i}, {j}) 是完整的：在那里加掩码不改变任何数，只费时间。"),
        }
    }
}

fn chinese_class(class: TileClass) -> &'static str {
    match class {
        TileClass::Full => "完整",
        TileClass::Partial => "部分掩蔽",
        TileClass::Skipped => "跳过",
    }
}

impl Why {
    fn english(&self) -> String {
        match self {
            Why::NeverWritten(name) => format!("it reads {name} on chip, and nothing has put it there yet"),
            Why::NotInHbm(tensor) => format!("it loads {tensor} from HBM, and nothing has stored it there yet"),
            Why::OtherBlock { tensor, held, needed } => {
                format!("the chip holds block {held} of {tensor}, and block {needed} is needed")
            }
            Why::NoLoop(axis) => format!("no loop over {axis} is around it, so it does not know its block"),
            Why::TwiceTheSameLoop(axis) => format!("a loop over {axis} is around it already"),
            Why::Brackets => "loops and their ends do not match".into(),
            Why::StoresInput(tensor) => format!("{tensor} is an input and never changes"),
            Why::NoStart(tensor) => format!("{tensor} has no starting value"),
            Why::TooLong => "so many steps are no exercise".into(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Why::NeverWritten(name) => format!("它要读片上的 {name}，但还没有哪一步写过"),
            Why::NotInHbm(tensor) => format!("它要从显存载入 {tensor}，但还没有写回过"),
            Why::OtherBlock { tensor, held, needed } => {
                format!("片上是 {tensor} 的第 {held} 块，需要的是第 {needed} 块")
            }
            Why::NoLoop(axis) => format!("它外面没有 {axis} 循环，不知道是哪一块"),
            Why::TwiceTheSameLoop(axis) => format!("它外面已经有一个 {axis} 循环"),
            Why::Brackets => "循环的开头和结尾对不上".into(),
            Why::StoresInput(tensor) => format!("{tensor} 是输入，从不改变"),
            Why::NoStart(tensor) => format!("{tensor} 没有初值"),
            Why::TooLong => "步数太多了".into(),
        }
    }
}
