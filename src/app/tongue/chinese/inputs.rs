//! What is said of an input as it opens, in Chinese: what was understood of its file, what was not, and why not.

pub static TABLE: &[(&str, &str)] = &[
    // What was understood.
    ("understood: {0}", "已识别：{0}"),
    ("{0}; {1}", "{0}；{1}"),
    ("what was understood", "识别结果"),
    ("{0}; the first token of it is run", "{0}；只运行其中第一个词元"),
    ("{0}; the first {1} {1|token|tokens} of it are run", "{0}；只运行其中前 {1} 个词元"),
    ("batch {0}", "批次 {0}"),
    ("{0} {0|head|heads} over {1}", "{0} 个查询头对 {1} 个键/值头"),
    ("1 head over {0}", "1 个查询头对 {0} 个键/值头"),
    ("1 query", "1 个查询"),
    ("1 key", "1 个键"),
    ("packed: {0} {0|sequence|sequences} of {1} {1|token|tokens} each", "打包：{0} 个序列，各 {1} 个词元"),
    ("packed: {0} {0|sequence|sequences} of {1} {1|token|tokens}", "打包：{0} 个序列，分别有 {1} 个词元"),
    (
        "packed: {0} {0|sequence|sequences} of {1} {1|query|queries} on {2} {2|key|keys}",
        "打包：{0} 个序列，分别有 {1} 个查询，{2} 个键",
    ),
    ("{0} (the shorter are padded with zeros, which are in no result)", "{0}(较短的用零填充，填充不在任何结果中)"),
    ("{0} and {1}", "{0} 和 {1}"),
    ("{0} {0|query|queries}", "{0} 个查询"),
    ("{0} {0|key|keys}", "{0} 个键"),
    ("d {0}", "d {0}"),
    ("d_v {0}", "d_v {0}"),
    ("Q, K, V from {0}", "Q、K、V 取自 {0}"),
    ("layout {0}", "布局 {0}"),
    ("not causal", "非因果"),
    ("window {0},{1}", "窗口 {0},{1}"),
    ("diagonal {0}", "对角线 {0}"),
    ("key lengths {0}", "键的长度 {0}"),
    ("left padding {0}", "左填充 {0}"),
    ("documents of {0} {0|token|tokens}", "文档的词元数 {0}"),
    ("the diagonal ends at each length", "对角线止于各自的长度"),
    ("prefix of {0} {0|key|keys}", "前缀 {0} 个键"),
    ("{0} sink {0|key|keys}", "汇点键 {0} 个"),
    ("scale {0}", "缩放系数 {0}"),
    ("softcap {0}", "软上限 {0}"),
    ("query heads of a group packed as rows", "一组的查询头打包成行"),
    ("the {0} {0|sequence|sequences} of the batch in one schedule", "批次的 {0} 个序列在同一个执行序列里"),
    (
        "--varlen: a batch in one schedule has no {0}; run its sequences one by one, without --varlen",
        "--varlen：在同一个执行序列里的批次没有 {0}；请不用 --varlen，逐个运行它的序列",
    ),
    ("a bias or a mask that is an array", "偏置，也没有作为数组的掩码"),
    ("a dropout mask of the input", "输入的 dropout 掩码"),
    ("ALiBi slopes that differ by sequence", "各序列不同的 ALiBi 斜率"),
    ("packed heads", "打包的查询头"),
    (
        "--varlen: the sequences of the batch have {0} {0|query|queries} and {1} {1|key|keys} in all",
        "--varlen：批次的序列共有 {0} 个查询和 {1} 个键",
    ),
    (
        "heads are not packed where sequences are: save one sequence of them",
        "序列已打包时不再打包查询头：请只保存其中一个序列",
    ),
    (
        "--pack-heads: {0} is a backward pass, and heads are packed in forward passes alone",
        "--pack-heads：{0} 是反向传播，而只有前向传播才打包查询头",
    ),
    (
        "--pack-heads: line {0} of {1} makes one number of a slope or a sink, and each row has that of its head",
        "--pack-heads：{1} 的第 {0} 行把斜率或汇点当作一个数，而每一行用的是它那个头的数",
    ),
    (
        "K and V from {0} {0|page|pages} of {1} {1|key|keys}, by a block table",
        "K 和 V 按块表取自 {0} 个存储块，每块 {1} 个键",
    ),
    ("has shape {0}, but {1} is needed", "的形状是 {0}，但需要 {1}"),
    ("[batch, pages of a sequence]", "[批次, 序列的存储块]"),
    (
        "is beside keys of the past that lie in no page: give the pages of all keys",
        "与不在存储块中的过去的键并存：请给出所有键的存储块",
    ),
    ("{0}, its pages in order", "按顺序排好存储块的 {0}"),
    (
        "has {0} {0|page|pages} of {1}, and K has {2} of {3}",
        "有 {0} 个存储块，每块 {1} 个，而 K 有 {2} 个，每块 {3} 个",
    ),
    (
        "names page {0} for batch entry {1}, and the pool has {2} {2|page|pages}, from 0",
        "为批次条目 {1} 指定了存储块 {0}，而一共有 {2} 个，从 0 数起",
    ),
    (
        "the pages of batch entry {0} hold {1} {1|key|keys}, and {2} would be seen: give it no larger key length",
        "批次条目 {0} 的存储块里有 {1} 个键，而会看到 {2} 个：请不要给它更大的键长度",
    ),
    ("learned sinks", "可学习的汇点"),
    ("it must be finite, and in f32 as well", "它必须是有限的，在 f32 中也是"),
    ("a sink", "一个汇点"),
    ("ALiBi slopes", "ALiBi 斜率"),
    ("mask: {0}", "掩码：{0}"),
    ("bias: {0}", "偏置：{0}"),
    ("boolean from the file (true attends)", "文件给出的布尔值(真为可见)"),
    ("added to the scores, from the file", "由文件给出，加到分数上"),
    ("padding from the file, as key lengths", "文件给出的填充，作为键的长度"),
    ("boolean from the file, which hides nothing", "文件给出的布尔值，没有遮住任何键"),
    ("keep: not applied, since its rate is not said", "keep：未应用，因为没有给出比率"),
    ("dropout {0} by a seed", "按种子的 dropout {0}"),
    ("dropout {0} by keep", "按 keep 的 dropout {0}"),
    ("{0} from the file", "{0}(来自文件)"),
    ("{0} from the option", "{0}(来自选项)"),
    ("the last {0} {0|key|keys} appended to those of the past", "最后 {0} 个键接在过去的键之后"),
    (
        "has {0} beside those of K and V, and the {1} that belong to them are not there",
        "在 K 和 V 之外另有{0}，却没有与之对应的{1}",
    ),
    ("is there beside keys to be appended: K is one of the two already", "与要接上的键同时存在：K 已是两者之一"),
    (
        "has {0} {0|key|keys} to be appended, and there {1|is|are} {1} {1|value|values}",
        "要接上 {0} 个键，却有 {1} 个值",
    ),
    (
        "has shape {0}, and what it belongs to has another batch, heads or width",
        "形状是 {0}，而它所属的张量批次、头数或宽度不同",
    ),
    ("{0} and what it belongs to", "{0} 及其所属的张量"),
    (
        "is of packed sequences, to which nothing is appended: give all keys of each as K and V",
        "是打包的序列，不能再接：请把每个序列的全部键作为 K 和 V 给出",
    ),
    ("its own output {0} agrees to {1}", "它自带的输出 {0} 与此相符(误差 {1})"),
    ("its own output {0} differs by {1}", "它自带的输出 {0} 相差 {1}"),
    (
        "its own output {0} is NaN or infinite where attention is not, or the other way round",
        "它自带的输出 {0} 与这里的注意力在 NaN 或无穷大的位置上不一致",
    ),
    ("{0} (compared in {1} of {2} {2|row|rows})", "{0}(比较了 {2} 行中的 {1} 行)"),
    // What was not.
    ("{0}: a mask or modifier is missing", "{0}：缺少掩码或修饰项"),
    (
        "the model's own output differs by {0}: a mask or modifier is missing, or the layout is another (array {1}; rounding explains {2})",
        "模型自己的输出相差 {0}：缺少掩码或修饰项，或布局不同(数组 {1}；舍入只能解释 {2})",
    ),
    (
        "not applied, since it is not computed here: {0}; the model's own output will differ",
        "未应用，因为这里不计算：{0}；模型自己的输出会不同",
    ),
    ("results, computed anew: {0}", "是结果，会重新计算：{0}"),
    ("not known here, and not used: {0}", "不认识，未使用：{0}"),
    (
        "{0} is taken for an output, but is not compared: it has not the shape of O, or there is another",
        "{0} 当作输出，但没有比较：它的形状与 O 不同，或另有一个输出",
    ),
    (
        "{0} is {1}: taken as whole numbers, not as the bits of a float8, and without a scale",
        "{0} 是 {1}：按整数读取，不当作 float8 的位，也不乘系数",
    ),
    (
        "{0} {0|head outnumbers|heads outnumber} {1} {1|token|tokens}: if the axes are [batch, N, heads, d], as flash-attn has them, give --layout bnhd",
        "{0} 个头多于 {1} 个词元：若轴是 flash-attn 的 [batch, N, heads, d]，请加 --layout bnhd",
    ),
    (
        "{0} moves the diagonal of a mask in flash-attn; here it stays at the last of the {1} {1|key|keys}, unless --diagonal lengths is given",
        "{0} 在 flash-attn 中会移动掩码的对角线；这里它停在 {1} 个键的最后一个",
    ),
    (
        "{0} is {1}, and not which weights were dropped: it is not applied (an array keep, or --dropout, does)",
        "{0} 是 {1}，但没有说丢弃了哪些权重：未应用(需要数组 keep 或 --dropout)",
    ),
    // Whole files.
    ("this is a folder, where a file is needed", "这是文件夹，而需要文件"),
    (
        "this is a folder without .npy files; give a .safetensors or .npz file, or q, k and v.npy together",
        "这个文件夹里没有 .npy 文件；请放 .safetensors 或 .npz 文件，或一起放 q、k、v.npy",
    ),
    ("this is {0}, which is not read; convert it: {1}", "这是{0}，不能读取；请转换：{1}"),
    ("a file of torch.save", "torch.save 的文件"),
    ("a Python pickle", "Python pickle"),
    ("an HDF5 file", "HDF5 文件"),
    ("a GGUF file of a model's weights", "模型权重的 GGUF 文件"),
    ("a gzip file", "gzip 文件"),
    ("a Parquet file", "Parquet 文件"),
    ("a MATLAB file", "MATLAB 文件"),
    ("the safetensors file: {0}", "safetensors 文件：{0}"),
    ("the metadata key `{0}` {1}", "元数据键 `{0}` {1}"),
    (
        "{0} needs {1}, but only {2} of the {3} for one input are left: use fewer tokens or heads",
        "{0} 需要 {1}，但一个输入的 {3} 只剩 {2}：请减少词元或注意力头",
    ),
    // Names.
    (
        "no array is named as {0}: q, query and xq are (and so for k and v), or arr_0, arr_1, arr_2; found: {1}",
        "没有数组可作为 {0}：名字可以是 q、query、xq(k、v 同理)，或 arr_0、arr_1、arr_2；找到：{1}",
    ),
    ("{0} comes twice, as {1} and as {2}; keep one of them", "{0} 出现两次：{1} 和 {2}；请只留一个"),
    (
        "has no name: arr_0, arr_1 and arr_2 are taken for Q, K and V, and the others need one",
        "没有名字：arr_0、arr_1、arr_2 当作 Q、K、V，其余需要名字",
    ),
    (
        "holds several tensors; save q, k and v apart, as in q, k, v = qkv.unbind(2)",
        "含几个张量；请把 q、k、v 分开保存，例如 q, k, v = qkv.unbind(2)",
    ),
    // Packed sequences.
    (
        "leaves room between packed sequences, which is not read; pack them without it, and give cu_seqlens alone",
        "在打包的序列之间留有空隙，不能读取；请不留空隙地打包，只给 cu_seqlens",
    ),
    ("is {0}, but whole numbers are needed: 0, and where each sequence ends", "是 {0}，但需要整数：0 和每个序列的结尾"),
    ("begins with {0}, and the first sequence begins at 0", "以 {0} 开头，而第一个序列从 0 开始"),
    (
        "falls from {0} to {1}; a sequence ends where the next one begins",
        "从 {0} 降到 {1}；一个序列结束处是下一个的开头",
    ),
    (
        "ends at {0}, and {1} holds {2} {2|token|tokens}; the last number is their total",
        "到 {0} 为止，而 {1} 有 {2} 个词元；最后一个数应是总数",
    ),
    (
        "tells of {0} {0|sequence|sequences}, and {1} of {2}; each needs its queries and its keys",
        "有 {0} 个序列，而 {1} 有 {2} 个；每个序列都需要查询和键",
    ),
    (
        "packs sequences as [total, heads, d], the layout thd, and the layout is said to be {0}",
        "把序列打包成 [total, heads, d]，即布局 thd，而给出的布局是 {0}",
    ),
    (
        "is {0}, and a sequence has {1} {1|token|tokens}; cu_seqlens says where each one ends",
        "是 {0}，而有一个序列有 {1} 个词元；cu_seqlens 给出每个序列的结尾",
    ),
    ("holds {0} {0|token|tokens}, and its sequences have {1}", "有 {0} 个词元，而它的序列共有 {1} 个"),
    ("{0}, padded to its longest sequence", "填充到最长序列的 {0}"),
    (
        "sequence {0} of the packed input has {1} {1|key|keys}, and {2} would be seen: give it no larger key length",
        "打包输入的序列 {0} 有 {1} 个键，却会看到 {2} 个：请不要给更大的键长度",
    ),
    (
        "says True for keys to ignore in torch.nn.MultiheadAttention and for keys to keep elsewhere; save it as attn_mask, where True attends",
        "在 torch.nn.MultiheadAttention 中 True 表示忽略，在别处表示保留；请存成 attn_mask(True 为可见)",
    ),
    // Shapes and layouts.
    ("has shape {0}; at most {1} numbers are needed", "的形状是 {0}；最多需要 {1} 个数"),
    ("[N, heads, d] or [batch, N, heads, d] is needed", "需要 [N, heads, d] 或 [batch, N, heads, d]"),
    ("[N, batch, heads, d] is needed", "需要 [N, batch, heads, d]"),
    ("[N, heads * d] or [batch, N, heads * d] is needed", "需要 [N, heads * d] 或 [batch, N, heads * d]"),
    ("[total, heads, d] is needed", "需要 [total, heads, d]"),
    (
        "is heads * d wide, and the number of heads is not said: give --heads H, or num_heads in the file",
        "的宽度是 heads * d，但没有给出头数：请加 --heads H，或在文件里写 num_heads",
    ),
    ("is {0} wide, which {1} {1|head does|heads do} not share evenly", "宽 {0}，{1} 个头不能均分"),
    ("is {0}; known are {1}", "是 {0}；可以是 {1}"),
    ("is {0}, which names {1} {1|axis|axes}, and Q has {2}", "是 {0}，有 {1} 个轴，而 Q 有 {2} 个"),
    ("{0} is said to be {1}, and in the layout {2} it is {3}", "{0} 说是 {1}，而按布局 {2} 是 {3}"),
    ("with --layout bnhd they are {0}, {1} and {2}", "用 --layout bnhd 则是{0}，{1}和{2}"),
    ("K or V for each batch entry", "每个批次的 K 或 V"),
    // Elements.
    ("a bool is 0 or 1, and one here is {0}", "布尔值是 0 或 1，而这里有 {0}"),
    (
        "the type {0} has one byte an element (a float8 or int4 of ml_dtypes?), and which is not said; save .astype(numpy.float32)",
        "类型 {0} 每个元素一个字节(ml_dtypes 的 float8 或 int4？)，没有说是哪一种；请用 .astype(numpy.float32) 保存",
    ),
    (
        "is {0}: the bits of bfloat16? Then give --bf16-bits. Whole numbers? Then save .astype(numpy.float32)",
        "是 {0}：是 bfloat16 的位吗？请加 --bf16-bits。是整数吗？请用 .astype(numpy.float32) 保存",
    ),
    (
        "{0} is {1}, which is not read; save it as float32 or bfloat16",
        "{0} 是 {1}，不能读取；请存成 float32 或 bfloat16",
    ),
    // Masks.
    ("mask and bias together", "掩码和偏置之和"),
    (
        "holds {0}; whole numbers make a mask of 0 and 1, where 1 attends; save what is added to the scores as float32",
        "里有 {0}；整数的掩码只能是 0 和 1(1 为可见)；要加到分数上的请存成 float32",
    ),
    (
        "holds 0 and 1 as {0}: added to the scores, or where to attend? Save it as bool (true attends), or with -inf",
        "以 {0} 存了 0 和 1：是加到分数上，还是可见与否？请存成布尔值(真为可见)，或用 -inf",
    ),
    (
        "has shape {0}, which fits as {1} and as {2}; give it four axes, [batch, heads, n_q, n_k]",
        "的形状是 {0}，既可作 {1} 也可作 {2}；请给四个轴 [batch, heads, n_q, n_k]",
    ),
    (
        "keeps {0} {0|key|keys} of each sequence, and the key lengths that the file says are others",
        "保留每个序列的 {0} 个键，而文件给出的键长度不同",
    ),
    // Words.
    ("holds several texts; one is needed", "有几个文本；需要一个"),
    ("is {0}, but bottom-right or top-left is needed", "是 {0}，但需要 bottom-right 或 top-left"),
    ("comes twice, whole and as its two sides; keep one of them", "出现两次：整体和两侧；请只留一个"),
    (
        "is {0}, one number: the keys of a causal window, and the input is not causal; give two, left and right",
        "是一个数 {0}：那是因果窗口的键数，而输入不是因果的；请给左右两个数",
    ),
    (
        "is {0}, but two whole numbers are needed, left and right (-1: no bound)",
        "是 {0}，但需要左右两个整数(-1 表示不限)",
    ),
    ("is {0}, but one whole number is needed (-1: no bound)", "是 {0}，但需要一个整数(-1 表示不限)"),
    ("is {0}, but one whole number above 0 is needed", "是 {0}，但需要一个大于 0 的整数"),
    ("is {0}, but whole numbers are needed, one for each sequence", "是 {0}，但需要整数，每个序列一个"),
    ("is {0}, but a finite number above 0 is needed, or 0 for none", "是 {0}，但需要大于 0 的有限的数，或 0 表示没有"),
    ("is {0}, but a list of numbers is needed", "是 {0}，但需要数的列表"),
    ("is {0}, but a number from 0 to below 1 is needed", "是 {0}，但需要不小于 0 且小于 1 的数"),
];
