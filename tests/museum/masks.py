"""Outputs and gradients of programs that ignore a mask which is more than a diagonal: documents, left padding, a prefix, sink
keys beside a window, lengths that end the diagonal. Each written here on its own in NumPy, in f32.

Writes masks.npz (arrays `CASE.q`, `.k`, `.v`, `.o`, `.lse`, `.do`, `.dq`, `.dk`, `.dv`, `.slopes`) and masks.json, which says
of each case what it is a problem of and which mask its program ignored.
"""

import json

import numpy as np

from gradients import backward
from make import INF, scores_of, softmax, values

F = np.float32


def ends(p, b, lengths):
    """Keys before the first query of a batch entry, where the diagonal ends at the last key."""
    n_q, n_k = p["q"].shape[2], p["k"].shape[2]
    is_moved = lengths and p["diagonal"] == "lengths" and p["lengths"] is not None
    return (p["lengths"][b] if is_moved else n_k) - n_q


def shown(p, documents=True, padding=True, prefix=True, sinks=True, lengths=True, keys=True):
    """[b, 1, n_q, n_k]: which key a query may see; what is false is ignored. `lengths` are keys and diagonal, `keys` alone
    those beyond a length."""
    b, _, n_q, _ = p["q"].shape
    n_k = p["k"].shape[2]
    out = np.zeros((b, 1, n_q, n_k), bool)
    token = np.concatenate([[n] * length for n, length in enumerate(p["documents"])]) if p["documents"] else None
    for n in range(b):
        for i in range(n_q):
            for j in range(n_k):
                last = i + (ends(p, n, lengths) if p["align"] == "bottom-right" else 0)
                left, right = p["window"]
                near = (not p["causal"] or j <= last) and (right < 0 or j <= last + right)
                near = near and (left < 0 or j >= last - left or (sinks and j < p["sink_keys"]))
                near = near or (prefix and j < p["prefix_keys"])
                if p["lengths"] is not None and lengths and keys:
                    near = near and j < p["lengths"][n]
                if p["left_padding"] is not None and padding:
                    near = near and j >= p["left_padding"][n]
                if token is not None and documents:
                    near = near and token[i] == token[j]
                out[n, 0, i, j] = near
    return out


def scores(p, lengths=True):
    """Those of `p`, with ALiBi from where the diagonal ends at the last key."""
    s = scores_of(p, slopes=None)
    if p["slopes"] is None:
        return s
    n_q, n_k = s.shape[2:]
    i, j = np.arange(n_q)[:, None], np.arange(n_k)[None, :]
    for n in range(len(s)):
        s[n] = s[n] - p["slopes"][n][:, None, None].astype(F) * np.abs(i + ends(p, n, lengths) - j)
    return s.astype(F)


def compute(p, **ignored):
    mask, lengths = shown(p, **ignored), ignored.get("lengths", True)
    w, lse, _, _ = softmax(np.where(mask, scores(p, lengths), -INF))
    made = backward(p, keep_mask=mask, scores=lambda of: scores({**of, "slopes": p["slopes"]}, lengths))
    return [w @ values(p), lse, *made]


def problem(rng, kind):
    n_k = int(rng.integers(9, 24))
    is_square = kind in ("no-documents", "no-prefix") or rng.integers(3) == 0
    n_q = n_k if is_square else int(rng.integers(3, n_k))
    b, kv, group = int(rng.integers(1, 3)), int(rng.integers(1, 3)), int(rng.integers(1, 3))
    d, d_v = int(rng.integers(4, 9)), int(rng.integers(3, 9))
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float16).astype(F)
    h = kv * group
    some = lambda *names: kind in names or (not kind and rng.integers(3) == 0)
    p = {
        "q": 2 * draw(b, h, n_q, d),
        "k": draw(b, kv, n_k, d),
        "v": draw(b, kv, n_k, d_v),
        "do": draw(b, h, n_q, d_v),
        "scale": float(1 / np.sqrt(d)),
        "causal": bool(rng.integers(2)) or kind in ("no-prefix", "lengths-ignored"),
        "align": "top-left" if rng.integers(4) == 0 and kind != "lengths-ignored" else "bottom-right",
        "window": (-1, -1),
        "lengths": None,
        "diagonal": "whole",
        "left_padding": None,
        "prefix_keys": 0,
        "sink_keys": 0,
        "documents": None,
        "softcap": 3.0 if rng.integers(4) == 0 else None,
        "slopes": rng.uniform(0.1, 0.5, (b, h)).astype(F) if rng.integers(3) == 0 else None,
        "bias": None,
        "rate": None,
        "keep": None,
    }
    if some("no-sink-keys") or rng.integers(5) == 0:
        p["window"] = (int(rng.integers(1, 5)), int(rng.integers(-1, 3)))
        p["sink_keys"] = int(rng.integers(1, 4)) if some("no-sink-keys") or rng.integers(2) else 0
    if some("no-prefix"):
        p["prefix_keys"] = int(rng.integers(2, n_k - 2))
    if some("no-left-padding"):
        p["left_padding"] = [int(rng.integers(1, n_k // 2)) for _ in range(b)]
    if some("lengths-ignored", "no-lengths"):
        p["lengths"] = [int(rng.integers(n_k // 2, n_k - 1)) for _ in range(b)]
        p["diagonal"] = "lengths"
    if kind == "no-lengths":
        # A window that reaches beyond the last key.
        p["causal"], p["window"] = False, (int(rng.integers(2, 9)), int(rng.integers(1, 4)))
    if n_q == n_k and some("no-documents"):
        cuts = sorted({0, n_k, *rng.integers(1, n_k, int(rng.integers(1, 4))).tolist()})
        p["documents"] = np.diff(cuts).tolist()
    return p


# name: what its program ignores.
MUSEUM = {
    "no-documents": {"documents": False},
    "no-left-padding": {"padding": False},
    "no-prefix": {"prefix": False},
    "no-sink-keys": {"sinks": False},
    "lengths-ignored": {"lengths": False},
    "no-lengths": {"keys": False},
    "": {},
}


def main():
    rng = np.random.default_rng(20261128)
    arrays, cases = {}, []
    for name, ignored in MUSEUM.items():
        for n in range(24 if name else 80):
            while True:
                p = problem(rng, name)
                with np.errstate(all="ignore"):
                    made, right = compute(p, **ignored), compute(p)
                # Each of its tensors tells the two apart.
                apart = [np.abs(a - b).max() / max(1, np.abs(b).max()) for a, b in zip(made[:1] + made[2:], right[:1] + right[2:])]
                if not name or min(apart) > 0.2:
                    break
            half = n % 2 == 1
            kind, case = np.float16 if half else F, f"{len(cases):03}"
            for key in ["q", "k", "v", "do"]:
                arrays[f"{case}.{key}"] = p[key].astype(np.float16)
            if p["slopes"] is not None:
                arrays[f"{case}.slopes"] = p["slopes"]
            for key, value in zip(["o", "dq", "dk", "dv"], [made[0], *made[2:]]):
                arrays[f"{case}.{key}"] = value.astype(kind)
            if n % 3 == 0:
                arrays[f"{case}.lse"] = made[1].astype(F)
            keys = ["scale", "causal", "align", "window", "lengths", "softcap", "rate"]
            keys += ["diagonal", "left_padding", "prefix_keys", "sink_keys", "documents"]
            own = {key: p[key] for key in keys}
            cases.append({"case": case, "cause": name, "format": "f16" if half else "f32", **own})
    np.savez_compressed("masks.npz", **arrays)
    with open("masks.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
