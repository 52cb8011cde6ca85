//! Lessons of one's own in Chinese: their files, the choices that a scene takes, lists, worksheets, pairs of languages.

pub static TABLE: &[(&str, &str)] = &[
    // Files beside a lesson.
    ("files are not read here", "这里不读取文件"),
    ("only a lesson in a file has files beside it", "只有文件中的课程旁边才有文件"),
    (
        "{0} is elsewhere: a lesson's files lie in its folder, or below it",
        "{0} 在别处：课程的文件放在它的文件夹里，或其子文件夹里",
    ),
    // Choices of a run.
    (
        "it is none, standard, a slope such as 0.5, or one for each query head, with commas",
        "应为 none、standard、一个斜率(如 0.5)，或每个查询头一个，用逗号分隔",
    ),
    ("one logit, or one for each query head ({0})", "一个 logit，或每个查询头一个(共 {0} 个)"),
    (
        "it is none, a finite logit such as 0.5, one for each query head with commas, or random:SEED",
        "它是 none、一个有限的 logit(例如 0.5)、用逗号隔开的每个查询头各一个，或 random:SEED",
    ),
    ("Query heads as rows", "查询头作为行"),
    ("Logits of the sinks", "汇点的 logit"),
    ("one slope, or one for each query head ({0})", "一个斜率，或每个查询头一个(共 {0} 个)"),
    ("it is own or none", "应为 own 或 none"),
    ("it is own, or q for the queries in place of the keys", "应为 own，或 q(用查询代替键)"),
    ("queries take the place of keys only where there are as many of them", "只有查询与键一样多时，查询才能代替键"),
    ("the queries in place of the keys", "用查询代替键"),
    // Controls that a lesson opens.
    ("Alignment of the diagonal", "对角线的对齐"),
    ("Where the diagonal ends", "对角线止于何处"),
    ("Padding before the keys", "键之前的填充"),
    ("Keys that every query sees", "每个查询都看到的键"),
    ("Keys that a window does not hide", "窗口不遮住的键"),
    ("Tokens of each document", "每个文档的词元"),
    ("Bias", "偏置"),
    ("Where K comes from", "K 的来源"),
    ("Splits of the keys", "键的段数"),
    ("Seed of the input", "输入的种子"),
    ("Window: left, right", "窗口：左，右"),
    ("Lengths of the keys", "键的长度"),
    ("Scale of the scores", "分数的缩放系数"),
    ("Softcap", "软上限"),
    ("Slopes of ALiBi", "ALiBi 的斜率"),
    ("Rate of dropout", "dropout 的比率"),
    ("Seed of dropout", "dropout 的种子"),
    ("yes", "是"),
    ("no", "否"),
    ("as in the input", "与输入相同"),
    ("Q in place of K", "用 Q 代替 K"),
    ("top-left", "左上对齐"),
    ("bottom-right", "右下对齐"),
    // Expressions.
    (
        "this expression is too much work; ask for fewer rows, or for shorter lists",
        "这个表达式的计算量太大；请用更少的行或更短的列表",
    ),
    ("a NaN is neither larger nor smaller than a number", "NaN 与任何数都不能比大小"),
    ("weights are needed that sum to 1, and these sum to {0}", "需要和为 1 的权重，而这些的和是 {0}"),
    ("two lists are needed", "需要两个列表"),
    ("lists of one length are needed, and these have {0} and {1}", "需要长度相同的列表，而这两个的长度是 {0} 和 {1}"),
    (
        "each takes a name, its first value, the end, and what is made of each",
        "each 取一个名字、它的第一个值、终点，以及由每个值得到的式子",
    ),
    ("each makes at most {0}, and these are {1}", "each 最多给出 {0} 个，而这里是 {1} 个"),
    ("`{0}` is a number or a text", "`{0}` 是数或文本"),
    ("{0} makes no {1}", "{0} 不给出 {1}"),
    ("there {0|is|are} {0} {0|row|rows} of {1}, from 0", "共有 {0} 行，每行 {1} 个，从 0 数起"),
    // Texts and their checks.
    ("no data stands behind `{=`", "`{=` 后面没有数据"),
    (
        "{0} is typed: let an expression give it, or mark it as data: {={0}}",
        "{0} 是手写的：请用表达式给出，或标记为数据：{={0}}",
    ),
    ("`key: value | value; key: value` is needed", "需要 `key: value | value; key: value`"),
    ("there {0|is|are} {0} {0|way|ways} to vary this, and {1} are the most", "共有 {0} 种变化，最多 {1} 种"),
    ("with {0}: {1}", "取 {0} 时：{1}"),
    (
        "the other language takes {0} {0|minute|minutes}, and this one {1}",
        "另一种语言的课程要 {0} 分钟，而这一课是 {1}",
    ),
    ("the other language has {0} {0|beat|beats}, and this one {1}", "另一种语言的课程有 {0} 拍，而这一课有 {1} 拍"),
    (
        "both lessons of a pair are in one language; say `language: en` and `language: zh`",
        "成对的两课是同一种语言；请写 `language: en` 和 `language: zh`",
    ),
    ("the {0} of this beat differs from that of line {1}", "这一拍的 {0} 与第 {1} 行的不同"),
    ("this beat has no `{0}`, as that of line {1} has", "这一拍没有 `{0}`，而第 {1} 行的有"),
    ("this beat has `{0}`, and that of line {1} has not", "这一拍有 `{0}`，而第 {1} 行的没有"),
    // Answers on paper.
    ("there is no card {0}", "没有卡片 {0}"),
    ("the answer is a letter from A to {0}", "答案是 A 到 {0} 中的一个字母"),
    ("`{0}` is not to be changed here", "这里不更改 `{0}`"),
    (
        "there {0|is|are} {0} {0|place|places}, and {1} {1|letter is|letters are} given",
        "共有 {0} 处，而给出了 {1} 个字母",
    ),
    ("it is from a newer version", "它来自更新的版本"),
];
