//! The backward kernels: gradients of golden cases, and of problems with what their loops find hard, against the definition.

use ndarray::{Array4, s};
use tilescope::attention::cases::{self, with};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::mask::Diagonal;
use tilescope::attention::{Align, Mask, Precision, Problem, Shape};

use super::common::gradients::{self, Gradients};
use super::common::{dropout, golden};
use super::player::{Job, ORDERS, Player, Variant, take};
use super::{Fault, GOLDEN, can_build, splits};

/// Kernel and head dimension.
pub const ALL: [Variant; 6] = [
    variant("flash2_backward", 64),
    variant("flash2_backward", 128),
    in_order(64),
    in_order(128),
    variant("two_kernel_backward", 64),
    variant("two_kernel_backward", 128),
];

pub const fn variant(kernel: &'static str, d: usize) -> Variant {
    Variant { kernel, precision: Precision::F32, d, taps: false, deterministic: false }
}

/// The variant of flash2_backward that has an order of its own.
pub const fn in_order(d: usize) -> Variant {
    Variant { deterministic: true, ..variant("flash2_backward", d) }
}

/// A problem with its exact gradients and how far each may be off.
pub struct Case {
    name: String,
    pub problem: Problem,
    exact: Gradients,
    bounds: [f64; 3],
    /// What flash2 leaves of it, and dO: what the kernel is given.
    given: Vec<f32>,
}

impl Case {
    fn golden(case: &golden::Case) -> Self {
        let tensor = |name: &str| case.tensor(name).into_dimensionality().expect("four axes");
        let exact = Gradients { dq: tensor("dQ"), dk: tensor("dK"), dv: tensor("dV") };
        let bounds = ["dQ", "dK", "dV"].map(|name| case.bound_of(name, Precision::F32));
        Self::new(case.name.clone(), case.problem.clone(), exact, bounds, tensor("dO"))
    }

    /// Within the floor of the manifest's rule, for problems with small scores.
    fn by_definition(name: String, problem: Problem) -> Self {
        let shape = problem.shape;
        let d_o = Array4::from_shape_fn((shape.batch, shape.heads, shape.n_q, shape.d_v), |(b, h, i, c)| {
            let is_finite = problem.q[[b, h, i, 0]].is_finite();
            if is_finite { ((b * 31 + h * 17 + i * 7 + c * 5) % 64) as f64 / 32.0 - 1.0 } else { f64::NAN }
        });
        let exact = gradients::exact(&problem, &d_o);
        let largest = |of: &Array4<f64>| of.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        let bounds = exact.named().map(|(_, of)| 4e-6 * largest(of));
        Self::new(name, problem, exact, bounds, d_o)
    }

    fn new(name: String, problem: Problem, exact: Gradients, bounds: [f64; 3], d_o: Array4<f64>) -> Self {
        Self { name, problem, exact, bounds, given: d_o.iter().map(|&x| x as f32).collect() }
    }

    /// What is wrong with what a kernel wrote; empty when it is right.
    fn judge(&self, got: &[Vec<f32>; 3]) -> Vec<String> {
        let each = self.exact.named().into_iter().zip(got).zip(self.bounds);
        let wrong = each.filter_map(|(((name, exact), got), bound)| {
            let got: Vec<f64> = got.iter().map(|&x| f64::from(x)).collect();
            let error = max_error(&got, exact);
            let within = error <= bound;
            (!within).then(|| format!("{}: {name} is off by {error:e}, the bound is {bound:e}", self.name))
        });
        wrong.collect()
    }
}

