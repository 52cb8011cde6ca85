//! Gathers lines and hands them on in large pieces: a token at a time, a file would be hundreds of times slower.

use std::io::{self, Write};

use serde::Serialize;

const PIECE: usize = 64 << 10;

/// A buffer before `out`, whatever `out` is.
pub(super) struct Sink<W> {
    out: W,
    buffer: Vec<u8>,
    /// Handed on so far.
    bytes: u64,
}

impl<W: Write> Sink<W> {
    pub fn new(out: W) -> Self {
        Self { out, buffer: Vec::with_capacity(2 * PIECE), bytes: 0 }
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() >= PIECE { self.hand_on() } else { Ok(()) }
    }

    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, value)?;
        if self.buffer.len() >= PIECE { self.hand_on() } else { Ok(()) }
    }

    /// Hands on the rest; gives the bytes in all.
    pub fn finish(mut self) -> io::Result<u64> {
        self.hand_on()?;
        self.out.flush()?;
        Ok(self.bytes)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
