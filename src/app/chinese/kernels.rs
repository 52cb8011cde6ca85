//! What the device says of kernels for gradients and splits, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    (
        "{0} gives gradients and no O: {1} runs it on the device and checks it",
        "{0} 给出梯度而不给出 O：{1} 会在设备上运行并检查它",
    ),
    ("{0} gives no gradients", "{0} 不给出梯度"),
    ("the kernel has no variant that records them", "该核函数没有记录它们的版本"),
    ("dO is {0}, and O is {1}", "dO 的形状是 {0}，而 O 的形状是 {1}"),
];
