//! What is asked of the kernel's editor.

/// What the editor can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelMessage {
    /// Open it, or close it.
    Toggle,
    /// Have the device compile the text, and run the problem on screen with it.
    CompileAndRun,
    /// The house's source again, in the text and on the device.
    PutBack,
    /// Block sizes BR and BC, where they are constants of the text.
    Blocks(usize, usize),
    /// The cursor to the start of a line, from 1.
    Line(usize),
}
