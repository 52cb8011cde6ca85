// What every WGSL kernel shares: parameters, bindings, how a score is modified, which keys a query sees.
//
// Not a kernel. The host appends it to the text of each one; WGSL lets a name be used before it is declared, and so
// the line numbers of a kernel stay those of its file.
//
// WGSL may assume that no float is NaN or infinite, so that no score is ever one of these:
// - a masked score is HIDDEN, the lowest finite f32, recognised by comparison and never by what exp makes of it;
//   (a milder sentinel such as -1e4 is a bug: real scores go below it, and the masked key wins);
// - a score that is seen and is -inf, +inf or NaN has the stand-in BELOW, ABOVE or ODD, found by its bits. The largest
//   of a row then says what the row is: where it is a stand-in, l, L and O are NaN, whatever was summed up meanwhile;
// - a bias arrives as bits, and its -inf, which hides the pair, is compared as an integer; m, l and L leave as bits.
//
// Only V is taken as it comes: a NaN or an infinity in it goes through sums and products, which keep it on every GPU.
// The weight of a key that is seen is TINY at least and never 0: 0 means hidden, and what is hidden is not multiplied.
//
// Rows of Q, K, V and O are padded with zeros to a multiple of 16 floats, which changes no dot product.

const HIDDEN = -3.4028234663852886e38;
const BELOW = -3.4028232635611926e38;   // -inf
const ABOVE = 3.4028232635611926e38;    // +inf
const ODD = 3.4028234663852886e38;      // NaN
const NEG_INF_BITS = 0xff800000u;
const INF_BITS = 0x7f800000u;
const NAN_BITS = 0x7fc00000u;

// The logarithm of the smallest weight, and the weight: e^-87, which no GPU flushes to 0.
const LEAST = -87.0;
const TINY = 1.6458114e-38;

// Set when the pipeline is made, so that loops over them unroll: vec4s per lane, ceil(d / 16) and ceil(d_v / 16).
override D_VECS: u32 = 4u;
override DV_VECS: u32 = 4u;

// vec4s of a block of Q, and of a block of K or V, with one vec4 more in each row (flash2_wide).
override Q_TILE: u32 = 544u;
override KV_TILE: u32 = 544u;

// Also set then: record m and l of every query after every key block, for comparison with the stepper.
override TAPS: bool = false;

struct Params {
    origin: vec3u,              // first (block, head, batch) of this launch: of query blocks, in flash1 of key blocks
    n_q: u32,
    bias_strides: vec4u,        // floats per step of batch, head, i, j; 0 where the bias is broadcast
    n_k: u32,
    heads: u32,
    kv_heads: u32,
    has_bias: u32,
    left: i32,                  // query i sees key j if -left <= j - i - diagonal <= right and j < key length
    right: i32,
    has_alibi: u32,
    scale: f32,
    softcap: f32,               // 0: none
    key_blocks: u32,            // all of the problem
    span: u32,                  // key blocks of this launch (flash1)
    splits: u32,                // parts of the keys (split_kv)
    kept: f32,                  // dropout: the factor of a weight that is kept, 1 / (1 - rate); 0: no dropout
    keep_at: u32,               // the first word of its mask in batch_in; 0: it is drawn by the seed, ...
    last_dropped: u32,          // ... of which random words up to this one drop a weight
    drawn_q: u32,               // n_q and n_k of what it is drawn for: of an input that this is the beginning of, its own
    seed: vec2u,                // the low half first
    drawn_k: u32,
}

// WebGPU grants eight storage bindings to a kernel: small tensors share one, and no kernel uses all of these.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q_in: array<vec4f>;            // [batch, heads, n_q, d]
@group(0) @binding(2) var<storage, read> k_in: array<vec4f>;            // [batch, kv_heads, n_k, d]
@group(0) @binding(3) var<storage, read> v_in: array<vec4f>;            // [batch, kv_heads, n_k, d_v]
@group(0) @binding(4) var<storage, read> bias_in: array<u32>;           // bits of f32, by bias_strides
@group(0) @binding(5) var<storage, read> batch_in: array<u32>;          // [batch, (key length, diagonal, keys ahead,
                                                                        // bits of the slopes)], the dropout mask
