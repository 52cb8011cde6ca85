// A device of its own process: memory, and modules that are run on it. Commands come on stdin, answers go to stdout.
//
// Every allocation has its exact size and is watched by the sanitizer, so that a kernel with a wrong pointer or stride, or
// a copy that is too long, ends the process: what a GPU calls an illegal address.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <dlfcn.h>

struct uint3 {
    unsigned x, y, z;
};
using Launch = int (*)(const char *, bool, uint3, unsigned, const void *, size_t);

template <class T>
static T get() {
    T value;
    if (fread(&value, sizeof value, 1, stdin) != 1) exit(0);    // nobody is there any more
    return value;
}

static std::vector<char> get_bytes() {
    std::vector<char> bytes(get<uint64_t>());
    if (!bytes.empty() && fread(bytes.data(), 1, bytes.size(), stdin) != bytes.size()) exit(0);
    return bytes;
}

static std::string get_text() {
    std::vector<char> bytes = get_bytes();
    return std::string(bytes.begin(), bytes.end());
}

static void answer(int32_t code, uint64_t value = 0, const void *data = nullptr, uint64_t bytes = 0) {
    fwrite(&code, sizeof code, 1, stdout);
    fwrite(&value, sizeof value, 1, stdout);
    fwrite(&bytes, sizeof bytes, 1, stdout);
    if (bytes) fwrite(data, 1, bytes, stdout);
    fflush(stdout);
}

int main() {
    for (;;) {
        switch (get<char>()) {
        case 'a': {
            void *memory = malloc(get<uint64_t>());
            answer(memory ? 0 : 2, (uint64_t)memory);
            break;
        }
        case 'f':
            free((void *)get<uint64_t>());
            answer(0);
            break;
        case 'u': {
            void *to = (void *)get<uint64_t>();
            std::vector<char> bytes = get_bytes();
            memcpy(to, bytes.data(), bytes.size());
            answer(0);
            break;
        }
        case 'd': {
            void *from = (void *)get<uint64_t>();
            // A copy, so that the sanitizer sees where it is read.
            std::vector<char> bytes(get<uint64_t>());
            memcpy(bytes.data(), from, bytes.size());
            answer(0, 0, bytes.data(), bytes.size());
            break;
        }
        case 's': {
            uint32_t *to = (uint32_t *)get<uint64_t>(), word = get<uint32_t>();
            uint64_t count = get<uint64_t>();
            for (uint64_t n = 0; n < count; n++) to[n] = word;
            answer(0);
            break;
        }
        case 'm': {
            void *module = dlopen(get_text().c_str(), RTLD_NOW | RTLD_LOCAL);
            if (!module) fprintf(stderr, "%s\n", dlerror());
            void *launch = module ? dlsym(module, "module_launch") : nullptr;
            answer(launch ? 0 : 200, (uint64_t)launch);
            break;
        }
        case 'l': {
            Launch launch = (Launch)get<uint64_t>();
            bool run = get<char>();
            std::string name = get_text();
            uint3 grid = get<uint3>();
            unsigned threads = get<uint32_t>();
            std::vector<char> parameter = get_bytes();
            answer(launch(name.c_str(), run, grid, threads, parameter.data(), parameter.size()));
            break;
        }
        default:
            return 3;
        }
    }
}
