//! In which order the axes of Q, K, V and O stand, and the way from there to `[batch, heads, N, d]` and back.

use ndarray::{Array3, Array4, ArrayD, Axis, Ix4, IxDyn};
use serde::{Deserialize, Serialize};

use super::error::InputError;
use crate::sentence::Sentence;

/// The order of the axes; a lower rank leaves out the batch, and then the heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `[batch, heads, N, d]`, `[heads, N, d]` or `[N, d]`: PyTorch's own attention.
    #[default]
    Bhnd,
    /// `[batch, N, heads, d]` or `[N, heads, d]`: flash-attn.
    Bnhd,
    /// `[N, batch, heads, d]`: Transformer Engine's sbhd.
    Nbhd,
    /// `[batch, N, heads * d]` or `[N, heads * d]`: what a projection gives.
    Bnd,
    /// `[total, heads, d]`: sequences one after the other, as flash-attn's varlen functions and Transformer Engine's thd
    /// have them; the total alone is one sequence.
    Thd,
}

impl Layout {
    pub const ALL: [Layout; 5] = [Layout::Bhnd, Layout::Bnhd, Layout::Nbhd, Layout::Bnd, Layout::Thd];

    pub fn name(self) -> &'static str {
        match self {
            Layout::Bhnd => "bhnd",
            Layout::Bnhd => "bnhd",
            Layout::Nbhd => "nbhd",
            Layout::Bnd => "bnd",
            Layout::Thd => "thd",
        }
    }

    /// What the axes are, for messages.
    pub(super) fn axes(self) -> &'static str {
        match self {
            Layout::Bhnd => "[N, d], [heads, N, d] or [batch, heads, N, d] is needed",
            Layout::Bnhd => "[N, heads, d] or [batch, N, heads, d] is needed",
            Layout::Nbhd => "[N, batch, heads, d] is needed",
            Layout::Bnd => "[N, heads * d] or [batch, N, heads * d] is needed",
            Layout::Thd => "[total, heads, d] is needed",
        }
    }

    /// The layout of a name such as `bhnd`, `BSHD`, `nhd` or `[batch, heads, N, d]`, and how many axes it names.
    pub fn parse(name: &str) -> Option<(Self, usize)> {
        let is_mark = |c: char| !(c.is_ascii_alphanumeric() || c == '*' || c == '_');
        let name = name.to_ascii_lowercase();
        let words: Vec<&str> = name.split(is_mark).filter(|word| !word.is_empty()).collect();
        if let [letters] = words[..] {
            // Transformer Engine names the layout of Q, K and V each: `thd_thd_thd`.
            let mut each = letters.split('_');
            let first = each.next().unwrap_or(letters);
            return if each.all(|other| other == first) { Self::of_letters(first) } else { None };
        }
        let letter = |word: &&str| {
            Some(match *word {
                "b" | "batch" | "batch_size" | "bsz" => "b",
                "h" | "heads" | "head" | "num_heads" | "n_heads" | "nheads" => "h",
                "t" | "total" | "total_q" | "total_tokens" | "num_tokens" => "t",
                "n" | "s" | "l" | "seq" | "seqlen" | "seq_len" | "length" | "tokens" | "sequence" => "n",
                "d" | "dim" | "head_dim" | "headdim" | "head_size" => "d",
                "heads*d" | "h*d" | "heads*head_dim" | "hd" | "hidden" | "hidden_size" | "embed_dim" | "d_model" => "e",
                _ => return None,
            })
        };
        Self::of_letters(&words.iter().map(letter).collect::<Option<String>>()?)
    }

    fn of_letters(letters: &str) -> Option<(Self, usize)> {
        if letters == "thd" {
            return Some((Layout::Thd, 3));
        }
        let letters = letters.replace(['s', 't', 'l'], "n");
        let layout = match letters.as_str() {
            "bhnd" | "hnd" | "nd" => Layout::Bhnd,
            "bnhd" | "nhd" => Layout::Bnhd,
            "nbhd" => Layout::Nbhd,
            "bnd" | "bne" | "ne" | "bnh*d" | "nh*d" => Layout::Bnd,
            _ => return None,
        };
        let axes = letters.replace("h*d", "e").len();
        Some((layout, axes))
    }

    /// A tensor of this rank has a batch axis.
    pub fn has_batch(self, rank: usize) -> bool {
        rank == 4 || (rank == 3 && self == Layout::Bnd)
    }

    /// `array` as `[batch, heads, N, d]`. `heads` is needed where the layout does not say them.
    pub(super) fn lift(self, name: &str, array: ArrayD<f64>, heads: Option<usize>) -> Result<Array4<f64>, InputError> {
        let shape = array.shape().to_vec();
        let order: [usize; 4] = match (self, shape.len()) {
            (Layout::Bhnd, 2..=4) => return Ok(raise(array)),
            (Layout::Bnhd, 3..=4) | (Layout::Thd, 3) => [0, 2, 1, 3],
            (Layout::Nbhd, 4) => [1, 2, 0, 3],
            (Layout::Bnd, 2..=3) => return self.split(name, array, heads),
            _ => {
                let fault = Sentence::new("has shape {0}; {1}").with(format!("{shape:?}")).and(self.axes());
                return InputError::array(name, fault);
            }
        };
        Ok(raise(array).permuted_axes(order).as_standard_layout().into_owned())
    }

    /// `[batch, N, heads * d]` in its heads.
    fn split(self, name: &str, array: ArrayD<f64>, heads: Option<usize>) -> Result<Array4<f64>, InputError> {
        let shape = array.shape().to_vec();
        let Some(heads) = heads else {
            let fault =
                "is heads * d wide, and the number of heads is not said: give --heads H, or num_heads in the file";
            return InputError::array(name, fault);
        };
        let (n, width) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        if heads == 0 || !width.is_multiple_of(heads) {
            let fault =
                Sentence::new("is {0} wide, which {1} {1|head does|heads do} not share evenly").with(width).with(heads);
            return InputError::array(name, fault);
        }
        let batch = if shape.len() == 3 { shape[0] } else { 1 };
        let split = array.into_shape_with_order(IxDyn(&[batch, n, heads, width / heads]));
        match split.map(raise) {
            Ok(split) => Ok(split.permuted_axes([0, 2, 1, 3]).as_standard_layout().into_owned()),
            Err(error) => InputError::array(name, Sentence::verbatim(error)),
        }
    }

    /// A tensor `[batch, heads, N, d]` as a file of this layout and rank has it.
    pub fn restore(self, tensor: Array4<f64>, rank: usize) -> ArrayD<f64> {
        let (batch, heads, n, d) = tensor.dim();
        let array = match self {
            Layout::Bhnd => tensor.into_dyn(),
            Layout::Nbhd => tensor.permuted_axes([2, 0, 1, 3]).into_dyn(),
            Layout::Bnhd | Layout::Thd => tensor.permuted_axes([0, 2, 1, 3]).into_dyn(),
            Layout::Bnd => {
                let whole = tensor.permuted_axes([0, 2, 1, 3]).as_standard_layout().into_owned();
                whole.into_shape_with_order(IxDyn(&[batch, n, heads * d])).expect("as many elements as before")
            }
        };
        lower(array, rank)
    }

    /// Numbers of rows, `[batch, heads, N]`, as a file of this layout has them beside tensors of this rank: in the same
    /// order, without `d`.
    pub fn restore_rows(self, rows: Array3<f64>, rank: usize) -> ArrayD<f64> {
        match self {
            Layout::Bhnd => lower(rows.into_dyn(), rank - 1),
            Layout::Nbhd => rows.permuted_axes([2, 0, 1]).into_dyn(),
            Layout::Bnhd | Layout::Thd => lower(rows.permuted_axes([0, 2, 1]).into_dyn(), rank - 1),
            Layout::Bnd => lower(rows.permuted_axes([0, 2, 1]).into_dyn(), rank),
        }
    }
}

