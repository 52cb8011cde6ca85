// How the threads of a block share tiles and rows, for the f32 kernels that came after flash2: LANES neighbouring threads
// share a row, and each holds every LANES-th float4 of it.
//
// Not a rung of the ladder. What is a template here is fixed when a kernel is compiled, so that arrays are registers.

constexpr unsigned WARP = 0xffffffff;   // all threads of a warp take part

// Fills a tile with rows `first`, first + 1, ... of a matrix; zeros beyond its last row and column.
template <int THREADS, int ROWS, int WIDTH>
__device__ inline void load_tile(float4 (&tile)[ROWS][WIDTH], const float *matrix, int first, int rows, int columns) {
    for (int at = threadIdx.x; at < ROWS * WIDTH * 4; at += THREADS) {
        int row = at / (WIDTH * 4), c = at % (WIDTH * 4);
        bool inside = first + row < rows && c < columns;
        ((float *)tile[row])[c] = inside ? matrix[(size_t)(first + row) * columns + c] : 0.0f;
    }
}

// A lane's part of a row of `columns` floats; zeros beyond its end.
template <int LANES, int VECS>
__device__ inline void load_row(float4 (&part)[VECS], const float *row, int lane, int columns) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        part[n].x = c < columns ? row[c] : 0.0f;
        part[n].y = c + 1 < columns ? row[c + 1] : 0.0f;
        part[n].z = c + 2 < columns ? row[c + 2] : 0.0f;
        part[n].w = c + 3 < columns ? row[c + 3] : 0.0f;
    }
}

template <int LANES, int VECS>
__device__ inline void store_row(float *row, const float4 (&part)[VECS], int lane, int columns) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        if (c < columns) row[c] = part[n].x;
        if (c + 1 < columns) row[c + 1] = part[n].y;
        if (c + 2 < columns) row[c + 2] = part[n].z;
        if (c + 3 < columns) row[c + 3] = part[n].w;
    }
}

// Adds a row to one in memory, to which nobody else adds.
template <int LANES, int VECS>
__device__ inline void add_to_row(float *row, const float4 (&part)[VECS], int lane, int columns) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        if (c < columns) row[c] += part[n].x;
        if (c + 1 < columns) row[c + 1] += part[n].y;
        if (c + 2 < columns) row[c + 2] += part[n].z;
        if (c + 3 < columns) row[c + 3] += part[n].w;
    }
}

// Adds a row to one in memory, to which others add at the same time.
template <int LANES, int VECS>
__device__ inline void atomic_add_row(float *row, const float4 (&part)[VECS], int lane, int columns) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        if (c < columns) atomicAdd(row + c, part[n].x);
        if (c + 1 < columns) atomicAdd(row + c + 1, part[n].y);
        if (c + 2 < columns) atomicAdd(row + c + 2, part[n].z);
        if (c + 3 < columns) atomicAdd(row + c + 3, part[n].w);
    }
}

template <int VECS>
__device__ inline void set_zero(float4 (&part)[VECS]) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) part[n] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

template <int VECS>
__device__ inline void multiply(float4 (&part)[VECS], float factor) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) part[n].x *= factor, part[n].y *= factor, part[n].z *= factor, part[n].w *= factor;
}

// part += weight * row
template <int LANES, int VECS>
__device__ inline void add_row(float4 (&part)[VECS], float weight, const float4 *row, int lane) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        float4 x = row[n * LANES + lane];
        part[n].x += weight * x.x, part[n].y += weight * x.y, part[n].z += weight * x.z, part[n].w += weight * x.w;
    }
}

// part += weight * other, both held by the same lane
template <int VECS>
__device__ inline void add_part(float4 (&part)[VECS], float weight, const float4 (&other)[VECS]) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        part[n].x += weight * other[n].x, part[n].y += weight * other[n].y;
        part[n].z += weight * other[n].z, part[n].w += weight * other[n].w;
    }
}

template <int LANES>
__device__ inline float sum_of_lanes(float x) {
    #pragma unroll
    for (int lanes = 1; lanes < LANES; lanes *= 2) x += __shfl_xor_sync(WARP, x, lanes);
    return x;
}

template <int LANES>
__device__ inline float max_of_lanes(float x) {
    #pragma unroll
    for (int lanes = 1; lanes < LANES; lanes *= 2) x = max_nan(x, __shfl_xor_sync(WARP, x, lanes));
    return x;
}

// The product of the lanes' row with every row of a tile. Each lane multiplies its part, the parts add up, and lane 0 keeps
// the product with row 0, lane 1 that with row 1, ...: x[n] is that with row n * LANES + lane.
template <int LANES, int COUNT, int VECS, int ROWS, int WIDTH>
__device__ inline void products(float (&x)[COUNT], const float4 (&part)[VECS], const float4 (&tile)[ROWS][WIDTH], int lane) {
    #pragma unroll
    for (int n = 0; n < COUNT; n++) {
        #pragma unroll
        for (int keeper = 0; keeper < LANES; keeper++) {
            float sum = 0.0f;
            #pragma unroll
            for (int c = 0; c < VECS; c++) {
                float4 y = tile[n * LANES + keeper][c * LANES + lane];
                sum += part[c].x * y.x + part[c].y * y.y + part[c].z * y.z + part[c].w * y.w;
            }
            sum = sum_of_lanes<LANES>(sum);
            if (lane == keeper) x[n] = sum;
        }
    }
}