/// Problems of a head dimension: several blocks, ragged ends, masks with dead rows and unseen keys, every modifier, groups.
fn own_cases(d: usize) -> Vec<Case> {
    let shape = Shape { batch: 2, heads: 4, kv_heads: 2, d_v: d - 4, ..Shape::single(75, 101, d) };
    let narrow = Mask { window_left: Some(9), window_right: Some(3), align: Align::TopLeft, ..Mask::default() };
    let short = Mask { causal: true, key_lengths: Some(vec![70, 33]), ..Mask::default() };
    let mut cases: Vec<Case> = [("window", narrow), ("short", short)]
        .map(|(name, mask)| {
            let problem = with(cases::problem(shape), |p| p.mask = mask);
            Case::by_definition(format!("d {d}, {name}"), problem)
        })
        .into();
    // What nobody sees is not finite: keys past a length, queries before the diagonal's first key, with their dO.
    let hidden = with(cases::problem(Shape { n_q: 101, n_k: 75, ..shape }), |p| {
        p.mask = Mask { causal: true, key_lengths: Some(vec![50, 33]), ..Mask::default() };
        p.k.slice_mut(s![.., .., 50.., ..]).fill(f64::NAN);
        p.v.slice_mut(s![.., .., 50.., ..]).fill(f64::INFINITY);
        p.q.slice_mut(s![.., .., ..26, ..]).fill(f64::NAN);
    });
    cases.push(Case::by_definition(format!("d {d}, hidden"), hidden));
    let all = with(cases::problem(shape), |p| {
        (p.softcap, p.scale) = (Some(3.0), -p.scale);
        p.alibi_slopes = Some(ndarray::Array2::from_shape_fn((2, 4), |(b, h)| 0.125 * (1 + b + h) as f64));
        p.bias = Some(Array4::from_shape_fn((2, 1, 75, 101), |(b, _, i, j)| ((b + i * j) % 7) as f64 / 4.0));
    });
    cases.push(Case::by_definition(format!("d {d}, every modifier"), all));
    // The diagonal, and that of ALiBi, ends at each length: beside a block, and at primes.
    let each = with(cases::problem(Shape { batch: 9, n_q: 35, n_k: 71, ..shape }), |p| {
        let key_lengths = Some(vec![0, 1, 15, 17, 31, 33, 65, 67, 71]);
        let window_left = Some(40);
        let diagonal = Diagonal::Lengths;
        p.mask = Mask { causal: true, window_left, key_lengths, diagonal, ..Mask::default() };
        // Small scores, as the bound is for them.
        p.alibi_slopes = Some(ndarray::Array2::from_shape_fn((9, 4), |(b, h)| (1 + (b + h) % 3) as f64 / 16.0));
    });
    let from_the_first = with(each.clone(), |p| p.mask.align = Align::TopLeft);
    cases.push(Case::by_definition(format!("d {d}, a diagonal of each length"), each));
    cases.push(Case::by_definition(format!("d {d}, ALiBi of each length"), from_the_first));
    let dropped = dropout::cases(d).into_iter().filter(|case| case.problem.not_finite().is_empty());
    cases.extend(dropped.map(|case| Case::by_definition(case.name, case.problem)));
    cases
}

/// Golden cases and those of a variant, with what flash2 leaves of each.
pub fn cases_of(variant: Variant, smaller: usize) -> Result<Vec<Case>, String> {
    let golden =
        GOLDEN.iter().filter(|case| (smaller + 1..=variant.d).contains(&case.problem.shape.d)).map(Case::golden);
    let mut cases: Vec<Case> = own_cases(variant.d).into_iter().chain(golden).collect();
    let forward = Player::new(Variant { kernel: "flash2", deterministic: false, ..variant }, &[])?;
    let jobs: Vec<Job<'_>> = cases.iter().map(|case| Job::new(&case.problem, 0)).collect();
    let answers = forward.run(&jobs)?;
    for (case, answer) in cases.iter_mut().zip(answers) {
        let of = |values: &mut dyn Iterator<Item = &f64>| values.map(|&x| x as f32).collect::<Vec<f32>>();
        let mut given: Vec<f32> = answer.outputs.iter().flat_map(|output| of(&mut output.o.iter())).collect();
        given.extend(answer.outputs.iter().flat_map(|output| of(&mut output.lse.iter())));
        given.append(&mut case.given);
        case.given = given;
    }
    Ok(cases)
}

/// What a kernel wrote for one job: dQ, dK and dV.
fn decode(problem: &Problem, rest: &mut &[u8]) -> [Vec<f32>; 3] {
    [&problem.q, &problem.k, &problem.v].map(|like| take(rest, like.len(), f32::from_le_bytes))
}

/// The job of a case in an order of threads and thread blocks, an index of [`ORDERS`].
fn job(case: &Case, order: usize) -> Job<'_> {
    Job { given: &case.given, splits: splits(&case.name), ..Job::new(&case.problem, order) }
}

