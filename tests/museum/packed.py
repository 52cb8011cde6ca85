"""Outputs and gradients of programs that mistake the sequences of a mixed batch (prefills, chunks of prompts, decode steps),
each written here on its own in NumPy, row by row, in f32.

Writes packed.npz (arrays `CASE.q`, `.k`, `.v`, `.o`, `.lse`, `.do`, `.dq`, `.dk`, `.dv`, each sequence a batch entry, padded)
and packed.json, which says of each case what it is a problem of and which mistake made its numbers. A case is `packed`, one
array without padding, or has numbers of nothing in its padding.
"""

import json

import numpy as np

F = np.float32


def row_keys(bug, p, b, i):
    """The keys that row i of sequence b sees, as (sequence, key)."""
    seqs, causal = p["sequences"], p["causal"]
    queries, keys = seqs[b]
    most_q, most_k = p["padded"]
    before_q, before_k = sum(s[0] for s in seqs[:b]), sum(s[1] for s in seqs[:b])
    all_q, all_k = sum(s[0] for s in seqs), sum(s[1] for s in seqs)
    flat = [(n, j) for n, s in enumerate(seqs) for j in range(s[1])]
    by_own = keys - queries
    bottom = p["align"] == "bottom-right"
    right = (most_k - most_q if p["diagonal"] == "whole" else by_own) if bottom else 0
    offset = {
        "diagonal-one-far": right + 1,
        "diagonal-one-short": right - 1,
        "other-corner": 0 if bottom else by_own,
        "diagonal-by-lengths": by_own,
        "diagonal-by-padding": most_k - most_q,
        "diagonal-by-padded-keys": most_k - queries,
        "diagonal-by-padded-queries": keys - most_q,
        "diagonal-of-all-tokens": before_q - before_k + all_k - all_q,
        "diagonal-of-all-from-start": before_q - before_k,
        "lengths-ignored": most_k - most_q,
    }.get(bug, right)
    if bug in ("sequences-ignored", "sequences-ignored-from-start"):
        last = before_q + i + (all_k - all_q if bug == "sequences-ignored" and bottom else 0)
        return [at for n, at in enumerate(flat) if not causal or n <= last]
    if bug in ("no-lengths", "lengths-ignored"):
        return [(b, j) for j in range(most_k) if not causal or j <= i + offset]
    own = [(b, j) for j in range(keys) if not causal or j <= i + offset]
    if bug == "next-sequence" and b + 1 < len(seqs) and not causal:
        return own + [(b + 1, j) for j in range(seqs[b + 1][1])]
    if bug == "previous-sequence" and b > 0:
        return [(b - 1, j) for j in range(seqs[b - 1][1])] + own
    if bug == "ends-one-late" and before_k + keys < all_k:
        longer = flat[before_k : before_k + keys + 1]
        return [at for j, at in enumerate(longer) if not causal or j <= i + keys + 1 - queries]
    if bug == "begins-one-early" and before_k > 0:
        longer = flat[before_k - 1 : before_k + keys]
        return [at for j, at in enumerate(longer) if not causal or j <= i + keys + 1 - queries]
    return own