@group(0) @binding(6) var<storage, read_write> o_out: array<vec4f>;     // [batch, heads, n_q, d_v]
@group(0) @binding(7) var<storage, read_write> stats_out: array<u32>;   // [batch, heads, n_q, (m, l, L)], bits of f32
@group(0) @binding(8) var<storage, read_write> taps_out: array<u32>;    // [batch, heads, key blocks, n_q, (m, l)], bits
@group(0) @binding(9) var<storage, read_write> s_mem: array<f32>;       // [batch, heads, n_q, n_k], standard only
@group(0) @binding(10) var<storage, read_write> p_mem: array<f32>;      // the same
@group(0) @binding(11) var<storage, read_write> part_o: array<vec4f>;   // [batch, heads, splits, n_q, d_v], split_kv only
@group(0) @binding(12) var<storage, read_write> part_lse: array<f32>;   // [batch, heads, splits, n_q], stand-ins and all

// exp(x - shift), with exp of a hidden x exactly 0, and of no other. Never evaluates HIDDEN - shift, which may overflow.
fn exp_minus(x: f32, shift: f32) -> f32 {
    if (x == HIDDEN) { return 0.0; }
    return exp(max(x - shift, LEAST));
}

// A score that is seen, or the stand-in for it.
fn stand_in(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let size = bits & 0x7fffffffu;
    if (size < INF_BITS) { return x; }
    if (size > INF_BITS) { return ODD; }
    return select(ABOVE, BELOW, bits == NEG_INF_BITS);
}

// WGSL promises only 1e-5 for its tanh, and some drivers overflow inside it.
fn tanh_exact(x: f32) -> f32 {
    let z = x * x;
    if (z < 0.16) {             // Taylor to x^13: where 1 - 2 / (e^2x + 1) would cancel
        return x + x * z * (-1.0 / 3.0 + z * (2.0 / 15.0 + z * (-17.0 / 315.0 + z * (62.0 / 2835.0
            + z * (-1382.0 / 155925.0 + z * (21844.0 / 6081075.0))))));
    }
    return sign(x) * (1.0 - 2.0 / (exp(2.0 * min(abs(x), 10.0)) + 1.0));
}

// Keys of a batch entry that exist; never more than n_k.
fn key_length_of(batch: u32) -> i32 {
    return i32(batch_in[batch * (params.heads + 3u)]);
}

// The key on the diagonal of query 0.
fn diagonal_of(batch: u32) -> i32 {
    return i32(batch_in[batch * (params.heads + 3u) + 1u]);
}

// The key from which ALiBi has the distances of query 0.
fn ahead_of(batch: u32) -> i32 {
    return i32(batch_in[batch * (params.heads + 3u) + 2u]);
}

// The keys that query i sees are one run, first_key(i) <= j < end_key(i); empty if the first is not below the second.
fn first_key(i: u32, diagonal: i32) -> i32 {
    return max(0, i32(i) + diagonal - params.left);
}

fn end_key(i: u32, key_length: i32, diagonal: i32) -> i32 {
    return min(key_length, i32(i) + diagonal + params.right + 1);
}

// The score of one pair from its dot product: scale, softcap, ALiBi, bias. HIDDEN where the bias is -inf, a stand-in
// where the score is no finite number.
fn score(product: f32, batch: u32, head: u32, i: u32, j: u32) -> f32 {
    var bias = 0.0;
    if (params.has_bias != 0u) {
        let at = params.bias_strides * vec4u(batch, head, i, j);
        let bits = bias_in[at.x + at.y + at.z + at.w];
        if (bits == NEG_INF_BITS) { return HIDDEN; }
        bias = bitcast<f32>(bits);
    }
    var x = params.scale * product;
    if (params.softcap > 0.0) {
        if (stand_in(x) == ODD) { return ODD; }     // of which tanh would make a number
        x = params.softcap * tanh_exact(x / params.softcap);
    }
    if (params.has_alibi != 0u) {
        let slope = bitcast<f32>(batch_in[batch * (params.heads + 3u) + 3u + head]);
        let distance = abs(i32(i) + ahead_of(batch) - i32(j));
        x -= slope * f32(distance);
    }
    return stand_in(x + bias);
}

