// The instructions of Ampere's tensor cores that a kernel names: matrix products, loads of their operands from shared
// memory, copies that run while the program goes on. Needs compute capability 8.0.
//
// Without a GPU the same names are functions that do what the PTX manual says of each instruction.
//
// Operands lie across a warp. With g = lane / 4 and t = lane % 4, a lane holds of an 8 x 8 matrix of 16-bit elements
// the pair (g, 2t), (g, 2t + 1) in one register, and of a 16 x 8 matrix of sums the pairs (g, 2t), (g, 2t + 1) and
// (g + 8, 2t), (g + 8, 2t + 1) in four.

#ifdef __CUDACC_RTC__

// Where something lies in shared memory, in bytes.
typedef unsigned SharedAddress;

// The shared memory that a launch gives a block: only this may be more than 48 KiB.
#define LAUNCH_SHARED(name, bytes) extern __shared__ __align__(128) unsigned char name[]

__device__ inline SharedAddress shared_address(const void *pointer) {
    return (unsigned)__cvta_generic_to_shared(pointer);
}

// The same address with some of its bits turned over.
__device__ inline SharedAddress flip(SharedAddress at, unsigned bits) {
    return at ^ bits;
}

#ifdef BF16
#define MMA "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
#define PACK "cvt.rn.bf16x2.f32"
#else
#define MMA "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
#define PACK "cvt.rn.f16x2.f32"
#endif

// The block's place in the grid, read from its register each time: a program may ask twice rather than remember.
__device__ inline unsigned block_y() {
    unsigned y;
    asm volatile("mov.u32 %0, %%ctaid.y;" : "=r"(y));
    return y;
}

__device__ inline unsigned block_z() {
    unsigned z;
    asm volatile("mov.u32 %0, %%ctaid.z;" : "=r"(z));
    return z;
}

// c += A B. A is 16 x 16: its quarters (top left, bottom left, top right, bottom right). B is 16 x 8: top and bottom.
__device__ inline void mma(float c[4], const unsigned a[4], const unsigned b[2]) {
    asm(MMA " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8 x 8 matrices. Lanes 0 to 7 say where the rows of the first are, lanes 8 to 15 those of the second, and so on.
__device__ inline void load_matrices(unsigned to[4], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row));
}

// The same, each matrix transposed.
__device__ inline void load_matrices_transposed(unsigned to[4], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row));
}

// Starts to copy 16 bytes to shared memory, past the registers and the L1 cache. Only `bytes` of them are read; the
// rest becomes zeros.
__device__ inline void copy_async(SharedAddress to, const void *from, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(to), "l"(from), "r"(bytes) : "memory");
}

// Makes a group of the copies that this thread has started since the last one.
__device__ inline void commit_copies() {
    asm volatile("cp.async.commit_group;" : : : "memory");
}

// Waits until all groups of this thread but the latest `PENDING` have arrived. Others see them after a barrier.
template <int PENDING>
__device__ inline void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" : : "n"(PENDING) : "memory");
}

// Two floats as 16-bit elements of one register, the first in its lower half.
__device__ inline unsigned pack(float low, float high) {
    unsigned both;
    asm(PACK " %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

// 2^x by the special function unit: 0 where x is -inf.
__device__ inline float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

#endif
