//! The two roofs of a roofline as this device reaches them: measured, never read from a data sheet.

/// What a device does at best, by kernels that do nothing else; `None` where a backend does not measure it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Roofs {
    /// Bytes read and written per second by a kernel that copies a buffer larger than most caches.
    pub copy_bytes_per_s: Option<f64>,
    /// FLOPs per second of f32 multiply-adds that wait for no memory, two FLOPs each; without tensor cores.
    pub fma_flops_per_s: Option<f64>,
}

impl Roofs {
    /// FLOPs per second that a kernel can reach which does `intensity` FLOPs for each byte that it moves, as far as is
    /// known; infinite where nothing is.
    pub fn at(&self, intensity: f64) -> f64 {
        let under_copy = self.copy_bytes_per_s.map_or(f64::INFINITY, |rate| intensity * rate);
        under_copy.min(self.fma_flops_per_s.unwrap_or(f64::INFINITY))
    }

    /// FLOPs per byte from which on arithmetic is the limit, and no longer memory.
    pub fn ridge(&self) -> Option<f64> {
        Some(self.fma_flops_per_s? / self.copy_bytes_per_s?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_roof_counts_as_far_as_it_is_known() {
        let roofs = Roofs { copy_bytes_per_s: Some(2e9), fma_flops_per_s: Some(1e12) };
        assert_eq!((roofs.ridge(), roofs.at(100.0), roofs.at(1e4)), (Some(500.0), 2e11, 1e12));
        let copy = Roofs { fma_flops_per_s: None, ..roofs };
        assert_eq!((copy.ridge(), copy.at(1e4)), (None, 2e13));
        assert_eq!(Roofs::default().at(1.0), f64::INFINITY);
    }
}
