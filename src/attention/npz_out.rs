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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ndarray::{Array2, Array4};
    use proptest::prelude::*;

    use super::*;
    use crate::attention::input;

    fn written(q: &Array2<f64>, precision: Precision) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        // V is a view whose rows do not lie one after the other.
        let arrays = [("Q", q.view().into_dyn()), ("K", q.view().into_dyn()), ("V", q.t().into_dyn())];
        let arrays = arrays.map(|(name, values)| (name, NpyArray { values, precision }));
        write_npz(&mut bytes, &arrays).unwrap();
        bytes.into_inner()
    }

    fn bits(tensor: &Array4<f64>) -> Vec<u64> {
        tensor.iter().map(|x| x.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_bit_for_bit(n in 1usize..6, values in prop::collection::vec(any::<u64>(), 36)) {
            let q = Array2::from_shape_fn((n, n), |(i, j)| f64::from_bits(values[6 * i + j]));
            let exact = input::read("x.npz", &written(&q, Precision::F64)).unwrap().problem;
            prop_assert_eq!(bits(&exact.q), q.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            prop_assert_eq!(bits(&exact.v), q.t().iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            let narrow = input::read("x.npz", &written(&q, Precision::BF16)).unwrap().problem;
            let rounded = q.mapv(|x| f64::from(x as f32).to_bits());
            prop_assert_eq!(bits(&narrow.q), rounded.iter().copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_same_arrays_give_the_same_bytes() {
        let q = Array2::eye(3);
        assert_eq!(written(&q, Precision::F32), written(&q, Precision::F32));
    }
}
