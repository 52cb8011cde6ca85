//! The words of the window in Chinese, by their English. One place to translate; [`super::words`] looks them up.

mod builds;
mod checks;
mod code_edit;
mod devices;
mod faults;
mod files;
mod gpu_panel;
mod heads;
mod inputs;
mod kernels;
mod lessons;
mod map;
mod not_finite;
mod run;
mod stage;
mod teach;
mod text_editor;
mod texts;
mod window;
mod wrong;

use std::collections::HashMap;
use std::sync::LazyLock;

/// Every line: English, Chinese.
pub static ALL: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let tables = [
        TABLE,
        builds::TABLE,
        stage::TABLE,
        faults::TABLE,
        files::TABLE,
        inputs::TABLE,
        map::TABLE,
        checks::TABLE,
        not_finite::TABLE,
        run::TABLE,
        gpu_panel::TABLE,
        code_edit::TABLE,
        heads::TABLE,
        texts::TABLE,
        text_editor::TABLE,
        window::TABLE,
        devices::TABLE,
        kernels::TABLE,
        lessons::TABLE,
        teach::TABLE,
        wrong::TABLE,
    ];
    tables.concat()
});

static BY_ENGLISH: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| ALL.iter().copied().collect());

/// The Chinese of a line of the table.
pub fn of(english: &str) -> Option<&'static str> {
    BY_ENGLISH.get(english).copied()
}

