//! The instructions and faults that the played thread block knows, on their own.

use half::{bf16, f16};

use super::can_build;
use super::player::{build, start};

#[test]
fn instructions_follow_the_documented_layouts() {
    if !can_build(2) {
        return;
    }
    for defines in [vec![], vec!["-DBF16".to_owned()]] {
        let program = build("instructions.cpp", &defines, &[]).expect("the checks compile");
        let _ = start(&program, &["layouts".into()]).expect("every layout is as documented");
    }
}

/// Every f16 and bf16 and their neighbourhood, every power of two, and values between.
#[test]
fn conversions_round_as_they_should() {
    if !can_build(2) {
        return;
    }
    let near = (0..=u16::MAX).flat_map(|bits| [f16::from_bits(bits).to_f32(), bf16::from_bits(bits).to_f32()]);
    let values: Vec<f32> = near
        .flat_map(|x| {
            [-1, 0, 1, 1 << 12, (1 << 12) + 1].map(|step| f32::from_bits(x.to_bits().wrapping_add_signed(step)))
        })
        .chain((0..1 << 16).map(|n: u32| f32::from_bits(n.wrapping_mul(65537).wrapping_mul(2_654_435_761))))
        .filter(|x| !x.is_nan())
        .collect();
    let program = build("instructions.cpp", &[], &[]).expect("the checks compile");
    let [input, output] = ["in", "out"].map(|name| program.path().join(name));
    std::fs::write(&input, values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()).expect("a folder");
    for format in ["f16", "bf16"] {
        let _ = start(&program, &[format.into(), input.clone(), output.clone()]).expect("a run");
        let results = std::fs::read(&output).expect("results");
        assert_eq!(results.len(), 6 * values.len());
        for (x, got) in values.iter().zip(results.as_chunks::<6>().0) {
            let (bits, back) = match format {
                "f16" => (f16::from_f32(*x).to_bits(), f16::from_f32(*x).to_f32()),
                _ => (bf16::from_f32(*x).to_bits(), bf16::from_f32(*x).to_f32()),
            };
            let want = [&bits.to_le_bytes()[..], &back.to_le_bytes()[..]].concat();
            assert_eq!(got[..], want[..], "{x:e} to {format}");
        }
        println!("{} values to {format}", values.len());
    }
}

#[test]
fn faults_of_a_kernel_are_caught() {
    let faults = [
        ("different barriers", "threads wait at different barriers"),
        ("left behind", "a thread has left while others wait at a barrier"),
        ("divergent warp", "a lane has left that a warp instruction needs"),
        ("part of a warp", "a mask that is not the whole warp"),
        ("open copies", "copies are under way when a thread ends"),
        ("misaligned copy", "an asynchronous copy is not aligned"),
        ("bank conflict", "rows of a matrix share banks"),
        ("past shared memory", "with insufficient space"),
        ("past an array of its own", "stack-buffer-overflow"),
    ];
    if !can_build(faults.len()) {
        return;
    }
    let program = build("instructions.cpp", &[], &[]).expect("the checks compile");
    for (fault, sentence) in faults {
        let said = start(&program, &[fault.into()]).expect_err("a fault that is caught");
        assert!(said.contains(sentence), "{fault}: {said}");
    }
}
