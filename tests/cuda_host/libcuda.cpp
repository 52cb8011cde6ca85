// A stand-in for the NVIDIA driver's library: the program and its scripts run on it as they would on a GPU, and the kernels'
// own sources run on the CPU. Modules are compiled when they are loaded.
//
// PLAYER_ROOT    the project's folder
// PLAYER_CACHE   where compiled modules are kept
// PLAYER_THREADS the object file of tests/cuda_cpu/thread_block.cpp
// PLAYER_IDLE    launches of a program with this argument do nothing: its times would mean nothing anyway
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include <dlfcn.h>

struct uint3 {
    unsigned x, y, z;
};
using Launch = int (*)(const char *, bool, uint3, unsigned, const void *, size_t);
using Pointer = uint64_t;

struct Function {
    Launch launch;
    std::string name;
    unsigned most_shared = 48 << 10;    // that a launch may give a block
};

static std::string upper(std::string text) {
    for (char &c : text) c = toupper(c);
    return text;
}

// The library of a PTX, by its first line: `// flash2.cu D=64 TAPS: ..`.
static std::string library(const std::string &ptx) {
    std::string what = ptx.substr(3, ptx.find(": ") - 3), defines, name = what;
    std::string file = what.substr(0, what.find(' ')), stem = file.substr(0, file.rfind(".cu"));
    for (size_t at = what.find(' '); at != std::string::npos; at = what.find(' ', at + 1)) {
        defines += " -D" + what.substr(at + 1, what.find(' ', at + 1) - at - 1);
    }
    defines += " -DKERNEL_" + upper(stem);
    if (stem == "flash2_mma") defines += " -DTENSOR_CORES";
    for (char &c : name) c = c == ' ' || c == '=' ? '-' : c;
    std::string root = getenv("PLAYER_ROOT"), to = std::string(getenv("PLAYER_CACHE")) + "/" + name + ".so";
    FILE *known = fopen(to.c_str(), "rb");
    if (known) return fclose(known), to;
    std::string tests = root + "/tests/";
    std::string command = "g++ -std=c++17 -O1 -fPIC -shared -fno-gnu-unique -Wno-unknown-pragmas -DKERNEL_FILE='\"" + file +
                          "\"' -DKERNEL=" + stem + defines + " -I" + root + "/kernels -I" + tests + "cuda_cpu " + tests +
                          "cuda_host/module.cpp " + getenv("PLAYER_THREADS") + " -o " + to + ".part && mv " + to + ".part " + to;
    return system(command.c_str()) ? "" : to;
}

static bool is_idle() {
    const char *argument = getenv("PLAYER_IDLE");
    FILE *file = fopen("/proc/self/cmdline", "rb");
    char line[4096] = {};
    size_t length = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file) fclose(file);
    for (size_t at = 0; argument && at < length; at += strlen(line + at) + 1) {
        if (!strcmp(line + at, argument)) return true;
    }
    return false;
}

extern "C" {
int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int *version) { return *version = 12040, 0; }
int cuGetErrorName(int, const char **name) { return *name = "CUDA_ERROR_OF_A_STAND_IN", 0; }
int cuGetErrorString(int, const char **text) { return *text = "played", 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetName(char *name, int size, int) { return snprintf(name, size, "Played GPU"), 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = (size_t)1 << 30, 0; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    const std::map<int, int> known = {{16, 4}, {38, 1 << 20}, {39, 2048}, {75, 9}, {81, 233472}, {82, 65536}, {106, 32}};
    auto found = known.find(attribute);
    return *value = found == known.end() ? 0 : found->second, 0;
}
int cuCtxCreate_v2(void **context, unsigned, int) { return *context = (void *)1, 0; }
int cuCtxDestroy_v2(void *) { return 0; }
int cuCtxSetCurrent(void *) { return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { return *free = *total = (size_t)1 << 30, 0; }
int cuMemAlloc_v2(Pointer *pointer, size_t bytes) { return *pointer = (Pointer)malloc(bytes), *pointer ? 0 : 2; }
int cuMemFree_v2(Pointer pointer) { return free((void *)pointer), 0; }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *) { return memcpy((void *)to, from, bytes), 0; }
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *) { return memcpy(to, (void *)from, bytes), 0; }
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *) {
    return memcpy((void *)to, (void *)from, bytes), 0;
}
int cuMemsetD32Async(Pointer to, unsigned word, size_t words, void *) {
    for (size_t n = 0; n < words; n++) ((unsigned *)to)[n] = word;
    return 0;
}
int cuModuleLoadDataEx(void **module, const char *ptx, unsigned, unsigned *, void **) {
    std::string path = library(ptx);
    void *opened = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    *module = opened ? dlsym(opened, "module_launch") : nullptr;
    return *module ? 0 : 218;
}
int cuModuleUnload(void *) { return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = new Function{(Launch)module, name};
    return ((Launch)module)(name, false, {}, 0, nullptr, 0);
}
int cuFuncGetAttribute(int *value, int attribute, void *) { return *value = attribute ? 64 : 1024, 0; }
int cuFuncSetAttribute(void *function, int attribute, int value) {
    if (attribute != 8) return 1;
    return ((Function *)function)->most_shared = value, 0;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *, int, size_t) { return *blocks = 2, 0; }
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned, unsigned shared,
                   void *, void **parameters, void **) {
    const Function &called = *(Function *)function;
    if (shared > called.most_shared) return 1;
    static const bool idle = is_idle();
    if (idle) return 0;
    return called.launch(called.name.c_str(), true, {x, y, z}, threads, parameters[0], 328);
}
int cuStreamCreate(void **stream, unsigned) { return *stream = (void *)1, 0; }
int cuStreamDestroy_v2(void *) { return 0; }
int cuStreamSynchronize(void *) { return 0; }
int cuEventCreate(void **event, unsigned) { return *event = (void *)1, 0; }
int cuEventDestroy_v2(void *) { return 0; }
int cuEventRecord(void *, void *) { return 0; }
int cuEventQuery(void *) { return 0; }
int cuEventElapsedTime(float *ms, void *, void *) { return *ms = 0.5f, 0; }
}
