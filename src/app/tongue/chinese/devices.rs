//! Why there is no GPU or no window, and what a text needs to be carried out, in Chinese.

pub static TABLE: &[(&str, &str)] = &[
    ("the window cannot be opened: {0}", "窗口打不开：{0}"),
    (
        "there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set)",
        "没有可以打开窗口的显示器(DISPLAY 和 WAYLAND_DISPLAY 都没有设置)",
    ),
    (
        "there is no display to open a window on (nothing answers at WAYLAND_DISPLAY, {0}, and DISPLAY is not set)",
        "没有可以打开窗口的显示器(WAYLAND_DISPLAY 的 {0} 没有应答，DISPLAY 也没有设置)",
    ),
    (
        "this build draws with OpenGL only; build with `--features wgpu`",
        "这个构建只用 OpenGL 绘图；请用 `--features wgpu` 构建",
    ),
    // Looking for a device.
    ("there is no GPU backend {0}; there are {1}", "没有 GPU 后端 {0}；有 {1}"),
    ("this build has no {0} support; build with `--features {0}`", "这个构建不支持 {0}；请用 `--features {0}` 构建"),
    ("the CUDA backend opens the first NVIDIA GPU only", "CUDA 后端只打开第一个 NVIDIA GPU"),
    ("{0} does not open: {1}", "{0} 打不开：{1}"),
    (
        "no Vulkan, Metal, DX12 or OpenGL driver offers a GPU to compute on",
        "没有 Vulkan、Metal、DX12 或 OpenGL 驱动提供可以计算的 GPU",
    ),
    (
        "WGPU_BACKEND allows {0} only, and no driver for that offers a GPU to compute on",
        "WGPU_BACKEND 只允许 {0}，而没有这样的驱动提供可以计算的 GPU",
    ),
    (
        "there {0|is|are} {0} {0|adapter|adapters} now, and number {1} was asked for",
        "现在有 {0} 个适配器，要的是第 {1} 个",
    ),
    ("the device was opened with {0} {1}, but the kernel needs {2}", "设备打开时有 {0} {1}，而核函数需要 {2}"),
    ("bytes of workgroup storage", "字节的工作组存储"),
    ("storage buffers", "个存储缓冲区"),
    ("invocations", "个调用"),
    ("the NVIDIA driver (CUDA {0}) lists no GPU", "NVIDIA 驱动(CUDA {0})没有列出 GPU"),
    ("the NVIDIA driver fails in {0}", "NVIDIA 驱动出错：{0}"),
    ("{0} does not open: the NVIDIA driver fails in {1}", "{0} 打不开：NVIDIA 驱动出错：{1}"),
    ("device {0}: {1}", "设备 {0}：{1}"),
    (
        "compute capability {0}, but the kernels need {1} (Ampere) or newer",
        "计算能力 {0}，而核函数需要 {1}(Ampere)或更新",
    ),
    (
        "the NVIDIA driver knows CUDA {0}, but the kernels are PTX {1}, which needs CUDA {2}: install driver 530 or newer",
        "NVIDIA 驱动支持 CUDA {0}，而核函数是 PTX {1}，需要 CUDA {2}：请安装 530 或更新的驱动",
    ),
    (
        "there is no NVIDIA driver library (libcuda.so.1 or nvcuda.dll) on this machine",
        "这台机器上没有 NVIDIA 驱动库(libcuda.so.1 或 nvcuda.dll)",
    ),
    ("the NVIDIA driver library is a stub or too old: it lacks {0}", "NVIDIA 驱动库是空壳或太旧：它没有 {0}"),
    // Changed kernels.
    ("the {0} backend does not take changed kernels", "{0} 后端不接受改过的核函数"),
    ("there is no CUDA kernel {0}", "没有 CUDA 核函数 {0}"),
    ("there is no WGSL kernel {0}", "没有 WGSL 核函数 {0}"),
    ("{0} fails with {1}", "{0} 出错：{1}"),
    ("{0} is no NVRTC: it lacks {1}", "{0} 不是 NVRTC：它没有 {1}"),
    ("{0} names {1}, which does not open as a library", "{0} 指的 {1} 不能作为库打开"),
    (
        "NVRTC is not installed (libnvrtc.so or nvrtc64_*.dll, of CUDA 11 to 13), which compiles changed kernels; {0} may name its file",
        "没有安装编译改过的核函数的 NVRTC(CUDA 11 到 13 的 libnvrtc.so 或 nvrtc64_*.dll)；可以用 {0} 指出它的文件",
    ),
    ("it must say `constexpr int {0} = ..`, above 0", "它必须写 `constexpr int {0} = ..`，大于 0"),
    (
        "it must say `constexpr int SHARED_BYTES = ..`: what a launch gives a block",
        "它必须写 `constexpr int SHARED_BYTES = ..`：一次启动给一个块的量",
    ),
    ("the compiler refused it and did not say why", "编译器没有通过，也没有说明原因"),
    ("the compiler of WGSL fell over this source", "WGSL 编译器被这份源码弄崩了"),
    ("the changed kernel broke the context: {0}", "改过的核函数弄坏了上下文：{0}"),
    ("{0} has no kernel {1}", "{0} 没有核函数 {1}"),
    (
        "{0} of {1} takes `{2}`, but the program passes one struct Attention of {3} {3|byte|bytes}",
        "{1} 的 {0} 要 `{2}`，而程序传的是一个 {3} 字节的 struct Attention",
    ),
    (
        "the NVIDIA driver (CUDA {0}) does not load PTX {1}: a newer driver, or an older NVRTC, is needed",
        "NVIDIA 驱动(CUDA {0})不能载入 PTX {1}：需要更新的驱动，或更旧的 NVRTC",
    ),
    (
        "{0} does not fit an SM: a block takes {1} {1|thread|threads}, {2} {2|register|registers} and {3} {3|byte|bytes} of shared memory, and an SM has {4}, {5} and {6}",
        "{0} 放不进一个 SM：一个块要 {1} 个线程、{2} 个寄存器和 {3} 字节共享内存，而一个 SM 有 {4}、{5} 和 {6}",
    ),
    // How a run fails.
    ("{0}; in a new context: {1}", "{0}；换了新的上下文：{1}"),
    ("results cannot be read back: {0}", "结果读不回来：{0}"),
    ("the device did not answer", "设备没有应答"),
    ("it went away while a launch was running", "启动还在运行时它就不见了"),
    ("the GPU's clock stands still", "GPU 的时钟不走"),
    ("the wall clock stands still", "墙上时钟不走"),
    ("there is no kernel {0}", "没有核函数 {0}"),
    // Carrying out a text.
    ("the text needs {0}, which the input does not have", "这份代码文本需要 {0}，而输入里没有"),
    (
        "line {0} loads a block of {1} that no step has written, at {2}",
        "第 {0} 行载入 {1} 的一块，而没有哪一步写过它，在 {2}",
    ),
    ("it comes after {0}, which is not there; there are {1}", "它接在 {0} 之后，而没有 {0}；有 {1}"),
    ("its tensors take {0}, and {1} is the limit: take fewer tokens", "它的张量要占 {0}，上限是 {1}：请减少词元"),
    (
        "it takes {0} {0|step|steps}, and {1} is the limit: take fewer tokens or larger blocks",
        "它要 {0} 步，上限是 {1} 步：请减少词元，或用更大的块",
    ),
    ("{0} is no tensor of its text", "{0} 不是它的代码文本里的张量"),
    ("added to {0} in HBM", "对显存中的 {0} 做加法"),
];
