//! The captures that travel inside the program: attention inputs of two real language models.

use super::{Input, read};

/// A capture inside the program.
#[derive(Clone, Copy, Debug)]
pub struct Capture {
    /// The name of its file.
    pub file: &'static str,
    /// A few words for a menu.
    pub title: &'static str,
    bytes: &'static [u8],
}

macro_rules! capture {
    ($file:literal, $title:literal) => {
        Capture {
            file: concat!($file, ".safetensors"),
            title: $title,
            bytes: include_bytes!(concat!("../../../assets/captures/", $file, ".safetensors")),
        }
    };
}

/// Every capture; the first is the one the program opens with.
pub static CAPTURES: [Capture; 9] = [
    capture!("smollm2-en-layer10", "SmolLM2, layer 10, English"),
    capture!("smollm2-en-layer00", "SmolLM2, layer 0, English"),
    capture!("smollm2-en-layer20", "SmolLM2, layer 20, English"),
    capture!("smollm2-zh-layer00", "SmolLM2, layer 0, Chinese"),
    capture!("smollm2-zh-layer10", "SmolLM2, layer 10, Chinese"),
    capture!("smollm2-zh-layer20", "SmolLM2, layer 20, Chinese"),
    capture!("smollm2-long-layer10", "SmolLM2, layer 10, 1024 tokens"),
    capture!("minilm-batch-layer00", "MiniLM, layer 0, four padded sentences"),
    capture!("minilm-batch-layer04", "MiniLM, layer 4, four padded sentences"),
];

impl Capture {
    /// What lessons and links call it: its file without the extension.
    pub fn stem(&self) -> &'static str {
        self.file.split('.').next().unwrap_or(self.file)
    }

    /// Reads it.
    pub fn input(&self) -> Input {
        let mut input = read(self.file, self.bytes).expect("a bundled capture is sound: a test reads each");
        input.told.is_bundled = true;
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_capture_reads_without_a_warning() {
        for capture in &CAPTURES {
            assert_eq!(capture.input().warnings, vec![], "{}", capture.file);
        }
    }
}
