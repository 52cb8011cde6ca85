//! Chinese for files that are read and written, and for what is kept.

pub static TABLE: &[(&str, &str)] = &[
    // Outputs.
    ("the disk is full", "磁盘已满"),
    ("the disk is full: there was room for {0}, and more is needed", "磁盘已满：只有 {0} 的空间，不够用"),
    ("your part of the disk is full", "你的磁盘配额已满"),
    ("it is larger than a file may be here", "它超过了这里文件大小的上限"),
    ("the disk is read-only", "磁盘是只读的"),
    ("permission is denied", "没有权限"),
    ("there is no such folder", "没有这个文件夹"),
    ("this names no file", "这不是文件名"),
    ("this is a folder; name a file in it", "这是文件夹；请写出其中的一个文件"),
    ("these are links without an end", "这些链接没有尽头"),
    ("it is read-only", "它是只读的"),
    ("the reader went away", "读取的一方已经离开"),
    ("too many files have this name", "同名的文件太多"),
    ("it cannot be replaced where it is, and was written in place", "它不能被替换，所以直接写在原处"),
    // What is kept between starts.
    ("Your settings could not be read ({0}); they were set aside as {1}.", "无法读取你的设置（{0}）；已另存为 {1}。"),
    (
        "Your settings could not be read ({0}) and were set aside as {1}; these are those of before.",
        "无法读取你的设置（{0}），已另存为 {1}；现在用的是之前的设置。",
    ),
    (
        "Your settings could not be read ({0}); they stay as they are, and nothing is kept.",
        "无法读取你的设置（{0}）；保持原样，这次什么也不保存。",
    ),
    ("Part of your settings is not understood and stands as it was: {0}", "你的设置有一部分无法理解，保持原样：{0}"),
    ("Your settings cannot be kept: {0}", "无法保存你的设置：{0}"),
    ("another window holds them", "另一个窗口正在使用"),
    (
        "The program ended while it opened {0}, so that was not opened again. To open it all the same: {1}",
        "上次程序在打开 {0} 时结束了，所以这次没有再打开它。如果仍要打开：{1}",
    ),
];
