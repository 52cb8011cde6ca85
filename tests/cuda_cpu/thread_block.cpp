// What runs the threads of a played thread block (thread_block.h): fibres, barriers, warps, copies under way.
//
// Without sanitizers: it touches no memory of a kernel but the operands that lanes bring.
#include "thread_block.h"

#include <deque>
#include <utility>
#include <vector>

#include "fibre.h"
#include "formats.h"

namespace cpu {

Place place;

namespace {

enum class State { Ready, AtBarrier, InWarp, Done };

struct Thread {
    Context context;
    unsigned index;
    State state;
    int line;                               // where it waits
    std::vector<Copy> open_copies;          // not yet in a group
    std::deque<std::vector<Copy>> groups;
};

// The lanes that have arrived at an instruction of their warp, and those that have left.
struct Warp {
    void *operands[WARP_SIZE];
    unsigned waiting = 0, done = 0;
    int line = 0;                           // of the instruction
};

struct Block {
    Context scheduler;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    unsigned size = 0;
    Thread *current = nullptr;
    void (*kernel)(const void *) = nullptr;
    const void *argument = nullptr;
    uint32_t random = 1;
} block;

uint32_t next_random() {
    block.random ^= block.random << 13;
    block.random ^= block.random >> 17;
    return block.random ^= block.random << 5;
}

void wait(State state, int line) {
    Thread &thread = *block.current;
    thread.state = state;
    thread.line = line;
    switch_to(thread.context, block.scheduler);
}

void run_fibre() {
    for (;;) {
        block.kernel(block.argument);
        Thread &thread = *block.current;
        if (!thread.open_copies.empty() || !thread.groups.empty()) fail("copies are under way when a thread ends");
        block.warps[thread.index / WARP_SIZE].done++;
        wait(State::Done, 0);
    }
}

extern "C" char __start_shared_memory[] __attribute__((weak));
extern "C" char __stop_shared_memory[] __attribute__((weak));

// All of it, with what the sanitizer keeps between the variables: by words, as memset would be watched.
void poison_shared_memory() {
    char *at = __start_shared_memory;
    for (; at + 8 <= __stop_shared_memory; at += 8) *(volatile uint64_t *)at = ~(uint64_t)0;
    for (; at < __stop_shared_memory; at++) *(volatile char *)at = (char)0xff;
}

// Gives each of these threads that can go on one turn; false if none can.
bool run_some(Thread **threads, unsigned count) {
    if (place.order == Order::Random) {
        for (unsigned left = count; left > 1; left--) std::swap(threads[left - 1], threads[next_random() % left]);
    }
    bool moved = false;
    for (unsigned at = 0; at < count; at++) {
        if (threads[at]->state != State::Ready) continue;
        block.current = threads[at];
        place.thread = {threads[at]->index, 0, 0};
        switch_to(block.scheduler, threads[at]->context);
        moved = true;
    }
    return moved;
}

// Runs one thread block to its end.
void run_block() {
    poison_shared_memory();
    block.warps.assign((block.size + WARP_SIZE - 1) / WARP_SIZE, Warp());
    // Threads warp by warp, each in the order of the day.
    std::vector<Thread *> turn;
    for (unsigned at = 0; at < block.size; at++) {
        Thread &thread = block.threads[place.order == Order::Backwards ? block.size - 1 - at : at];
        thread.state = State::Ready;
        turn.push_back(&thread);
    }
    for (;;) {
        bool moved = false;
        for (unsigned warp = 0; warp < block.size; warp += WARP_SIZE) {
            unsigned end = warp + WARP_SIZE < block.size ? warp + WARP_SIZE : block.size;
            // A warp runs as far ahead of the others as it can; at random, as far as chance has it.
            while (run_some(&turn[warp], end - warp)) {
                moved = true;
                if (place.order == Order::Random && next_random() % 4 == 0) break;
            }
        }
        if (moved) continue;
        // Nobody can go on: all are done, or all wait at one barrier, or the kernel is wrong.
        for (Thread *thread : turn) {
            if (thread->state == State::InWarp) fail("lanes wait for others of their warp", thread->line, thread->line);
            if (thread->state != turn[0]->state) fail("a thread has left while others wait at a barrier");
            if (thread->line != turn[0]->line) fail("threads wait at different barriers", thread->line, turn[0]->line);
        }
        if (turn[0]->state == State::Done) return;
        for (Thread *thread : turn) thread->state = State::Ready;
    }
}

}  // namespace

void fail(const char *what, int line_a, int line_b) {
    fprintf(stderr, "thread block: %s (lines %d and %d)\n", what, line_a, line_b);
    exit(3);
}

void sync_threads(int line) { wait(State::AtBarrier, line); }

void together(unsigned mask, int line, void *operand, void (*action)(void **)) {
    if (mask != 0xffffffff) fail("a mask that is not the whole warp", line, line);
    if (block.size % WARP_SIZE) fail("a warp instruction in a block of parts of warps", line, line);
    unsigned index = block.current->index;
    Warp &warp = block.warps[index / WARP_SIZE];
    if (warp.done) fail("a lane has left that a warp instruction needs", line, line);
    if (warp.waiting && warp.line != line) fail("lanes of a warp meet in different instructions", line, warp.line);
    warp.operands[index % WARP_SIZE] = operand;
    warp.line = line;
    if (++warp.waiting < WARP_SIZE) return wait(State::InWarp, line);
    action(warp.operands);
    warp.waiting = 0;
    Thread *first = block.current - index % WARP_SIZE;
    for (unsigned lane = 0; lane < WARP_SIZE; lane++) first[lane].state = State::Ready;
}

void exchange(void **operands) {
    for (int lane = 0; lane < WARP_SIZE; lane++) {
        auto *mine = (Shuffled *)operands[lane];
        mine->out = ((Shuffled *)operands[mine->source % WARP_SIZE])->in;
    }
}

bool is_early() { return place.order == Order::Forwards || (place.order == Order::Random && next_random() % 2); }

void add_copy(const Copy &copy) { block.current->open_copies.push_back(copy); }

void end_group() {
    block.current->groups.push_back(std::move(block.current->open_copies));
    block.current->open_copies.clear();
}

bool take_copy(unsigned pending, Copy &copy) {
    auto &groups = block.current->groups;
    for (; groups.size() > pending; groups.pop_front()) {
        if (groups.front().empty()) continue;
        copy = groups.front().front();
        groups.front().erase(groups.front().begin());
        return true;
    }
    return false;
}

template <float (*number)(uint16_t)>
static void multiply(void **operands) {
    // Registers to whole matrices, the product, and back.
    double a[16][16], b[16][8];
    double sums[16][8];     // products are exact, and rounded once they are added up
    for (int lane = 0; lane < WARP_SIZE; lane++) {
        auto *from = (Product *)operands[lane];
        int g = lane / 4, t = lane % 4 * 2;
        for (int which = 0; which < 2; which++) {
            a[g][t + which] = number(from->a[0] >> 16 * which);
            a[g + 8][t + which] = number(from->a[1] >> 16 * which);
            a[g][t + 8 + which] = number(from->a[2] >> 16 * which);
            a[g + 8][t + 8 + which] = number(from->a[3] >> 16 * which);
            b[t + which][g] = number(from->b[0] >> 16 * which);
            b[t + 8 + which][g] = number(from->b[1] >> 16 * which);
            sums[g][t + which] = from->c[which];
            sums[g + 8][t + which] = from->c[2 + which];
        }
    }
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < 16; k++) {
            for (int j = 0; j < 8; j++) sums[i][j] += a[i][k] * b[k][j];
        }
    }
    for (int lane = 0; lane < WARP_SIZE; lane++) {
        auto *to = (Product *)operands[lane];
        int g = lane / 4, t = lane % 4 * 2;
        for (int which = 0; which < 2; which++) {
            to->c[which] = (float)sums[g][t + which];
            to->c[2 + which] = (float)sums[g + 8][t + which];
        }
    }
}

void multiply_f16(void **operands) { multiply<from_f16>(operands); }
void multiply_bf16(void **operands) { multiply<from_bf16>(operands); }

void launch(uint3 grid, unsigned size, Order order, uint32_t seed, void (*kernel)(const void *), const void *argument) {
    constexpr unsigned MOST = 1024;         // threads of a block, on any GPU
    if (size > MOST) fail("a block of too many threads");
    block.threads.reserve(MOST);            // never moved: contexts are where they are
    place.grid = grid;
    place.order = order;
    block.size = size;
    block.random = seed | 1;
    block.kernel = kernel;
    block.argument = argument;
    for (unsigned index = block.threads.size(); index < size; index++) {
        block.threads.emplace_back().index = index;
        start_fibre(block.threads.back().context, run_fibre);
    }
    std::vector<unsigned> turn(grid.x * grid.y * grid.z);
    for (unsigned n = 0; n < turn.size(); n++) turn[n] = order == Order::Backwards ? turn.size() - 1 - n : n;
    if (order == Order::Random) {
        for (unsigned left = turn.size(); left > 1; left--) std::swap(turn[left - 1], turn[next_random() % left]);
    }
    for (unsigned at : turn) {
        place.block = {at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
        run_block();
    }
}

}  // namespace cpu
