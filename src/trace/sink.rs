//! Gathers lines and hands them on in large pieces: a token at a time, a file would be hundreds of times slower.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

const PIECE: usize = 64 << 10;

/// A buffer before an output, whatever that is.
pub(super) struct Sink<W: Write> {
    out: BufWriter<Counted<W>>,
}

/// Counts what is handed on.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Sink<W> {
    pub fn new(out: W) -> Self {
        Self { out: BufWriter::with_capacity(PIECE, Counted { out, bytes: 0 }) }
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        Ok(serde_json::to_writer(&mut self.out, value)?)
    }

    /// Hands on the rest; gives the bytes in all.
    pub fn finish(mut self) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.out.get_ref().bytes)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.out.write(piece)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