/// Runs cases in all orders; gives what is wrong, and in which case. Where atomic additions come in another order, dQ may
/// have other bits, and each is judged by itself.
pub fn check(player: &Player, cases: &[&Case]) -> Vec<Fault> {
    let jobs = cases.iter().flat_map(|case| (0..ORDERS.len()).map(move |order| job(case, order)));
    let output = match player.results(&jobs.collect::<Vec<_>>()) {
        Ok(output) => output,
        Err(what) => return vec![Fault { case: None, what }],
    };
    let is_in_order = player.variant.kernel == "two_kernel_backward" || player.variant.deterministic;
    let (mut rest, mut faults) = (&output[..], Vec::new());
    for (at, case) in cases.iter().enumerate() {
        let got = ORDERS.map(|_| decode(&case.problem, &mut rest));
        let mut wrong: Vec<String> =
            got.iter().take(if is_in_order { 1 } else { 3 }).flat_map(|got| case.judge(got)).collect();
        let bits = |values: &Vec<f32>| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for (which, name) in ["dQ", "dK", "dV"].into_iter().enumerate().skip(usize::from(!is_in_order)) {
            for (other, order) in got.iter().zip(ORDERS).skip(1) {
                if bits(&other[which]) != bits(&got[0][which]) {
                    wrong.push(format!("{}: threads {order} give other bits of {name}", case.name));
                }
            }
        }
        faults.extend(wrong.into_iter().map(|what| Fault { case: Some(at), what }));
    }
    if !rest.is_empty() {
        faults.push(Fault { case: None, what: format!("{} bytes too many", rest.len()) });
    }
    faults
}

/// The variants of one kernel.
fn check_kernel(kernel: &str, deterministic: bool) {
    let is_chosen = |variant: &Variant| (variant.kernel, variant.deterministic) == (kernel, deterministic);
    let variants = || ALL.into_iter().filter(is_chosen);
    if !can_build(2) {
        return;
    }
    let (mut smaller, mut wrong) = (0, Vec::new());
    for variant in variants() {
        let player = Player::new(variant, &[]).expect("the kernel compiles for the CPU");
        let cases = cases_of(variant, smaller).expect("flash2 runs them");
        wrong.extend(check(&player, &cases.iter().collect::<Vec<_>>()).into_iter().map(|fault| fault.what));
        println!("{}: {} cases in {} orders", variant.name(), cases.len(), ORDERS.len());
        smaller = variant.d;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn flash2_backward_gives_the_gradients() {
    check_kernel("flash2_backward", false);
}

#[test]
fn flash2_backward_that_is_deterministic_gives_the_same_bits_in_every_order() {
    check_kernel("flash2_backward", true);
}

#[test]
fn two_kernel_backward_gives_the_gradients_and_the_same_bits_in_every_order() {
    check_kernel("two_kernel_backward", false);
}

/// The order of the deterministic variant is that of the keys: in one split, its dQ has the bits that atomic additions give
/// where the thread blocks come in order. Where they come in another, those have others.
#[test]
fn the_deterministic_order_is_that_of_thread_blocks_in_order() {
    if !can_build(8) {
        return;
    }
    let [forwards, backwards] = [0, 1];
    for d in [64, 128] {
        let cases = cases_of(in_order(d), d - 1).expect("flash2 runs them");
        let dq = |variant: Variant, order: usize| -> Vec<Vec<u32>> {
            let jobs = cases.iter().map(|case| Job { splits: 1, ..job(case, order) }).collect::<Vec<_>>();
            let player = Player::new(variant, &[]).expect("the kernel compiles for the CPU");
            let output = player.results(&jobs).expect("it runs");
            let mut rest = &output[..];
            let mut of = |case: &Case| decode(&case.problem, &mut rest)[0].iter().map(|x| x.to_bits()).collect();
            cases.iter().map(&mut of).collect()
        };
        let atomic = variant("flash2_backward", d);
        assert!(dq(in_order(d), backwards) == dq(atomic, forwards), "d {d}: in another order");
        let (one, other) = (dq(atomic, forwards), dq(atomic, backwards));
        let differ = one.iter().zip(&other).filter(|(one, other)| one != other).count();
        println!("d {d}: of {} cases {differ} have other bits of dQ in another order of thread blocks", cases.len());
        assert!(differ > 0, "d {d}: the order of additions does not matter");
    }
}