def compute(bug, p):
    q, k, v, d_o = p["q"], p["k"], p["v"], p["do"]
    b_n, heads, _, d = q.shape
    group, scale = heads // k.shape[1], F(p["scale"])
    o = np.zeros(d_o.shape, F)
    lse = np.full(d_o.shape[:3], -np.inf, F)
    d_q, d_k, d_v = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for b, (queries, _) in enumerate(p["sequences"]):
        for i in range(queries):
            keys = row_keys(bug, p, b, i)
            if not keys:
                continue
            bs, js = np.array(keys).T
            for h in range(heads):
                of_k, of_v = k[bs, h // group, js], v[bs, h // group, js]
                s = of_k @ q[b, h, i] * scale
                e = np.exp(s - s.max())
                w = e / e.sum()
                o[b, h, i] = w @ of_v
                lse[b, h, i] = s.max() + np.log(e.sum())
                g = d_o[b, h, i]
                d_s = w * (of_v @ g - o[b, h, i] @ g)
                d_q[b, h, i] = scale * (d_s @ of_k)
                np.add.at(d_k, (bs, h // group, js), scale * np.outer(d_s, q[b, h, i]))
                np.add.at(d_v, (bs, h // group, js), np.outer(w, g))
    if p["packed"]:
        # What belongs to no token is in no array.
        for b, (_, keys) in enumerate(p["sequences"]):
            d_k[b, :, keys:] = 0
            d_v[b, :, keys:] = 0
    return o, lse, d_q, d_k, d_v


def problem(rng, packed, causal, align, diagonal):
    n = int(rng.integers(3, 5))
    kinds = rng.permutation([0, 1, 2, int(rng.integers(3))][:n])
    seqs = []
    for kind in kinds:
        keys = int(rng.choice([5, 7, 8, 9, 13, 16, 17, 23, 31]))
        seqs.append([{0: keys, 1: int(rng.integers(2, keys)), 2: 1}[int(kind)], keys])
    most_q, most_k = max(s[0] for s in seqs), max(s[1] for s in seqs)
    if not packed:
        most_q = int(rng.integers(2, 6))
        most_k += int(rng.integers(1, 4))
        seqs = [[most_q, keys] for _, keys in seqs]
    kv, group = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    d, d_v = int(rng.integers(5, 13)), int(rng.integers(3, 9))
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float16).astype(F)
    p = {
        "q": 2 * draw(n, kv * group, most_q, d),
        "k": draw(n, kv, most_k, d),
        "v": draw(n, kv, most_k, d_v),
        "do": draw(n, kv * group, most_q, d_v),
        "scale": float(1 / np.sqrt(d)),
        "sequences": seqs,
        "padded": [most_q, most_k],
        "packed": packed,
        "causal": causal,
        "align": align,
        "diagonal": diagonal,
    }
    if packed:
        for b, (queries, keys) in enumerate(seqs):
            p["q"][b, :, queries:] = p["do"][b, :, queries:] = 0
            p["k"][b, :, keys:] = p["v"][b, :, keys:] = 0
    return p


PACKED, PADDED, WHOLE = (True, "lengths"), (False, "lengths"), (False, "whole")
# Name: the batches it is made of, and whether they are causal.
MUSEUM = {
    "diagonal-one-far": ([PACKED, PADDED], [True]),
    "diagonal-one-short": ([PACKED, PADDED], [True]),
    "other-corner": ([PACKED, PADDED], [True]),
    "diagonal-by-lengths": ([WHOLE], [True]),
    "diagonal-by-padding": ([PACKED, PADDED], [True]),
    "diagonal-by-padded-keys": ([PACKED], [True]),
    "diagonal-by-padded-queries": ([PACKED], [True]),
    "diagonal-of-all-tokens": ([PACKED], [True]),
    "diagonal-of-all-from-start": ([PACKED], [True]),
    "lengths-ignored": ([PACKED, PADDED], [True]),
    "no-lengths": ([PACKED, PADDED], [False]),
    "sequences-ignored": ([PACKED], [True, False]),
    "sequences-ignored-from-start": ([PACKED], [True]),
    "next-sequence": ([PACKED], [False]),
    "previous-sequence": ([PACKED], [True, False]),
    "ends-one-late": ([PACKED], [True, False]),
    "begins-one-early": ([PACKED], [True, False]),
    "": ([PACKED, PADDED, WHOLE], [True, False]),
}


def main():
    rng = np.random.default_rng(20261127)
    arrays, cases = {}, []
    for name, (batches, causals) in MUSEUM.items():
        for n in range(8 if name else 36):
            packed, diagonal = batches[n % len(batches)]
            causal = causals[n // len(batches) % len(causals)]
            align = "top-left" if not name and n % 5 == 0 or name == "other-corner" and n % 6 > 3 else "bottom-right"
            while True:
                p = problem(rng, packed, causal, align, diagonal)
                made, right = compute(name, p), compute("", p)
                if not name or np.abs(made[0] - right[0]).max() > 0.1:
                    break
            half = n % 4 > 1
            kind, case = np.float16 if half else F, f"{len(cases):03}"
            has_gradients = n % 4 in (0, 3)
            for key in ["q", "k", "v", "do"] if has_gradients else ["q", "k", "v"]:
                arrays[f"{case}.{key}"] = p[key].astype(kind)
            if n % 3 == 0:
                arrays[f"{case}.lse"] = made[1].astype(F)
            for key, values in zip(["o", "dq", "dk", "dv"], [made[0], *made[2:]]):
                if key == "o" or has_gradients:
                    arrays[f"{case}.{key}"] = values.astype(kind)
            own = {key: p[key] for key in ["packed", "sequences", "causal", "align", "diagonal"]}
            cases.append({"case": case, "cause": name, "format": "f16" if half else "f32", **own})
    np.savez_compressed("packed.npz", **arrays)
    with open("packed.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
