//! Answers, tries and changes of lessons, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    // What is said of an answer.
    ("Not quite. Think again: you have another try.", "不对。再想一想：还可以再答一次。"),
    ("Not quite. The answer is {0}.", "不对。答案是 {0}。"),
    ("Not quite. The answer: {0}", "不对。答案：{0}"),
    ("note on the answer", "关于这个回答"),
    ("why", "原因"),
    ("{0} of {1} right", "做对 {0} / {1}"),
    ("choose an answer first", "请先选一个答案"),
    ("answer first", "请先回答"),
    ("nothing is asked here", "这里没有问题"),
    ("type a number first", "请先输入一个数"),
    (
        "“{0}” cannot be read as a number: type one such as 4.2, 1/8, 2^20 or e^-1.775",
        "“{0}”读不成一个数：请输入像 4.2、1/8、2^20 或 e^-1.775 这样的数",
    ),
    ("“{0}” is no finite number", "“{0}”不是有限的数"),
    ("a plain number is asked for, and “{0}” is a unit", "这里要的是不带单位的数，而“{0}”是单位"),
    ("the answer is asked for in {0}, and “{1}” is no such unit", "答案要以 {0} 为单位，而“{1}”不是这样的单位"),
    ("yours to find", "由你来找"),
    ("The line climbs by {0}; the scores stay.", "横线上升 {0}，得分不动。"),
    ("You said {0}: right.", "你说 {0}：对。"),
    (
        "You said {0}: the inverse. The old sum shrinks, it does not grow.",
        "你说 {0}：这是倒数。旧的和会缩小，不会变大。",
    ),
    ("You said {0}: not quite, it is {1}.", "你说 {0}：不对，是 {1}。"),
    // Changes.
    ("Steps done", "已走的步"),
    ("half of {0}", "{0} 减半"),
    ("twice {0}", "{0} 加倍"),
    ("no bug", "没有错误"),
    ("alpha is forgotten", "忘掉 alpha"),
    ("the maximum is not subtracted", "不减最大值"),
    ("no guard", "没有保护判断"),
    ("-1000 for hidden keys", "被隐藏的键写 -1000"),
    ("0 for hidden keys", "被隐藏的键写 0"),
    ("the maximum sticks at 0", "最大值卡在 0"),
    // Builds.
    ("Look there", "去看那里"),
    (
        "Sizes and speeds are made up for lessons: an A100's speeds, divided by a million.",
        "容量和速度是为课程虚构的：A100 的速度除以一百万。",
    ),
    ("this is not UTF-8 text, as a lesson is", "这不是课程所用的 UTF-8 文本"),
    ("{0}:{1}: {2}", "{0}:{1}：{2}"),
    // Texts of lessons.
    ("`scene` stands before `reveal`, which goes on from it", "`scene` 要写在 `reveal` 之前，后者以它为起点"),
    ("`reveal` is the picture of an answer, and nothing is asked here", "`reveal` 是答案的画面，而这里没有问题"),
    ("bytes, classes, factor and steps are what can be hidden", "可以藏起来的是 bytes、classes、factor 和 steps"),
    ("the cards `{0}` and `{1}` do the same: make them one", "卡片 `{0}` 和 `{1}` 做的是同一件事：请合成一张"),
    (
        "`{0}` is no cue; scene, reveal, say, figure, predict, change, build, claim and notes are",
        "没有 `{0}` 这种提示；有 scene、reveal、say、figure、predict、change、build、claim 和 notes",
    ),
    ("`{0}` is no picture; there are {1}", "没有 `{0}` 这种画面；有 {1}"),
    ("only a race names the algorithm beside the scene's", "只有 race 才写明场景旁边的算法"),
    ("`show: {0}` is not seen at `view: {1}`: leave `view` out", "`view: {1}` 看不到 `show: {0}`：去掉 `view`"),
    (
        "this beat names no picture: write `show: {0}` into its scene; there are {1}",
        "这一拍没有写明画面：在场景中写 `show: {0}`；有 {1}",
    ),
    (
        "this beat has no figure: write bars in a `figure`, or a table, a picture or a formula on lines of its own",
        "这一拍没有图：在 `figure` 中写条，或者让表格、图片或公式独占几行",
    ),
    (
        "the chart of bytes is what the question hides: name another picture, and this one in `reveal`",
        "问题要藏的正是字节图：写另一种画面，把这一种写进 `reveal`",
    ),
    (
        "`{0}` is named, and `show: {1}` draws none: {2} would, or say what is seen",
        "提到了 `{0}`，而 `show: {1}` 没有画它：{2} 会画，或者只说看得见的",
    ),
    (
        "`{0}` is named, and `show: {1}` draws none: draw it in a `figure`, or say what is seen",
        "提到了 `{0}`，而 `show: {1}` 没有画它：在 `figure` 中画出来，或者只说看得见的",
    ),
];
