// Two kernels that are no attention: one only copies, one only multiplies and adds. They measure what attention is held
// against in a roofline.

struct Params {
    count: u32,  // vec4s to copy
    rounds: u32, // times that each chain multiplies and adds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.count; i += groups.x * 64u) {
        result[i] = source[i];
    }
}

// Eight chains of vec4s that do not wait for each other: 8 * 4 * 2 = 64 FLOPs a round. The factors come from memory and
// the sum goes there, so that no compiler can do the work in advance or leave it out.
@compute @workgroup_size(64)
fn multiply_add(@builtin(global_invocation_id) id: vec3<u32>) {
    let a = source[0];
    let b = source[1];
    var x0 = source[2u + id.x % 8u];
    var x1 = x0 + b;
    var x2 = x1 + b;
    var x3 = x2 + b;
    var x4 = x3 + b;
    var x5 = x4 + b;
    var x6 = x5 + b;
    var x7 = x6 + b;
    for (var n = 0u; n < params.rounds; n++) {
        x0 = fma(x0, a, b);
        x1 = fma(x1, a, b);
        x2 = fma(x2, a, b);
        x3 = fma(x3, a, b);
        x4 = fma(x4, a, b);
        x5 = fma(x5, a, b);
        x6 = fma(x6, a, b);
        x7 = fma(x7, a, b);
    }
    result[id.x] = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7));
}
