//! Files as NumPy and safetensors save them, made in memory.
#![allow(dead_code)] // Each test file uses its own part.

use std::collections::HashMap;
use std::io::{Cursor, Write as _};

use ndarray::{Array4, ArrayD, IxDyn};
use tilescope::attention::input::{self, Input, InputError, Reading};

/// An array of a file: a NumPy type, a shape, bytes.
#[derive(Clone, Debug)]
pub struct Saved {
    pub descr: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Saved {
    pub fn f64(array: &ArrayD<f64>) -> Self {
        Self {
            descr: "<f8",
            shape: array.shape().to_vec(),
            bytes: array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    pub fn f32(array: &ArrayD<f64>) -> Self {
        let bytes = array.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
        Self { descr: "<f4", shape: array.shape().to_vec(), bytes }
    }

    pub fn bools(shape: &[usize], truth: impl Fn(usize) -> bool) -> Self {
        let bytes = (0..shape.iter().product()).map(|at| u8::from(truth(at))).collect();
        Self { descr: "|b1", shape: shape.to_vec(), bytes }
    }

    pub fn ints(shape: &[usize], values: impl Fn(usize) -> i64) -> Self {
        let bytes = (0..shape.iter().product()).flat_map(|at| values(at).to_le_bytes()).collect();
        Self { descr: "<i8", shape: shape.to_vec(), bytes }
    }

    pub fn number(x: f64) -> Self {
        Self { descr: "<f8", shape: vec![], bytes: x.to_le_bytes().to_vec() }
    }

    pub fn text(text: &str) -> Self {
        let bytes = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let descr = match text.len() {
            3 => "<U3",
            4 => "<U4",
            8 => "<U8",
            length => panic!("no type of {length} characters"),
        };
        Self { descr, shape: vec![], bytes }
    }

    pub fn npy(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|size| format!("{size}, ")).collect();
        let header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}\n", self.descr);
        [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), &self.bytes].concat()
    }
}

pub type Arrays = Vec<(&'static str, Saved)>;

pub fn npz(arrays: &Arrays) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        writer.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("an entry");
        writer.write_all(&array.npy()).expect("its bytes");
    }
    writer.finish().expect("a zip").into_inner()
}

pub fn safetensors(arrays: &Arrays, metadata: &[(&str, &str)]) -> Vec<u8> {
    use safetensors::tensor::{Dtype, TensorView, serialize};
    let dtype = |descr: &str| match descr {
        "<f8" => Dtype::F64,
        "<f4" => Dtype::F32,
        "<f2" => Dtype::F16,
        "<V2" => Dtype::BF16,
        "|b1" => Dtype::BOOL,
        "<i8" => Dtype::I64,
        other => panic!("safetensors has no {other}"),
    };
    let views = arrays.iter().map(|(name, array)| {
        (*name, TensorView::new(dtype(array.descr), array.shape.clone(), &array.bytes).expect("a tensor"))
    });
    let metadata = metadata.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<HashMap<_, _>>();
    serialize(views, Some(metadata)).expect("a file")
}

/// The same arrays in each container.
pub fn everywhere(arrays: &Arrays, how: &Reading) -> Vec<(&'static str, Result<Input, InputError>)> {
    let mut read = vec![("npz", input::read_as("x.npz", &npz(arrays), how))];
    let files: Vec<(String, Vec<u8>)> =
        arrays.iter().map(|(name, array)| (format!("{name}.npy"), array.npy())).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    read.push((".npy", input::read_npy_set("x", &files, how)));
    if arrays.iter().all(|(_, array)| !array.descr.contains('U')) {
        read.push(("safetensors", input::read_as("x.safetensors", &safetensors(arrays, &[]), how)));
    }
    read
}

/// Numbers that repeat in no pattern, exact in f32.
pub fn numbers(shape: &[usize], seed: usize) -> ArrayD<f64> {
    let count = shape.iter().product::<usize>();
    let value = |at: usize| ((at * 7919 + seed * 104_729) % 1009) as f64 / 256.0 - 2.0;
    ArrayD::from_shape_vec(IxDyn(shape), (0..count).map(value).collect()).expect("as many as its shape says")
}

pub fn tensor(shape: [usize; 4], seed: usize) -> Array4<f64> {
    numbers(&shape, seed).into_dimensionality().expect("four axes")
}

pub fn named(names: [&'static str; 3], tensors: [Array4<f64>; 3]) -> Arrays {
    names.into_iter().zip(tensors.map(|tensor| Saved::f64(&tensor.into_dyn()))).collect()
}