/// The frame of the window, in the words of the glossary.
static TABLE: &[(&str, &str)] = &[
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
    ("Loop from here", "从这里循环"),
    ("Loop to here", "循环到这里"),
    ("Loop this tile", "循环本分块"),
    ("Loop this block of the outer loop", "循环外层循环的这一块"),
    ("Stop looping", "停止循环"),
    ("Zoom into the steps", "放大步的范围"),
    ("Zoom out of the steps", "缩小步的范围"),
    ("Show all steps", "显示所有步"),
    ("Compare two runs", "比较两次运行"),
    ("Compare by the share of steps", "按步的比例比较"),
    ("Compare by the bytes moved", "按移动的字节比较"),
    ("Swap the two runs that are compared", "交换比较的两次运行"),
    ("Compare: flash2 moves more than flash1", "比较：flash2 比 flash1 移动得多"),
    ("Compare: flash1 moves more than standard", "比较：flash1 比 standard 移动得多"),
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
    ("Far: the schedule", "远：执行序列"),
    ("Middle: the tile", "中：分块"),
    ("Near: one row", "近：一行"),
    ("The memories of the chip", "芯片的各级存储"),
    ("Memories", "存储"),
    ("Memories, each as large as what it holds", "各级存储，面积即容量"),
    ("SRAM of all {0} SMs", "全部 {0} 个 SM 的片上存储"),
    ("SRAM of one SM", "一个 SM 的片上存储"),
    ("S of this head, {0} x {1}", "这个注意力头的 S，{0} x {1}"),
    ("blocks of one tile", "一个分块所需的各块"),
    ("HBM", "显存(HBM)"),
    ("SRAM of all SMs", "全部 SM 的片上存储"),
    ("S of one head", "一个注意力头的 S"),
    ("blocks of a tile", "一个分块的各块"),
    ("bytes of {0}", "{0}的字节"),
    ("speed of {0}", "{0}的速度"),
    ("{0}: {1} of the view", "{0}：占画面 {1}"),
    ("memories to scale", "按比例的存储"),
    ("caption of the picture", "图片说明"),
    ("made up for lessons", "为课程虚构"),
    ("Click to zoom there", "单击放大到这里"),
    ("zoom", "缩放"),
    ("Time to read 1 MiB, by bandwidth", "按带宽读 1 MiB 的时间"),
    ("{0}: {1} ({2})", "{0}：{1}（{2}）"),
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
    ("Algorithm: standard", "算法：standard"),
    ("Algorithm: flash1", "算法：flash1"),
    ("Algorithm: flash2", "算法：flash2"),
    ("Run on the GPU", "在 GPU 上运行"),
    ("Open SmolLM2, layer 10, English", "打开 SmolLM2 第 10 层，英文"),
    ("Open SmolLM2, layer 10, Chinese", "打开 SmolLM2 第 10 层，中文"),
    ("Open SmolLM2, layer 10, 1024 tokens", "打开 SmolLM2 第 10 层，1024 个词元"),
    ("Open toy: 16 random tokens, d = 4", "打开 toy:16 个随机词元，d = 4"),
    ("Open row: one query, six keys", "打开 row：一个查询，六个键"),
    ("Lesson 1: bytes cost time", "第 1 课：字节要花时间"),
    ("Lesson 2: the safe softmax", "第 2 课：安全 softmax"),
    ("Lesson 3: two pieces", "第 3 课：两段"),
    ("Lesson 4: the online softmax", "第 4 课：在线 softmax"),
    ("Lesson 5: flash2, the double loop", "第 5 课：flash2，两层循环"),
    ("Lesson 6: flash1, the loops swapped", "第 6 课：flash1，交换循环"),
    ("Lesson 7: causal", "第 7 课：因果掩码"),
    ("Lesson 8: padding", "第 8 课：填充掩码"),
    ("Go on in the lesson", "课程前进"),
    ("Go back in the lesson", "课程后退"),
    ("Check my answer", "检查答案"),
    ("Show me", "看答案"),
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
    ("{0}, head {1}: {2}, step {3} of {4}", "{0}，注意力头 {1}:{2}，第 {3} 步，共 {4} 步"),
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
    ("Is it right?", "算得对吗？"),
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
        "松手即打开：.safetensors、.npz，或一起放 q、k、v.npy",
    ),
    ("steps, not time", "按步，不按时间"),
    // The strip of steps and breakpoints.
    (
        "Drag: go to a step. Shift and drag: loop. Wheel: zoom. Double click: show all.",
        "拖动：到某一步。Shift 加拖动：循环。滚轮：缩放。双击：显示全部。",
    ),
    ("step {0}: {1}: {2}", "第 {0} 步：{1}:{2}"),
    ("steps {0} to {1} of {2} are seen", "显示第 {0} 到 {1} 步，共 {2} 步"),
    ("the error is above", "误差大于"),
    (
        crate::app::panels::breakpoints::ERROR_SO_FAR,
        "分块任一行目前的平均值 O / l 与同一步用 f64 计算的结果相差多少:各分量中最大的差,不是相对值。\
         一行最后写回时,就是这一行的误差;其中最大的在“算得对吗?”之下。NaN 大于任何数。",
    ),
    // Comparing two runs.
    ("Compare", "比较"),
    ("One cursor, locked by", "一个光标，锁定于"),
    ("share of steps", "步的比例"),
    ("bytes moved", "移动的字节"),
    ("Swap A and B", "交换 A 和 B"),
    ("the run that is open", "打开的运行"),
    ("as A", "同 A"),
    ("step", "步"),
    ("tile", "分块"),
    ("Steps done, and all of them.", "已完成的步，和全部的步。"),
    ("The tile that the last step worked on.", "上一步处理的分块。"),
    ("in the whole run", "整次运行"),
    ("SRAM peak", "片上最大占用"),
    ("FLOPs", "FLOPs"),
    ("row rescales", "行的重缩放"),
    ("error of O", "O 的误差"),
    ("not computed", "没有计算"),
    (
        "Bytes of live buffers at their most; ! where they do not fit the chip.",
        "同时占用的片上字节的最大值；！表示放不下。",
    ),
    ("Floating-point operations of all kinds.", "各种浮点运算的总数。"),
    ("Compared with exact attention in f64.", "与参考值(f64)比较。"),
    (
        crate::app::panels::compare::RESCALES,
        "一行的最大值升高、使它的和与输出乘以小于 1 的 alpha 的次数;共多少次访问已见过键的行。\
         无:算法一次看到整行。",
    ),
    ("HBM bytes so far", "目前的显存(HBM)字节"),
    ("! B cannot run: {0}.", "! B 不能运行：{0}。"),
    ("B is being run ...", "正在运行 B……"),
    ("Run both at {0} {0|token|tokens} and compare", "用 {0} 个词元运行两者并比较"),
    ("Both move the same {0} {0|byte|bytes}.", "两者都移动 {0} 个字节。"),
    ("{0} moves {1} {1|time|times} the bytes of {2}: {3}.", "{0} 移动的字节是 {2} 的 {1} 倍：{3}。"),
    ("{0}; and {1}", "{0}；而且{1}"),
    ("its elements take {0} B each, those of the other {1} B", "它每个元素占 {0} B，另一个占 {1} B"),
    (
        "S and P go through HBM, {0} {0|element|elements} more than in the other",
        "S 和 P 要经过显存(HBM)，比另一个多 {0} 个元素",
    ),
    ("K and V are loaded {0} {0|time|times} over, in the other {1}", "K 和 V 载入了 {0} 遍，另一个是 {1} 遍"),
    ("Q is loaded {0} {0|time|times} over, in the other {1}", "Q 载入了 {0} 遍，另一个是 {1} 遍"),
    (
        "O and the statistics of its rows pass between HBM and the chip {0} {0|time|times}, in the other {1}",
        "O 和各行的统计量在显存(HBM)和片上之间走了 {0} 次，另一个是 {1} 次",
    ),
    ("the bias or the dropout mask is read more often", "偏置或 dropout 掩码读得更多"),
    // Lessons.
    ("Lessons", "课程"),
    ("Each has one thing to predict, one to change, one to build.", "每课有一处预测，有一处动手改，有一处动手搭。"),
    ("{0} {0|minute|minutes}", "{0} 分钟"),
    ("This beat cannot be shown: {0}", "这一拍无法显示：{0}"),
    ("Predict", "预测"),
    ("Build it", "动手搭"),
    ("Change it", "动手改"),
    ("Your answer", "你的答案"),
    ("Right: {0}", "对：{0}"),
    ("Answer: {0}", "答案：{0}"),
    ("Show me a change that does it", "示范一种改法"),
    ("Restore", "恢复"),
    ("Found.", "找到了。"),
    ("Back", "上一步"),
    ("Next", "继续"),
    ("Reveal", "揭晓"),
    ("Next lesson", "下一课"),
    ("Done", "完成"),
    ("Click it in the picture, or choose it here.", "在图上点它，或在这里选。"),
    ("Click the tile in the schedule, or choose it here.", "在执行序列里点分块，或在这里选。"),
    ("Click the row, or type its number.", "点这一行，或输入行号。"),
    ("Click the key, or type its number.", "点这个键，或输入编号。"),
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
    ("Cards: click, or drag them", "卡片：点击或拖动"),
    ("Run it", "运行"),
    ("It runs, and every number is right.", "可以运行，每个数都对。"),
    ("It moved {0} {0|element|elements}.", "移动了 {0} 个元素。"),
    ("It had {0} on chip at most.", "片上最多占用 {0}。"),
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
    (
        "This row is a comma in a real sentence, reading four words at a time. Its last tile holds a new maximum.",
        "这一行是真实句子里的一个逗号，每次读四个词元。最后一个分块里有新的最大值。",
    ),
    (
        "The maximum rises; one factor alpha shrinks what was summed before; then the new words join.",
        "最大值升高；同一个 alpha 缩小之前的累加；然后新词元加入。",
    ),
    (
        "Your turn: one tile earlier the maximum rises from {0} to {1}. By what factor alpha will the old sum shrink?",
        "轮到你了：前一个分块里，最大值从 {0} 升到 {1}。旧的和将乘以多大的 alpha?",
    ),
    (
        "alpha = exp({0} - {1}) = {2}. The old words count for less, and nothing is read again.",
        "alpha = exp({0} - {1}) = {2}。旧词元的权重变小，什么都不用重读。",
    ),
    (
        "Without alpha the old words keep their weight, and the result misses the exact one.",
        "没有 alpha，旧词元保持原来的权重，结果偏离参考值。",
    ),
    (
        "The whole schedule: every tile is one visit like this. The arrow keys step through it.",
        "整个执行序列：每个分块都是这样的一次访问。用方向键步进。",
    ),
    (
        "At 1024 tokens flash2 moves {0} {0|element|elements}, standard attention {1}.",
        "1024 个词元时，flash2 移动 {0} 个元素，标准注意力移动 {1} 个。",
    ),
    // Presenting and exporting.
    ("Vote again", "再投一次"),
    ("Notes", "备注"),
    ("Next answer: {0}", "下一个答案：{0}"),
    (
        "The link is on the clipboard: a command line that reopens this step.",
        "链接已复制：用这条命令可以重新打开这一步。",
    ),
    ("The numbers of the tile are on the clipboard.", "分块的数值已复制。"),
    ("The picture is on the clipboard.", "图片已复制。"),
    ("This system gives no picture of the window.", "此系统无法给出窗口的图片。"),
    ("{0} to {1} of {2}", "{0} 到 {1}，共 {2}"),
    ("seen steps", "显示的步"),
    ("loop start", "循环起点"),
    ("loop end", "循环终点"),
    ("limit of the error", "误差的界限"),
    ("B algorithm: {0}", "B 的算法：{0}"),
    ("B block rows", "B 的查询块行数"),
    ("B block keys", "B 的键块大小"),
    ("B precision: {0}", "B 的精度：{0}"),
    ("which moves more", "哪个访存量大"),
    ("run of B", "B 的运行"),
    ("figure", "图"),
    // Keys as they are printed.
    ("Right", "→"),
    ("Left", "←"),
    ("Up", "↑"),
    ("Down", "↓"),
    ("Space", "空格"),
    // Menus.
    ("Open a file", "打开文件"),
    ("Files and random tensors ...", "文件和随机张量……"),
    (
        "Drop a .safetensors or .npz file here, or q, k and v.npy together",
        "把 .safetensors 或 .npz 文件拖到这里，或一起拖 q、k、v.npy",
    ),
    ("Input: {0}", "输入：{0}"),
    ("{0}, layer {1}", "{0} 第 {1} 层"),
    ("{0}, {1} {1|token|tokens}", "{0}，{1} 个词元"),
    ("{0}, {1} {1|query|queries}, {2} {2|key|keys}", "{0}，{1} 个查询，{2} 个键"),
    ("Algorithm: {0}", "算法：{0}"),
    ("computing", "正在计算"),
    ("message", "消息"),
    ("{0}: key", "{0}：按键"),
    ("toy: 16 random tokens, d = 4", "toy：16 个随机词元，d = 4"),
    ("row: one query, six keys", "row：一个查询，六个键"),
    ("rising max", "最大值一直升高"),
    ("falling max", "最大值一直降低"),
    ("outlier", "一个离群得分"),
    ("equal scores", "得分全相等"),
    ("large scores", "得分接近 1e4"),
    ("dead rows", "全掩蔽行"),
    ("padding", "填充"),
    ("SmolLM2, layer 10, English", "SmolLM2 第 10 层，英文"),
    ("SmolLM2, layer 0, English", "SmolLM2 第 0 层，英文"),
    ("SmolLM2, layer 20, English", "SmolLM2 第 20 层，英文"),
    ("SmolLM2, layer 0, Chinese", "SmolLM2 第 0 层，中文"),
    ("SmolLM2, layer 10, Chinese", "SmolLM2 第 10 层，中文"),
    ("SmolLM2, layer 20, Chinese", "SmolLM2 第 20 层，中文"),
    ("SmolLM2, layer 10, 1024 tokens", "SmolLM2 第 10 层，1024 个词元"),
    ("MiniLM, layer 0, four padded sentences", "MiniLM 第 0 层，四个填充过的句子"),
    ("MiniLM, layer 4, four padded sentences", "MiniLM 第 4 层，四个填充过的句子"),
    ("toy chip of the lessons (512 B)", "课程用的玩具芯片(512 B)"),
    // Opening.
    (
        "A capture (.safetensors), an .npz with Q, K and V, or q, k and v.npy together; or a trace (.json), whose run is set up again. Drop it on the window, choose it, or type its path.",
        "模型数据(.safetensors)、含 Q、K、V 的 .npz，或一起给出 q、k、v.npy；也可以是轨迹(.json)，会重新建立它的运行。拖到窗口上、选择文件，或输入路径。",
    ),
    ("Choose a file ...", "选择文件……"),
    ("Path of a file", "文件路径"),
    ("file dialog", "文件对话框"),
    (
        "No file was chosen. If no dialog appeared, type the path here.",
        "没有选择文件。如果没有出现对话框，请在这里输入路径。",
    ),
    (
        "This system has no file dialog: type the path here, or drop the file on the window.",
        "这个系统没有文件对话框：请在这里输入路径，或把文件拖到窗口上。",
    ),
    ("Opened before", "以前打开过"),
    (
        "A random input: the same numbers for the same seed, on every machine",
        "随机输入：种子相同，在任何机器上数值都相同",
    ),
    ("queries of a random input", "随机输入的查询数"),
    ("keys of a random input", "随机输入的键数"),
    ("d of a random input", "随机输入的 d"),
    ("heads", "注意力头"),
    ("heads of a random input", "随机输入的注意力头数"),
    ("seed", "种子"),
    ("seed of a random input", "随机输入的种子"),
    ("Open the random input", "打开随机输入"),
    // Setup.
    ("A prefix of a causal input is exact: no token sees a later one", "因果输入的前缀是精确的：词元看不到后面的词元"),
    ("Less {0}", "减小 {0}"),
    ("More {0}", "增大 {0}"),
    ("Precision: {0}", "精度：{0}"),
    ("Chip: {0}", "芯片：{0}"),
    (
        "Whose budget the buffers are held against. Changes no number of the run.",
        "缓冲区与谁的预算比较。不改变运行的任何数。",
    ),
    ("Key/value head", "键/值头"),
    ("Sliding window", "滑动窗口"),
    ("Keys to the left", "左边的键"),
    ("Keys to the right", "右边的键"),
    ("Padding mask", "填充掩码"),
    ("Keys that exist", "存在的键"),
    ("Diagonal, since n_q and n_k differ", "对角线对齐(n_q 与 n_k 不同)"),
    ("bottom right: the last query sees the last key", "右下：最后的查询看到最后的键"),
    ("top left: the first query sees the first key", "左上：第一个查询看到第一个键"),
    // Parts that are read by name.
    ("tour", "导览"),
    ("beat", "本拍"),
    ("verdict", "判定"),
    ("change", "更改结果"),
    ("grade", "评分"),
    ("projected line", "投影的一句"),
    ("answer", "答案"),
    ("next answer", "下一个答案"),
    ("clock", "时钟"),
    ("votes for {0}", "{0} 的票数"),
    ("{0}, projected", "投影的 {0}"),
    ("elements of {0}", "{0} 的元素"),
    // Bugs and masks of lessons.
    ("causal", "因果"),
    ("causal top-left", "因果，左上对齐"),
    ("window 4,0", "窗口 4,0"),
    // The worksheet.
    ("tilescope worksheet {0}: the online softmax", "tilescope 练习题 {0}：在线 softmax"),
    ("One query, six keys, two keys at a time.", "一个查询，六个键，每次两个键。"),
    ("scores s   {0}", "得分 s   {0}"),
    ("values v   {0}", "值 v   {0}"),
    (
        "For each block of two keys write m, alpha, l and O (not divided).",
        "对每个两键的块写出 m、alpha、l 和 O(未除以 l)。",
    ),
    ("block {0}:   m = {1}   alpha = {2}   l = {3}   O = {4}", "第 {0} 块   m = {1}   alpha = {2}   l = {3}   O = {4}"),
    ("Key (computed by the stepper)", "答案(由步进器计算)"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::message::commands::COMMANDS;

    #[test]
    fn every_command_has_its_chinese() {
        for entry in COMMANDS {
            assert!(of(entry.name).is_some() && of(entry.group).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn both_sides_have_the_same_values() {
        for (n, (english, chinese)) in ALL.iter().enumerate() {
            for value in ["{0}", "{1}", "{2}", "{3}", "{4}", "{5}"] {
                assert_eq!(english.contains(value), chinese.contains(value), "{english}");
            }
            assert!(ALL[..n].iter().all(|(other, _)| other != english), "{english} twice");
        }
    }
}
