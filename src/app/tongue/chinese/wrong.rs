//! Where a result went wrong first, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    ("{0} is {1}, the exact one {2}, and {3} is allowed", "{0} 为 {1}，参考值为 {2}，允许误差 {3}"),
    ("{0} of query {1}, component {2}", "查询 {1} 的 {0} 第 {2} 个分量"),
    ("{0} of query {1}", "查询 {1} 的 {0}"),
    ("{0} of key {1}, component {2}", "键 {1} 的 {0} 第 {2} 个分量"),
    ("{0} of key {1}", "键 {1} 的 {0}"),
    ("{0} of query {1}, key {2}", "查询 {1}、键 {2} 的 {0}"),
    (
        "step {0}, {1}, is the first to differ from {2}: {3} is {4} after it, not {5}",
        "第 {0} 步（{1}）最先与 {2} 不同：此步之后{3} 为 {4}，应为 {5}",
    ),
    (
        "before step {0}, {1}, the line {2} of {3} is left out: {4} is {5}, and would be {6} after it",
        "在第 {0} 步（{1}）之前，缺了 {3} 的 {2} 行：{4} 为 {5}，有此行则为 {6}",
    ),
    (
        "step {0}, {1}, left it so; which step made it wrong is not known: there is no right text to walk beside, or no step of it differs",
        "它是第 {0} 步（{1}）留下的；没有可以对照的正确文本，或者其中没有一步与它不同，因此不知道是哪一步先算错的",
    ),
    ("no step stores it", "没有任何步写回它"),
    ("{0} at {1} (line {2})", "{1}处的 {0}（第 {2} 行）"),
    ("{0} (line {1})", "{0}（第 {1} 行）"),
    ("query block {0}", "查询块 {0}"),
    ("key block {0}", "键块 {0}"),
    ("split {0}", "切分 {0}"),
    ("query head {0} of the group", "组内第 {0} 个查询头"),
    ("no rule for gradients of an input that is not finite", "输入不全是有限数，梯度没有误差规则"),
    (
        "no rule for gradients after an O that is rounded to {0} at every visit",
        "O 每次访问都按 {0} 舍入，其后的梯度没有误差规则",
    ),
    ("no rule for gradients of scores above {0} in {1}", "得分超过 {0} 时，{1} 的梯度没有误差规则"),
    ("First wrong number: {0}.", "第一个错误的数：{0}。"),
    ("Its cause: {0}.", "原因：{0}。"),
    ("Go to step {0}", "转到第 {0} 步"),
    ("step of the first wrong number", "第一个错误的数所在的步"),
    ("largest errors of gradients against exact f64", "各梯度相对参考值(f64)的最大误差"),
    ("error of {0}", "{0} 的误差"),
    ("error of gradients", "梯度误差"),
    (
        "The largest error of {0} against exact f64; it is within the bound.",
        "{0} 相对参考值(f64)的最大误差；在误差界内。",
    ),
    (
        "The largest error of {0} against exact f64; it is outside the bound.",
        "{0} 相对参考值(f64)的最大误差；超出误差界。",
    ),
    ("The GPU has no kernel for gradients.", "GPU 没有计算梯度的核函数。"),
    ("{0} gives none of {1}, {2} to compare.", "{0} 不给出 {1}、{2} 中的任何一个，没有可比的。"),
];
