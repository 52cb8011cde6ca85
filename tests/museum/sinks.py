"""Gradients of learned sinks by programs with a bug in that sum, each written here on its own in NumPy, in f32.

Writes sinks.npz (arrays `CASE.q`, `.k`, `.v`, `.do`, `.sinks`, `.dsinks`, and what else the problem has) and sinks.json, which
says of each case what it is a problem of and which bug made its gradient.
"""

import json

import numpy as np

from make import INF, drop, problem, scores_of, seen, softmax, values


def rows(p):
    """Of each row: what the sink weighs, D, and the weights that two bugs take for it; `[b, h, n_q]`."""
    s = np.where(seen(p), scores_of(p), -INF).astype(np.float32)
    sinks = p["sinks"].astype(np.float32)[None, :, None]
    w, lse, m, _ = softmax(s, p["sinks"])
    o = drop(p, w) @ values(p)
    delta = (p["do"] * o).sum(-1)
    _, alone, _, _ = softmax(s)
    with np.errstate(over="ignore"):
        beside = np.where(np.isfinite(alone), np.exp(sinks - alone), 0)
    return np.exp(sinks - lse), delta, np.exp(sinks - m[..., 0]), beside


def total(x):
    return -x.sum((0, 2))


def of_groups(p, x, how):
    """`[h]` of `[h]`, by groups of query heads."""
    group = p["q"].shape[1] // p["k"].shape[1]
    x = x.reshape(-1, group)
    if how == "sum":
        return np.repeat(x.sum(1), group)
    first = np.zeros_like(x)
    first[:, 0] = x[:, 0]
    return first.reshape(-1)


def last_block(x, size):
    return x[:, :, (x.shape[2] - 1) // size * size :]


MUSEUM = {
    "sink-gradient-sign": ("", lambda p, w, d, u, b: -total(w * d)),
    "sink-weight-left-out": ("", lambda p, w, d, u, b: total(d)),
    "sink-gradient-zero": ("", lambda p, w, d, u, b: 0 * total(w * d)),
    "sink-weight-not-divided": ("", lambda p, w, d, u, b: total(u * d)),
    "sink-beside-lse": ("low", lambda p, w, d, u, b: total(b * d)),
    "sink-gradient-of-first-batch": ("batch", lambda p, w, d, u, b: total((w * d)[:1])),
    "sink-gradient-of-last-batch": ("batch", lambda p, w, d, u, b: total((w * d)[-1:])),
    "sink-gradient-mean-of-batch": ("batch", lambda p, w, d, u, b: total(w * d) / len(w)),
    "sink-gradient-mean-of-queries": ("", lambda p, w, d, u, b: total(w * d) / w.shape[2]),
    "sink-gradient-of-group": ("group", lambda p, w, d, u, b: of_groups(p, total(w * d), "sum")),
    "sink-gradient-of-first-head": ("group", lambda p, w, d, u, b: of_groups(p, total(w * d), "first")),
    "sink-gradient-overwritten": ("", lambda p, w, d, u, b: total(last_block(w * d, 8))),
    "sink-gradient-last-block-lost": ("ragged", lambda p, w, d, u, b: total((w * d)[:, :, : w.shape[2] // 16 * 16])),
    "": ("any", lambda p, w, d, u, b: total(w * d)),
}


def main():
    rng = np.random.default_rng(20261128)
    arrays, cases = {}, []
    for name, (needs, program) in MUSEUM.items():
        for n in range(6 if name else 24):
            half = n % 2 == 1
            needs_of = needs.split() + (["causal"] if n % 3 == 0 else []) + (["softcap"] if n % 4 == 3 else [])
            while True:
                p = problem(rng, needs_of + ["sinks"])
                if "low" in needs:
                    # A sink that takes some of the weight, and leaves some.
                    p["sinks"] = p["sinks"] - 4
                p["sinks"] = p["sinks"] - 2
                b, h, n_q, _ = p["q"].shape
                if ("batch" in needs and b == 1) or ("ragged" in needs and (n_q % 16 == 0 or n_q < 17)):
                    continue
                p["do"] = rng.standard_normal((b, h, n_q, p["v"].shape[-1])).astype(np.float16).astype(np.float32)
                parts = rows(p)
                made, right = program(p, *parts), total(parts[0] * parts[1])
                if not name or np.abs(made - right).max() > 0.2 * np.abs(right).max():
                    break
            kind, case = np.float16 if half else np.float32, f"{len(cases):03}"
            for key in ["q", "k", "v", "do", "bias"]:
                if p.get(key) is not None:
                    arrays[f"{case}.{key}"] = p[key].astype(kind)
            arrays[f"{case}.sinks"] = p["sinks"].astype(np.float32)
            arrays[f"{case}.dsinks"] = made.astype(np.float32)
            own = {key: p[key] for key in ["scale", "causal", "align", "window", "lengths", "softcap", "rate"]}
            cases.append({"case": case, "cause": name, "format": "f16" if half else "f32", **own})
    np.savez_compressed("sinks.npz", **arrays)
    with open("sinks.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
