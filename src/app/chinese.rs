//! The words of the window in Chinese, by their English. One place to translate; [`super::words`] looks them up.

use std::collections::HashMap;
use std::sync::LazyLock;

static BY_ENGLISH: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| TABLE.iter().copied().collect());

/// The Chinese of a line of the table.
pub fn of(english: &str) -> Option<&'static str> {
    BY_ENGLISH.get(english).copied()
}

/// English, Chinese; in the words of the glossary.
pub static TABLE: &[(&str, &str)] = &[
    // Groups and commands.
    ("Play", "播放"),
    ("Step", "步进"),
    ("Look", "查看"),
    ("Change", "更改"),
    ("Open", "打开"),
    ("Lesson", "课程"),
    ("Present", "演示"),
    ("Window", "窗口"),
    ("Export", "导出"),
    ("Help", "帮助"),
    ("Play or pause", "播放或暂停"),
    ("Faster", "加快"),
    ("Slower", "减慢"),
    ("Step forward", "前进一步"),
    ("Step back", "后退一步"),
    ("Next beat", "下一拍"),
    ("Previous beat", "上一拍"),
    ("Ten steps forward", "前进十步"),
    ("Ten steps back", "后退十步"),
    ("Next tile", "下一分块"),
    ("Previous tile", "上一分块"),
    ("Next block of the outer loop", "外层循环的下一块"),
    ("Previous block of the outer loop", "外层循环的上一块"),
    ("To the start", "到开头"),
    ("To the end", "到结尾"),
    ("Far: the schedule", "远:执行序列"),
    ("Middle: the tile", "中:分块"),
    ("Near: one row", "近:一行"),
    ("The memories of the chip", "芯片的各级存储"),
    ("Memories", "存储"),
    ("Memories, each as large as what it holds", "各级存储，面积即容量"),
    ("SRAM of all {0} SMs", "全部 {0} 个 SM 的片上存储"),
    ("SRAM of one SM", "一个 SM 的片上存储"),
    ("S of this head, {0} x {1}", "这个注意力头的 S，{0} x {1}"),
    ("blocks of one tile", "一个分块所需的各块"),
    ("HBM", "显存(HBM)"),
    ("Choose a chip to see its memories.", "选一块芯片来看它的存储。"),
    ("Click to zoom there", "单击放大到这里"),
    ("zoom", "缩放"),
    ("Time to read 1 MB, by bandwidth", "按带宽读 1 MB 的时间"),
    ("{0}: {1} µs ({2}/s)", "{0}：{1} µs（{2}/s）"),
    (
        "Sizes and speeds are the maker's, not measured. SRAM is L1 cache and shared memory: 128 bytes a clock in each SM.",
        "容量和速度来自厂商资料，不是测量值。片上存储指 L1 缓存和共享内存：每个 SM 每时钟 128 字节。",
    ),
    ("Row above", "上一行"),
    ("Row below", "下一行"),
    ("Traffic", "访存量"),
    ("Plot", "曲线"),
    ("Code", "代码"),
    ("Show the setup", "显示设置"),
    ("Show the lesson", "显示课程"),
    ("Undo", "撤销"),
    ("Redo", "重做"),
    ("Algorithm: standard", "算法:standard"),
    ("Algorithm: flash1", "算法:flash1"),
    ("Algorithm: flash2", "算法:flash2"),
    ("Run on the GPU", "在 GPU 上运行"),
    ("Open SmolLM2, layer 10, English", "打开 SmolLM2 第 10 层,英文"),
    ("Open SmolLM2, layer 10, Chinese", "打开 SmolLM2 第 10 层,中文"),
    ("Open SmolLM2, layer 10, 1024 tokens", "打开 SmolLM2 第 10 层,1024 个词元"),
    ("Open toy: 16 random tokens, d = 4", "打开 toy:16 个随机词元,d = 4"),
    ("Open row: one query, six keys", "打开 row:一个查询,六个键"),
    ("Lesson 1: bytes cost time", "第 1 课:字节要花时间"),
    ("Lesson 2: the safe softmax", "第 2 课:安全 softmax"),
    ("Lesson 3: two pieces", "第 3 课:两段"),
    ("Lesson 4: the online softmax", "第 4 课:在线 softmax"),
    ("Lesson 5: flash2, the double loop", "第 5 课:flash2,两层循环"),
    ("Lesson 6: flash1, the loops swapped", "第 6 课:flash1,交换循环"),
    ("Lesson 7: causal", "第 7 课:因果掩码"),
    ("Lesson 8: padding", "第 8 课:填充掩码"),
    ("Go on in the lesson", "课程前进"),
    ("Go back in the lesson", "课程后退"),
    ("Check my answer", "检查答案"),
    ("Show me", "给我看"),
    ("Restore the scene of the lesson", "恢复本课场景"),
    ("Close the lesson", "关闭课程"),
    ("The first two minutes again", "重看开头两分钟"),
    ("Present from the first beat", "从头演示"),
    ("Present from here", "从这里演示"),
    ("Stop presenting", "结束演示"),
    ("Blank the screen", "黑屏"),
    ("Back to the beat", "回到本拍"),
    ("Notes in a second window", "在第二窗口显示备注"),
    ("Vote", "投票"),
    ("Light colours", "浅色"),
    ("Dark colours", "深色"),
    ("Projector colours", "投影配色"),
    ("Switch theme", "切换配色"),
    ("English", "英文 (English)"),
    ("Chinese (中文)", "中文"),
    ("Larger", "放大"),
    ("Smaller", "缩小"),
    ("Normal size", "原始大小"),
    ("Full screen", "全屏"),
    ("Reduce motion", "减少动画"),
    ("Copy a picture of the window", "复制窗口图片"),
    ("Save a picture of the window", "保存窗口图片"),
    ("Copy a picture of the main view", "复制主视图的图片"),
    ("Save a picture of the main view", "保存主视图的图片"),
    ("{0}, head {1}: {2}, step {3} of {4}", "{0},注意力头 {1}:{2},第 {3} 步,共 {4} 步"),
    ("Copy a link to this step", "复制本步链接"),
    ("Copy the tile as CSV", "以 CSV 复制分块"),
    ("Copy the tile for NumPy", "以 NumPy 复制分块"),
    ("Save the trace as JSON", "以 JSON 保存轨迹"),
    ("Save the trace for Perfetto", "为 Perfetto 保存轨迹"),
    ("Save a worksheet with its key", "保存练习题和答案"),
    ("All commands", "所有命令"),
    ("Keys", "按键"),
    ("Close", "关闭"),
    ("Type a command", "输入命令"),
    ("More", "更多"),
    // Panels.
    ("Setup", "设置"),
    ("First tokens", "前几个词元"),
    ("Block rows br", "查询块行数 br"),
    ("Block keys bc", "键块大小 bc"),
    ("Head", "注意力头"),
    ("Batch entry", "批次"),
    ("Precision", "精度"),
    ("Chip", "芯片"),
    ("Causal mask", "因果掩码"),
    ("Is it right?", "算得对吗?"),
    ("largest error of O against exact f64", "O 相对参考值(f64)的最大误差"),
    ("stepper", "步进器"),
    ("Schedule", "执行序列"),
    ("Row", "行"),
    ("row max", "行最大值"),
    ("row sum", "行和"),
    ("No row is on chip now.", "现在片上没有行。"),
    ("Real models", "真实模型"),
    ("Made to show one thing", "只为说明一件事"),
    ("Computing the first picture ...", "正在计算第一幅画面……"),
    (
        "Drop to open: .safetensors, .npz, or q, k and v.npy together",
        "松手即打开:.safetensors、.npz,或一起放 q、k、v.npy",
    ),
    ("steps, not time", "是步,不是时间"),
    // Lessons.
    ("Lessons", "课程"),
    ("Each has one thing to predict, one to change, one to build.", "每课有一处预测、一处更改、一处搭建。"),
    ("{0} minutes", "{0} 分钟"),
    ("This beat cannot be shown: {0}", "这一拍无法显示:{0}"),
    ("Predict", "预测"),
    ("Build", "搭建"),
    ("Your answer", "你的答案"),
    ("Right: {0}", "对:{0}"),
    ("Not quite. It is {0}", "不对。答案是 {0}"),
    ("Answer: {0}", "答案:{0}"),
    ("Show me a change that does it", "给我看一种改法"),
    ("Restore", "恢复"),
    ("Found.", "找到了。"),
    ("Back", "返回"),
    ("Next", "继续"),
    ("Reveal", "揭晓"),
    ("Next lesson", "下一课"),
    ("Done", "完成"),
    ("Click it in the picture, or choose it here.", "在图上点它,或在这里选。"),
    ("Click the tile in the schedule, or choose it here.", "在执行序列里点分块,或在这里选。"),
    ("Click the row, or type its number.", "点这一行,或输入行号。"),
    ("Click the key, or type its number.", "点这个键,或输入编号。"),
    ("Bug", "错误"),
    ("Algorithm", "算法"),
    ("Mask", "掩码"),
    ("Input", "输入"),
    ("choose", "选择"),
    ("none", "无"),
    ("place {0}", "位置 {0}"),
    ("up", "上移"),
    ("down", "下移"),
    ("card", "卡片"),
    ("drop a card here", "把卡片放这里"),
    ("Cards: click, or drag them", "卡片:点击或拖动"),
    ("Run it", "运行"),
    ("It runs, and every number is right.", "可以运行,每个数都对。"),
    ("It moved {0} elements.", "移动了 {0} 个元素。"),
    ("It had {0} B on chip at most.", "片上最多占用 {0} B。"),
    // The first two minutes.
    ("Watch the maximum rise", "看最大值升高"),
    ("Go on", "继续看"),
    ("Forget alpha", "忘掉 alpha"),
    ("What if alpha is forgotten?", "如果忘了 alpha 呢？"),
    ("Zoom out", "看全局"),
    ("What it saves", "省了多少"),
    ("Skip", "跳过"),
    ("Start lesson 1", "开始第 1 课"),
    ("Explore", "自己看看"),
    ("Open my tensors", "打开我的张量"),
    ("You said {0}.", "你的答案是 {0}。"),
    (
        "This row is a comma in a real sentence, reading four words at a time. Its last tile holds a new maximum.",
        "这一行是真实句子里的一个逗号,每次读四个词元。最后一个分块里有新的最大值。",
    ),
    (
        "The maximum rises; one factor alpha shrinks what was summed before; then the new words join.",
        "最大值升高;同一个 alpha 缩小之前的累加;然后新词元加入。",
    ),
    (
        "Your turn: one tile earlier the maximum rises from {0} to {1}. By what factor alpha will the old sum shrink?",
        "轮到你了:前一个分块里,最大值从 {0} 升到 {1}。旧的和将乘以多大的 alpha?",
    ),
    (
        "alpha = exp({0} - {1}) = {2}. The old words count for less, and nothing is read again.",
        "alpha = exp({0} - {1}) = {2}。旧词元的权重变小,什么都不用重读。",
    ),
    (
        "Without alpha the old words keep their weight, and the result misses the exact one.",
        "没有 alpha,旧词元保持原来的权重,结果偏离参考值。",
    ),
    (
        "The whole schedule: every tile is one visit like this. The arrow keys step through it.",
        "整个执行序列:每个分块都是这样的一次访问。用方向键步进。",
    ),
    (
        "At 1024 tokens flash2 moves {0} elements, standard attention {1}.",
        "1024 个词元时,flash2 移动 {0} 个元素,标准注意力移动 {1} 个。",
    ),
    // Presenting and exporting.
    ("Vote again", "再投一次"),
    ("Notes", "备注"),
    ("Next answer: {0}", "下一个答案:{0}"),
    (
        "The link is on the clipboard: a command line that reopens this step.",
        "链接已复制:用这条命令可以重新打开这一步。",
    ),
    ("The numbers of the tile are on the clipboard.", "分块的数值已复制。"),
    ("The picture is on the clipboard.", "图片已复制。"),
    ("This system gives no picture of the window.", "此系统无法给出窗口的图片。"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::COMMANDS;

    #[test]
    fn every_command_has_its_chinese() {
        for entry in COMMANDS {
            assert!(of(entry.name).is_some() && of(entry.group).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn both_sides_have_the_same_values() {
        for (n, (english, chinese)) in TABLE.iter().enumerate() {
            for value in ["{0}", "{1}", "{2}", "{3}", "{4}"] {
                assert_eq!(english.contains(value), chinese.contains(value), "{english}");
            }
            assert!(TABLE[..n].iter().all(|(other, _)| other != english), "{english} twice");
        }
    }
}
