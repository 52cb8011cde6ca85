//! What is said of a learner's build, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    ("Place {0} is still empty.", "第 {0} 个位置还空着。"),
    ("This cannot run: {0}.", "这样无法运行：{0}。"),
    ("“{0}” cannot run here: {1}.", "“{0}”在这里无法执行：{1}。"),
    (
        "The first number that differs: {0}[{1}, {2}] is {3}, and should be {4}.",
        "第一个不同的数：{0}[{1}, {2}] 得到 {3}，应为 {4}。",
    ),
    (
        "The first number that differs: after key block {0}, {1} of row {2} is {3}, and should be {4}.",
        "第一个不同的数：处理完键块 {0} 后，第 {2} 行的 {1} 是 {3}，应为 {4}。",
    ),
    ("It moves {0} {0|element|elements}; {1} {1|is|are} needed.", "它搬运了 {0} 个元素，应为 {1} 个。"),
    ("“{0}” is a value of {1}, and {2} is asked for here.", "“{0}”是 {1} 的值，这里要的是 {2}。"),
    ("It needs {0} on chip, and there are {1}.", "它在片上要占 {0}，而只有 {1}。"),
    (
        "It runs and gives the right numbers, but it is not yet what was asked for.",
        "能运行，数也对，但还没有达到要求。",
    ),
    ("The formula “{0}” cannot be read: {1}", "公式“{0}”读不懂：{1}"),
    ("Tile ({0}, {1}) is painted {2}, and it is {3}.", "分块 ({0}, {1}) 涂成了{2}，其实是{3}。"),
    (
        "Tile ({0}, {1}) is full: the mask there changes no number and costs time.",
        "分块 ({0}, {1}) 是完整的：在那里加掩码不改变任何数，只费时间。",
    ),
    ("it reads {0} on chip, and nothing has put it there yet", "它要读片上的 {0}，但还没有哪一步写过"),
    ("it loads {0} from HBM, and nothing has stored it there yet", "它要从显存载入 {0}，但还没有写回过"),
    ("the chip holds block {0} of {1}, and block {2} is needed", "片上是 {1} 的第 {0} 块，需要的是第 {2} 块"),
    ("no loop over {0} is around it, so it does not know its block", "它外面没有 {0} 循环，不知道是哪一块"),
    ("a loop over {0} is around it already", "它外面已经有一个 {0} 循环"),
    ("loops and their ends do not match", "循环的开头和结尾对不上"),
    ("{0} is an input and never changes", "{0} 是输入，从不改变"),
    ("{0} has no starting value", "{0} 没有初值"),
    ("the update of a row has no line `{0}`; its lines are {1}", "一行的更新里没有 `{0}` 这一行；有的是 {1}"),
    (
        "the gradients of a tile have no line `{0}`; their lines are {1}",
        "一个分块的梯度里没有 `{0}` 这一行；有的是 {1}",
    ),
    ("the combine of splits has no line `{0}`; its lines are {1}", "各份的合并里没有 `{0}` 这一行；有的是 {1}"),
    ("so many steps are no exercise", "步数太多了"),
];