/// Of at most four axes: with leading axes of 1 up to four.
fn raise(mut array: ArrayD<f64>) -> Array4<f64> {
    while array.ndim() < 4 {
        array.insert_axis_inplace(Axis(0));
    }
    array.into_dimensionality::<Ix4>().expect("no container gives more than four axes")
}

/// Without leading axes, which are of size 1, down to `rank`.
fn lower(mut array: ArrayD<f64>, rank: usize) -> ArrayD<f64> {
    while array.ndim() > rank {
        array = array.index_axis_move(Axis(0), 0);
    }
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(shape: &[usize]) -> ArrayD<f64> {
        let count = shape.iter().product::<usize>();
        ArrayD::from_shape_vec(IxDyn(shape), (0..count).map(|x| x as f64).collect()).unwrap()
    }

    #[test]
    fn every_layout_comes_back_as_it_was() {
        for (layout, shape, lifted) in [
            (Layout::Bhnd, &[2, 3, 5, 7][..], [2, 3, 5, 7]),
            (Layout::Bhnd, &[3, 5, 7], [1, 3, 5, 7]),
            (Layout::Bhnd, &[5, 7], [1, 1, 5, 7]),
            (Layout::Bnhd, &[2, 5, 3, 7], [2, 3, 5, 7]),
            (Layout::Bnhd, &[5, 3, 7], [1, 3, 5, 7]),
            (Layout::Thd, &[5, 3, 7], [1, 3, 5, 7]),
            (Layout::Nbhd, &[5, 2, 3, 7], [2, 3, 5, 7]),
            (Layout::Bnd, &[2, 5, 21], [2, 3, 5, 7]),
            (Layout::Bnd, &[5, 21], [1, 3, 5, 7]),
        ] {
            let array = numbered(shape);
            let tensor = layout.lift("Q", array.clone(), Some(3)).unwrap();
            assert_eq!(tensor.shape(), lifted, "{layout:?}");
            assert!(tensor.is_standard_layout());
            let restored = layout.restore(tensor.clone(), shape.len());
            assert_eq!(restored, array, "{layout:?}");
            // The rows of the first component: O without its last axis, in the same order.
            let rows = layout.restore_rows(tensor.index_axis(Axis(3), 0).to_owned(), shape.len());
            if layout == Layout::Bnd {
                assert_eq!(rows.shape().last(), Some(&3));
            } else {
                assert_eq!(rows, array.index_axis(Axis(shape.len() - 1), 0), "{layout:?}");
            }
        }
    }

    #[test]
    fn names_of_layouts() {
        for (name, layout, axes) in [
            ("bhnd", Layout::Bhnd, 4),
            ("BHSD", Layout::Bhnd, 4),
            ("[batch, heads, N, d]", Layout::Bhnd, 4),
            ("[heads, N, d]", Layout::Bhnd, 3),
            ("bshd", Layout::Bnhd, 4),
            ("BTHD", Layout::Bnhd, 4),
            ("NHD", Layout::Bnhd, 3),
            ("thd", Layout::Thd, 3),
            ("[total, heads, d]", Layout::Thd, 3),
            ("(total_q, nheads, headdim)", Layout::Thd, 3),
            ("thd_thd_thd", Layout::Thd, 3),
            ("sbhd_sbhd_sbhd", Layout::Nbhd, 4),
            ("[tokens, heads, d]", Layout::Bnhd, 3),
            ("(batch, seqlen, nheads, headdim)", Layout::Bnhd, 4),
            ("sbhd", Layout::Nbhd, 4),
            ("bnd", Layout::Bnd, 3),
            ("[batch, N, heads*d]", Layout::Bnd, 3),
        ] {
            assert_eq!(Layout::parse(name), Some((layout, axes)), "{name}");
        }
        for name in ["", "bsh", "dhnb", "bhndx", "rows", "t3hd", "thd_t2hd", "tnhd", "_"] {
            assert_eq!(Layout::parse(name), None, "{name}");
        }
    }

    #[test]
    fn heads_that_do_not_fit_are_told() {
        let told =
            |layout: Layout, shape: &[usize], heads| layout.lift("Q", numbered(shape), heads).unwrap_err().to_string();
        assert!(told(Layout::Bnd, &[2, 8], None).contains("--heads"));
        assert!(told(Layout::Bnd, &[2, 8], Some(3)).contains("3 heads"));
        assert!(told(Layout::Bnd, &[2, 8], Some(0)).contains("0 heads"));
        assert!(told(Layout::Thd, &[2, 5, 3, 7], None).contains("[total, heads, d]"));
        assert!(told(Layout::Nbhd, &[2, 8], None).contains("[N, batch, heads, d]"));
    }
}
