//! Pictures of a lesson: PNG files that lie beside it.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use crate::sentence::Sentence;

/// A larger file is refused.
pub const MOST_BYTES: usize = 4 << 20;
/// A longer side is refused: it is what every graphics driver can hold.
const MOST_SIDE: u32 = 2048;

/// A decoded picture. Copies of it share their pixels.
#[derive(Clone, PartialEq)]
pub struct LessonPicture {
    pub width: usize,
    pub height: usize,
    /// Red, green, blue, opacity: a byte each, row by row.
    pub pixels: Arc<[u8]>,
}

impl fmt::Debug for LessonPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LessonPicture({} x {})", self.width, self.height)
    }
}

impl LessonPicture {
    /// Decodes a PNG. Errors in a sentence where it is none, or too large; of an animation the first picture is taken.
    pub fn of_png(bytes: &[u8]) -> Result<Self, Sentence> {
        let broken = |_| Sentence::from("this is no PNG picture, or a part of it is missing");
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 64 << 20 });
        decoder.set_transformations(Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(broken)?;
        let (width, height) = (reader.info().width, reader.info().height);
        if width.max(height) > MOST_SIDE {
            let what = "this picture has {0} x {1} pixels; at most {2} along a side are shown";
            return Err(Sentence::new(what).with(width).with(height).with(MOST_SIDE));
        }
        let size = reader.output_buffer_size().ok_or_else(|| Sentence::from("this picture is too large"))?;
        let mut buffer = vec![0; size];
        let frame = reader.next_frame(&mut buffer).map_err(broken)?;
        let pixels: Arc<[u8]> = match (frame.color_type, frame.bit_depth) {
            (ColorType::Rgba, BitDepth::Eight) => buffer[..frame.buffer_size()].into(),
            (ColorType::GrayscaleAlpha, BitDepth::Eight) => buffer[..frame.buffer_size()]
                .as_chunks()
                .0
                .iter()
                .flat_map(|&[grey, a]| [grey, grey, grey, a])
                .collect(),
            _ => return Err("this kind of PNG is not known here".into()),
        };
        Ok(Self { width: width as usize, height: height as usize, pixels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, color: ColorType, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![9, 8, 7, 1, 2, 3]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    #[test]
    fn every_kind_of_png_has_the_same_pixels() {
        let of = |color, data: &[u8]| LessonPicture::of_png(&png(2, 1, color, data)).unwrap().pixels.to_vec();
        assert_eq!(of(ColorType::Rgba, &[1, 2, 3, 4, 5, 6, 7, 8]), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(of(ColorType::Rgb, &[1, 2, 3, 5, 6, 7]), [1, 2, 3, 255, 5, 6, 7, 255]);
        assert_eq!(of(ColorType::Grayscale, &[7, 9]), [7, 7, 7, 255, 9, 9, 9, 255]);
        assert_eq!(of(ColorType::GrayscaleAlpha, &[7, 1, 9, 2]), [7, 7, 7, 1, 9, 9, 9, 2]);
        assert_eq!(of(ColorType::Indexed, &[1, 0]), [1, 2, 3, 255, 9, 8, 7, 255]);
    }

    #[test]
    fn what_is_broken_or_too_large_is_refused() {
        let whole = png(64, 64, ColorType::Grayscale, &[5; 64 * 64]);
        for cut in 0..whole.len() - 12 {
            assert!(LessonPicture::of_png(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(LessonPicture::of_png(b"GIF89a").is_err());
        // A header that promises more than is there.
        let mut large = whole;
        large[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        let crc = crc(&large[12..29]);
        large[29..33].copy_from_slice(&crc.to_be_bytes());
        let told = LessonPicture::of_png(&large).unwrap_err().to_string();
        assert!(told.contains("16384 x 16384"), "{told}");
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        })
    }
}
