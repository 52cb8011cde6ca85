//! What is said of the choices of a run and of scenes that cannot be shown, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    ("{0} is {1}; it is a whole number", "{0} 是 {1}；应为整数"),
    ("{0} is {1}; it is a whole number from {2}", "{0} 是 {1}；应为不小于 {2} 的整数"),
    ("{0} is {1}; it is a whole number from {2} to {3}", "{0} 是 {1}；应为 {2} 到 {3} 的整数"),
    ("--splits: {0} has no loop over splits", "--splits：{0} 没有对拆分的循环"),
    ("there is no input {0}", "没有输入 {0}"),
    ("there is no such algorithm", "没有这个算法"),
    ("these sizes are too large for a lesson", "这些大小对课程来说太大"),
    ("{0} x {1} pairs are too many for a lesson", "{0} x {1} 对查询和键对课程来说太多"),
    (
        "so many tiles are too many to step through in a lesson; take larger blocks",
        "这么多分块在课程中无法逐步走完；请用更大的块",
    ),
    ("the graphics driver draws at most {0} pixels on a side", "显卡驱动画的图每边至多 {0} 像素"),
    ("it is two numbers such as 16,0; -1 is unbounded", "这是两个数，例如 16,0；-1 表示不限"),
    ("known are {0}", "已知的有 {0}"),
    ("there {0|is|are} {0} {0|lesson|lessons}", "有 {0} 课"),
    ("lesson {0} has {1} {1|beat|beats}", "第 {0} 课有 {1} 拍"),
    ("the schedule has no such step as {0}", "执行序列中没有 {0} 这一步"),
];
