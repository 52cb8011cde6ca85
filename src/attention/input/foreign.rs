//! Files that are often meant for an input and are none, by how they begin, with the line that converts each.

use super::error::InputError;

/// The line for what torch.save wrote. It loads tensors alone, and runs nothing that the file holds.
pub const CONVERT_TORCH: &str = "python -c \"import torch, safetensors.torch as s; s.save_file({k: t.contiguous() for k, t in torch.load('FILE', weights_only=True).items()}, 'FILE.safetensors')\"";

const FROM_PYTHON: &str = "in Python, numpy.savez('FILE.npz', q=q, k=k, v=v)";

/// How a pickle of torch.save before version 1.6 begins: protocol 2, then a number that only it writes.
const TORCH_LEGACY: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19";

/// What kind of file begins so; `None` where it is none of them.
pub fn recognise(bytes: &[u8]) -> Option<InputError> {
    const KINDS: [(&[u8], &str, &str); 10] = [
        (TORCH_LEGACY, "a file of torch.save", CONVERT_TORCH),
        (b"\x80\x02", "a Python pickle", FROM_PYTHON),
        (b"\x80\x03", "a Python pickle", FROM_PYTHON),
        (b"\x80\x04", "a Python pickle", FROM_PYTHON),
        (b"\x80\x05", "a Python pickle", FROM_PYTHON),
        (b"\x89HDF\r\n", "an HDF5 file", FROM_PYTHON),
        (b"GGUF", "a GGUF file of a model's weights", FROM_PYTHON),
        (b"\x1f\x8b", "a gzip file", "unpack it with gunzip"),
        (b"PAR1", "a Parquet file", FROM_PYTHON),
        (b"MATLAB 5.0", "a MATLAB file", FROM_PYTHON),
    ];
    let found = KINDS.into_iter().find(|(magic, ..)| bytes.starts_with(magic));
    found.map(|(_, is, how)| InputError::Foreign { is, how })
}
