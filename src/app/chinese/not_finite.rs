//! What is not finite, in Chinese: rows, conversions, verdicts.

pub static TABLE: &[(&str, &str)] = &[
    // Rows.
    ("note on the row", "这一行的说明"),
    ("scores of the row", "这一行的得分"),
    ("no finite score", "没有有限的得分"),
    ("nothing to average yet", "还没有可平均的"),
    ("Query {0} sees no key: m and L are -inf, l and O are 0.", "查询 {0} 看不到任何键：m 和 L 是 -inf，l 和 O 是 0。"),
    ("The score of query {0}, key {1}", "查询 {0} 与键 {1} 的得分"),
    ("The score of query {0}, key {1} ({2}) overflows {3}: it", "查询 {0} 与键 {1} 的得分({2})超出 {3}：它"),
    ("{0} is NaN: so are m, l, L and O of the row.", "{0}是 NaN：这一行的 m、l、L 和 O 也是。"),
    ("{0} is inf: m of the row is inf, and l, L and O are NaN.", "{0}是 inf：这一行的 m 是 inf，l、L 和 O 是 NaN。"),
    (
        "{0} is -inf, as are all of the row: m is -inf, and l, L and O are NaN.",
        "{0}是 -inf，整行都是：m 是 -inf，l、L 和 O 是 NaN。",
    ),
    ("{0} is -inf: the key weighs nothing.", "{0}是 -inf：这个键没有权重。"),
    (
        "V of key {0}, which query {1} sees, is {2} at component {3}: O is not finite there.",
        "查询 {1} 看到的键 {0} 的 V 在分量 {3} 是 {2}：O 在那里不是有限的数。",
    ),
    // The sheet of the rule.
    ("What NaN, infinity and an unseen row give", "NaN、无穷大和看不到键的行给出什么"),
    ("The rule for such rows", "这样的行的规则"),
    ("a row that", "这样的行"),
    ("a row that {0}", "这样的行：{0}"),
    ("sees no key", "看不到任何键"),
    ("sees a score of NaN", "看到 NaN 的得分"),
    ("sees a score of +inf, and none of NaN", "看到 +inf 的得分，没有 NaN"),
    ("sees a score of -inf beside others", "看到 -inf 的得分，也有别的"),
    ("sees scores of -inf alone", "看到的得分全是 -inf"),
    ("sees a NaN in V", "看到 V 里的 NaN"),
    ("sees an infinity in V", "看到 V 里的无穷大"),
    ("of the others", "由别的得分决定"),
    ("as without", "不受影响"),
    ("NaN in that component", "那个分量是 NaN"),
    ("that infinity; NaN where both are seen", "那个无穷大；两种都看到时是 NaN"),
    ("{0}: so is this row", "{0}：这一行就是这样"),
    ("why the line is marked", "标出的原因"),
    ("the row at its end", "这一行在结尾"),
    ("Row {0} is like any other: no line is marked.", "第 {0} 行与别的行一样：没有标出规则。"),
    ("Row {0} at its end: m = {1}, l = {2}, L = {3}, O = {4}", "第 {0} 行在结尾：m = {1}，l = {2}，L = {3}，O = {4}"),
    ("Click: {0}", "单击：{0}"),
    // The needle.
    ("A score that arrives is NaN: so will be {0}, {1} and {2}.", "到来的得分里有 NaN：{0}、{1} 和 {2} 也将是 NaN。"),
    (
        "A score that arrives is inf: so will be {0}, and {1} and {2} will be NaN.",
        "到来的得分里有 inf：{0} 也将是 inf，{1} 和 {2} 将是 NaN。",
    ),
    ("{1} is {0}: {2} and {3} are NaN, and stay so.", "{1} 是 {0}：{2} 和 {3} 是 NaN，之后也是。"),
    ("Every score that arrives is -inf: these keys weigh nothing.", "到来的得分都是 -inf：这些键没有权重。"),
    ("Every score so far is -inf: nothing joins.", "至今的得分都是 -inf：没有权重加进来。"),
    ("The exact answer (f64) is NaN as well.", "精确的结果(f64)也是 NaN。"),
    // Inputs and their conversion.
    (
        "{0} holds NaN or infinity: it spreads to every row that sees it, and to no other",
        "{0} 里有 NaN 或无穷大：它会传到每个看到它的行，不会传到别的行",
    ),
    ("{0} is {1}, beyond {2} (at most {3}): {4}", "{0} 是 {1}，超出 {2}(最大 {3})：{4}"),
    ("it becomes {0}", "它变成 {0}"),
    ("it becomes {0}, which hides the pair", "它变成 {0}，这一对被掩蔽"),
    ("{0}; so do others, {1} more", "{0}；另有 {1} 个也是"),
    ("the scale", "缩放因子"),
    ("the softcap", "softcap"),
    ("an ALiBi slope", "一个 ALiBi 斜率"),
    (
        "{0} is {1}: a score that is stored with it is rounded to steps of {2} in {3}; a bias of -inf hides a pair and rounds nothing",
        "{0} 是 {1}：与它一起存储的得分在 {3} 里按 {2} 的间隔舍入；-inf 的偏置能掩蔽一对而不舍入",
    ),
    // Verdicts.
    (
        "O of query {0}, component {1} is {2}, the exact one {3}, and {4} is allowed",
        "查询 {0} 的 O 的分量 {1} 是 {2}，精确值是 {3}，允许误差 {4}",
    ),
    (
        "{0} of query {1} is {2}, the exact one {3}, and {4} is allowed",
        "查询 {1} 的 {0} 是 {2}，精确值是 {3}，允许误差 {4}",
    ),
    (
        "the kernel takes no NaN or infinity in V, and {0} is {1} in {2}; those in f32 do",
        "核函数不接受 V 里的 NaN 或无穷大，而 {0} 在 {2} 里是 {1}；f32 的核函数可以",
    ),
];
