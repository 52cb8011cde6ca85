// Fibres: functions with stacks of their own that hand control to each other. One plays each CUDA thread.
//
// On x86-64 a switch is eight instructions; elsewhere ucontext does it, with a system call. AddressSanitizer is not told:
// what it keeps around the variables of a stack lies beside them, whoever's the stack is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <sys/mman.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace cpu {

// A place where execution can go on.
struct Context {
#if defined(__x86_64__)
    void *stack_pointer = nullptr;
#else
    ucontext_t context;
#endif
};

#if defined(__x86_64__)
extern "C" void cpu_switch_stack(void **save, void *load);
asm(R"(
.text
.globl cpu_switch_stack
cpu_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#endif

// Leaves `from`, to be returned to, and goes on at `to`.
inline void switch_to(Context &from, Context &to) {
#if defined(__x86_64__)
    cpu_switch_stack(&from.stack_pointer, to.stack_pointer);
#else
    swapcontext(&from.context, &to.context);
#endif
}

// Makes `fibre` begin with `entry`, which must never return.
inline void start_fibre(Context &fibre, void (*entry)()) {
    constexpr size_t SIZE = 128 << 10;
    char *stack = (char *)mmap(nullptr, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) abort();
    mprotect(stack, 4096, PROT_NONE);   // an overflow of the stack is a crash and not a surprise
#if defined(__x86_64__)
    void **top = (void **)(stack + SIZE) - 1;    // a function begins 8 bytes off a multiple of 16
    top[0] = nullptr;                   // where `entry` would return to
    top[-1] = (void *)entry;            // where the first switch "returns" to
    for (int at = 2; at < 8; at++) top[-at] = nullptr;
    fibre.stack_pointer = top - 7;
#else
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = stack;
    fibre.context.uc_stack.ss_size = SIZE;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, entry, 0);
#endif
}

}  // namespace cpu
