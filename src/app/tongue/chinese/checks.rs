//! What a place asks for that is not there, and what in a trace does not follow, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    ("there is no {0} {1}; the last is {2}", "没有{0} {1}；最后一个是 {2}"),
    ("batch entry", "批次"),
    ("{0} of row {1} is {2}, but the input makes it {3}", "第 {1} 行的 {0} 是 {2}，但由输入算得 {3}"),
    ("it is {0}, where the run has {1}", "它是 {0}，而运行在此处是 {1}"),
    ("it has {0}, which its operation does not make", "它有 {0}，但它的操作不产生这个量"),
    ("the run goes on after it", "运行在它之后还有步"),
    (
        "the numbers of this trace were not recomputed: they take {0} {0|operation|operations}, and {1} are the most",
        "此轨迹的数没有重算：需要 {0} 次运算，上限是 {1} 次",
    ),
];
