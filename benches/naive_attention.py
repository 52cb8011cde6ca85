"""Plain attention in NumPy, f32, one head, N = 4096, d = 64: prints the best of ten times in milliseconds."""

import time

import numpy as np

N, D = 4096, 64
rng = np.random.default_rng(0)
q, k, v = (rng.standard_normal((N, D)).astype(np.float32) for _ in range(3))


def attention():
    s = (q * np.float32(D**-0.5)) @ k.T
    s -= s.max(axis=1, keepdims=True)
    np.exp(s, out=s)
    s /= s.sum(axis=1, keepdims=True)
    return s @ v


times = []
for _ in range(10):
    start = time.perf_counter()
    attention()
    times.append(time.perf_counter() - start)
print(min(times) * 1e3)
