// One kernel file as a library: what a module of a CUDA driver is, with threads played by tests/cuda_cpu/thread_block.h.
//
// Compiled once per variant, with KERNEL_FILE and what the kernel itself takes (D, BF16, TAPS), and TENSOR_CORES for the
// kernel that has them.
#include "thread_block.h"
#ifdef TENSOR_CORES
#include "tensor_cores.h"
#endif

#include KERNEL_FILE

#define STRING(name) #name
#define ENTRY(kernel)                                                                                             \
    if (!strcmp(name, STRING(kernel))) {                                                                          \
        if (run) cpu::launch(grid, threads, cpu::Order::Random, 7, [=] { kernel(a); });                           \
        return 0;                                                                                                 \
    }

// Runs an entry, or without `run` only says whether there is one. The numbers are those of CUDA's errors.
extern "C" int module_launch(const char *name, bool run, uint3 grid, unsigned threads, const void *parameter, size_t bytes) {
    Attention a = {};
    if (run && bytes != sizeof a) return 1;
    if (run && threads != THREADS) return 1;
    if (run) memcpy((void *)&a, parameter, sizeof a);
#if defined(KERNEL_STANDARD)
    ENTRY(standard_scores)
    ENTRY(standard_softmax)
    ENTRY(standard_output)
#elif defined(KERNEL_SPLIT_KV)
    ENTRY(split_kv_splits)
    ENTRY(split_kv_combine)
#elif defined(KERNEL_FLASH2_BACKWARD)
    ENTRY(flash2_backward_preprocess)
    ENTRY(flash2_backward_gradients)
#if DETERMINISTIC
    ENTRY(flash2_backward_sum)
#endif
#elif defined(KERNEL_TWO_KERNEL_BACKWARD)
    ENTRY(two_kernel_backward_preprocess)
    ENTRY(two_kernel_backward_dq)
    ENTRY(two_kernel_backward_dk_dv)
#else
    ENTRY(KERNEL)
#endif
    return 500;
}
