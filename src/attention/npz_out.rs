//! Writes results as an `.npz` that NumPy, and our own reader, take back.

use std::io::{self, BufWriter, Seek, Write};

use ndarray::ArrayViewD;
use npyz::{AutoSerialize, Serialize, WriteOptions, WriterBuilder};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::Precision;

/// One array to write. It is stored as f64 for the precision f64, and as f32, which holds f16 and bf16 exactly, for
/// the others.
#[derive(Clone, Debug)]
pub struct NpyArray<'a> {
    pub values: ArrayViewD<'a, f64>,
    pub precision: Precision,
}

/// Writes an `.npz` with one entry `NAME.npy` for each array, in C order, compressed and without dates, so that the
/// same arrays give the same bytes. The caller makes the file, and keeps the old one until this has returned.
pub fn write_npz<W: Write + Seek>(to: W, arrays: &[(&str, NpyArray)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(to);
    for (name, array) in arrays {
        // Entries of 4 GiB and more have another layout, which must be known beforehand.
        let large = array.values.len() as u64 * 8 > u64::from(u32::MAX) / 2;
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default().large_file(large))?;
        let mut entry = BufWriter::new(&mut archive);
        match array.precision {
            Precision::F64 => write_npy(&mut entry, &array.values, |x| x)?,
            _ => write_npy(&mut entry, &array.values, |x| x as f32)?,
        }
        entry.flush()?;
    }
    archive.finish()?.flush()
}

fn write_npy<T: AutoSerialize + Serialize>(
    to: impl Write,
    values: &ArrayViewD<f64>,
    narrow: impl Fn(f64) -> T,
) -> io::Result<()> {
    let shape: Vec<u64> = values.shape().iter().map(|&size| size as u64).collect();
    let mut writer = WriteOptions::new().default_dtype().shape(&shape).writer(to).begin_nd()?;
    // `iter` follows the logical order, whatever the view's strides are.
    writer.extend(values.iter().map(|&x| narrow(x)))?;
    writer.finish()
}