// The product of two words as two, the low one first.
fn wide_product(a: u32, b: u32) -> vec2u {
    let x = vec2u(a & 0xffffu, a >> 16u);
    let y = vec2u(b & 0xffffu, b >> 16u);
    let middle = x.y * y.x + ((x.x * y.x) >> 16u);
    return vec2u(a * b, x.y * y.y + (middle >> 16u) + ((x.x * y.y + (middle & 0xffffu)) >> 16u));
}

// Word n (the low half first) of the random numbers of a seed, by Philox 4x32-10 (Salmon et al. 2011): no word needs those
// before it. Counted as cuRAND counts: word n % 4 of counter n / 4.
fn random_word(n: vec2u) -> u32 {
    var x = vec4u((n.x >> 2u) | (n.y << 30u), n.y >> 2u, 0u, 0u);
    var key = params.seed;
    for (var turn = 0u; turn < 10u; turn++) {
        let first = wide_product(0xd2511f53u, x.x);
        let second = wide_product(0xcd9e8d57u, x.z);
        x = vec4u(second.y ^ x.y ^ key.x, second.x, first.y ^ x.w ^ key.y, first.x);
        key += vec2u(0x9e3779b9u, 0xbb67ae85u);
    }
    return x[n.x & 3u];
}

// What dropout makes of the weight of one pair: its factor, 0 or `kept`.
fn keep(batch: u32, head: u32, i: u32, j: u32) -> f32 {
    let begins = wide_product((batch * params.heads + head) * params.drawn_q + i, params.drawn_k);
    let low = begins.x + j;
    let n = vec2u(low, begins.y + u32(low < j));
    if (params.keep_at != 0u) {     // a byte for each weight
        let bytes = batch_in[params.keep_at + n.x / 4u];
        return select(0.0, params.kept, ((bytes >> (8u * (n.x & 3u))) & 0xffu) != 0u);
    }
    return select(0.0, params.kept, random_word(n) > params.last_dropped);
}

// The largest score of a query is a stand-in: its l, L and O are NaN.
fn is_odd(m: f32) -> bool {
    return m == BELOW || m >= ABOVE;
}

// NaN, which no constant may be.
fn nan() -> f32 {
    var bits = NAN_BITS;
    return bitcast<f32>(bits);
}

// m as it leaves: what a stand-in stands for, -inf for a query that sees no key.
fn m_bits(m: f32) -> u32 {
    if (m == ODD) { return NAN_BITS; }
    if (m == ABOVE) { return INF_BITS; }
    return select(bitcast<u32>(m), NEG_INF_BITS, m <= BELOW);
}

fn l_bits(m: f32, l: f32) -> u32 {
    return select(bitcast<u32>(l), NAN_BITS, is_odd(m));
}

// L = m + ln l, the logarithm of what the weights of a query were divided by; all that backward needs.
fn logsumexp_bits(m: f32, l: f32) -> u32 {
    if (is_odd(m)) { return NAN_BITS; }
    let dead = m == HIDDEN;
    return select(bitcast<u32>(m + log(select(l, 1.0, dead))), NEG_INF_BITS, dead);
}

// Records m and l of query i after a key block. `q_rows` counts the queries of the heads before this one.
fn tap(q_rows: u32, key_block: u32, i: u32, m: f32, l: f32) {
    let at = 2u * (q_rows * params.key_blocks + key_block * params.n_q + i);
    taps_out[at] = m_bits(m);
    taps_out[at + 1u] = l_bits(m, l);
}
