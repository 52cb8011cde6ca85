//! Vectors of the numbers that the engine computes in, whatever length the processor has.

use pulp::Simd;

/// f32 or f64, many at a time.
pub trait Lanes: Copy {
    type Vector<S: Simd>: Copy;
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// `a b + c`, rounded once.
    fn fused<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The larger of two, NaN if either is; the first of equal ones.
    fn larger<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Whole vectors; what is left over at the end is left out.
    fn vectors<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Vector<S>];
    /// The first lanes of a vector; the others are 0.
    fn load<S: Simd>(simd: S, values: &[Self]) -> Self::Vector<S>;
    /// As many lanes as there is room for.
    fn store<S: Simd>(simd: S, values: &mut [Self], vector: Self::Vector<S>);
}

macro_rules! lanes {
    ($real:ty, $vector:ident, $splat:ident, $fused:ident, $mul:ident, $add:ident,
     $or:ident, $greater:ident, $equal:ident, $not:ident, $select:ident, $split:ident, $split_mut:ident, $load:ident, $store:ident) => {
        impl Lanes for $real {
            type Vector<S: Simd> = S::$vector;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn fused<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$fused(a, b, c)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn larger<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                let is_nan = simd.$not(simd.$equal(b, b));
                simd.$select(simd.$or(simd.$greater(b, a), is_nan), b, a)
            }
            #[inline(always)]
            fn vectors<S: Simd>(values: &[Self]) -> &[S::$vector] {
                S::$split(values).0
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [S::$vector] {
                S::$split_mut(values).0
            }
            #[inline(always)]
            fn load<S: Simd>(simd: S, values: &[Self]) -> S::$vector {
                simd.$load(values)
            }
            #[inline(always)]
            fn store<S: Simd>(simd: S, values: &mut [Self], vector: S::$vector) {
                simd.$store(values, vector);
            }
        }
    };
}

#[rustfmt::skip]
lanes!(
    f32, f32s, splat_f32s, mul_add_f32s, mul_f32s, add_f32s,
    or_m32s, greater_than_f32s, equal_f32s, not_m32s, select_f32s,
    as_simd_f32s, as_mut_simd_f32s, partial_load_f32s, partial_store_f32s
);
#[rustfmt::skip]
lanes!(
    f64, f64s, splat_f64s, mul_add_f64s, mul_f64s, add_f64s,
    or_m64s, greater_than_f64s, equal_f64s, not_m64s, select_f64s,
    as_simd_f64s, as_mut_simd_f64s, partial_load_f64s, partial_store_f64s
);
