//! What is said of a run of several query heads, and of splits.

pub static TABLE: &[(&str, &str)] = &[
    ("{0}, split {1}", "{0}，第 {1} 段"),
    ("{0}, head {1}", "{0}，头 {1}"),
    ("{0}, all heads", "{0}，所有头"),
    (
        "The run is of heads {0} to {1}, which share a key/value head; head {2} is drawn.",
        "运行的是头 {0} 到 {1}，它们共用一个键值头；画出的是头 {2}。",
    ),
];
