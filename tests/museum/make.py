"""Outputs of programs with a bug, or with another convention, each written here on its own in NumPy.

Writes museum.npz (arrays `CASE.q`, `.k`, `.v`, `.o`, `.lse`, `.bias`, `.slopes`, `.keep`) and museum.json, which says of
each case what it is a problem of and which bug made its output. Nothing here is shared with the program under test.
"""

import json

import numpy as np

INF = np.inf


def scores_of(p, scale=None, softcap="own", slopes="own", bias="own", q=None, k=None):
    """[b, h, n_q, n_k] before masks; every step in f32."""
    q = p["q"] if q is None else q
    k = p["k"] if k is None else k
    group = q.shape[1] // k.shape[1]
    k = np.repeat(k, group, axis=1)
    s = np.einsum("bhid,bhjd->bhij", q, k).astype(np.float32) * np.float32(p["scale"] if scale is None else scale)
    cap = p["softcap"] if softcap == "own" else softcap
    if cap:
        s = np.float32(cap) * np.tanh(s / np.float32(cap))
    slopes = p["slopes"] if isinstance(slopes, str) else slopes
    if slopes is not None:
        n_q, n_k = s.shape[2:]
        i, j = np.arange(n_q)[:, None], np.arange(n_k)[None, :]
        s = s - slopes[:, :, None, None].astype(np.float32) * np.abs(i + n_k - n_q - j)
    bias = p["bias"] if isinstance(bias, str) else bias
    if bias is not None:
        s = s + bias
    return s.astype(np.float32)


def seen(p, shift=0, corner=None, causal="own", window="own", lengths="own", by_lengths=False):
    """[b, 1, n_q, n_k]: which key a query may see."""
    b, _, n_q, _ = p["q"].shape
    n_k = p["k"].shape[2]
    i, j = np.arange(n_q)[:, None], np.arange(n_k)[None, :]
    causal = p["causal"] if causal == "own" else causal
    left, right = p["window"] if window == "own" else window
    lens = p["lengths"] if lengths == "own" else lengths
    out = np.zeros((b, 1, n_q, n_k), bool)
    for n in range(b):
        corner_at = p["align"] if corner is None else corner
        offset = (n_k - n_q if corner_at == "bottom-right" else 0) + shift
        if by_lengths:
            offset = lens[n] - n_q
        keep = np.ones((n_q, n_k), bool)
        if causal:
            keep &= j <= i + offset
        if left >= 0:
            keep &= j >= i + offset - left
        if right >= 0:
            keep &= j <= i + offset + right
        if lens is not None:
            keep &= j < lens[n]
        out[n, 0] = keep
    return out


def values(p, v=None):
    v = p["v"] if v is None else v
    return np.repeat(v, p["q"].shape[1] // v.shape[1], axis=1)


def softmax(s, sinks=None):
    """Weights, logsumexp, maximum and sum of each row; a sink, `[heads]`, is a score of it that gives nothing."""
    m = s.max(-1, keepdims=True)
    sink = None if sinks is None else np.asarray(sinks, np.float32)[None, :, None, None]
    m = m if sink is None else np.maximum(m, sink)
    m0 = np.where(np.isfinite(m), m, 0)
    e = np.exp(s - m0)
    l = e.sum(-1, keepdims=True)
    l = l if sink is None else l + np.exp(sink - m0)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = np.where(l > 0, e / l, 0)
        lse = (m + np.log(l))[..., 0]
    return w, lse, m, l


def drop(p, w, scale=True):
    if p["rate"] is None:
        return w
    w = w * p["keep"]
    return w / np.float32(1 - p["rate"]) if scale else w


def attention(p, s=None, keep=None, v=None):
    s = scores_of(p) if s is None else s
    keep = seen(p) if keep is None else keep
    w, lse, _, _ = softmax(np.where(keep, s, -INF), p.get("sinks"))
    return drop(p, w) @ values(p, v), lse


def blocks(p, size, kind):
    """One block of keys after another, all rows at once."""
    s = np.where(seen(p), scores_of(p), -INF).astype(np.float32)
    v = values(p)
    n_k = s.shape[-1]
    cuts = [(c, min(c + size, n_k)) for c in range(0, n_k, size)]
    if kind == "last-block-lost" and n_k % size:
        cuts = cuts[:-1]
    if kind == "first-block-twice":
        cuts = [cuts[0]] + cuts
    m = np.full(s.shape[:3] + (1,), -INF, np.float32)
    l = np.zeros_like(m)
    o = np.zeros(s.shape[:3] + (v.shape[-1],), np.float32)
    for a, z in cuts:
        t = s[..., a:z]
        top = t.max(-1, keepdims=True)
        more = 0
        if kind == "padding-counts" and z - a < size:
            more = size - (z - a)
            top = np.maximum(top, 0)
        new = np.maximum(m, top)
        if kind == "maximum-of-block":
            new = np.where(top > -INF, top, m)
        safe = np.where(new > -INF, new, 0)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            alpha = np.where(m > -INF, np.exp(m - safe), 0)
            e = np.exp(t - safe)
            fl, fo = alpha, alpha
            if kind == "output-not-rescaled":
                fo = np.ones_like(alpha)
            if kind == "sum-not-rescaled":
                fl = np.ones_like(alpha)
            if kind == "not-rescaled":
                fl = fo = np.ones_like(alpha)
            if kind == "inverse-factor":
                fo = np.where(alpha > 0, 1 / alpha, 0)
            if kind == "maximum-of-block":
                fl = fo = np.minimum(alpha, 1)
            l = fl * l + e.sum(-1, keepdims=True) + more * np.exp(-safe) * (top > -INF)
            o = fo * o + (drop(p, e) if p["rate"] is None else e) @ v[:, :, a:z]
        m = new
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(l > 0, o / l, o), (m + np.log(l))[..., 0]


def torn(p, size):
    """Each block of V but the first has in its second half the rows that the block before has there."""
    v = p["v"].copy()
    for a in range(size, v.shape[2], size):
        half, z = a + (size + 1) // 2, min(a + size, v.shape[2])
        if half < z:
            v[:, :, half:z] = p["v"][:, :, half - size : z - size]
    return attention(p, v=v)


def parts(p, size, by_sums):
    s = np.where(seen(p), scores_of(p), -INF).astype(np.float32)
    v, n_k = values(p), s.shape[-1]
    total, weight = 0, 0
    for a in range(0, n_k, size):
        w, _, m, l = softmax(s[..., a : a + size])
        f = np.where(l > 0, l if by_sums else 1.0, 0)
        total, weight = total + f * (w @ v[:, :, a : a + size]), weight + f
    _, lse, _, _ = softmax(s)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), total), lse


def hidden_as(p, x):
    s = np.where(seen(p), scores_of(p), np.float32(x))
    w, lse, _, _ = softmax(s)
    return drop(p, w) @ values(p), lse


def weights_then_mask(p):
    w, lse, _, _ = softmax(scores_of(p))
    return drop(p, np.where(seen(p), w, 0)) @ values(p), lse


def with_row(p, change):
    s = np.where(seen(p), scores_of(p), -INF)
    w, lse, m, l = softmax(s)
    o = drop(p, w) @ values(p)
    return change(o, lse, m, l)


def mean_of_unseen(p):
    o, lse = attention(p)
    dead = ~np.isfinite(lse)
    mean = values(p).mean(2, keepdims=True)
    return np.where(dead[..., None], np.broadcast_to(mean, o.shape), o), lse


def other_heads(p, which):
    h, kv = p["q"].shape[1], p["k"].shape[1]
    index = [which(n, h, kv) for n in range(h)]
    full = {**p, "k": p["k"][:, index], "v": p["v"][:, index]}
    return attention(full)


# name: (what the problem needs, the program).
MUSEUM = {
    "diagonal-one-far": ("causal", lambda p: attention(p, keep=seen(p, shift=1))),
    "diagonal-one-short": ("causal", lambda p: attention(p, keep=seen(p, shift=-1))),
    "other-corner": (
        "causal uneven",
        lambda p: attention(p, keep=seen(p, corner="top-left" if p["align"] == "bottom-right" else "bottom-right")),
    ),
    "diagonal-by-lengths": ("causal lengths bottom", lambda p: attention(p, keep=seen(p, by_lengths=True))),
    "no-causal": ("causal", lambda p: attention(p, keep=seen(p, causal=False))),
    "causal": ("open", lambda p: attention(p, keep=seen(p, causal=True))),
    "no-window": ("window", lambda p: attention(p, keep=seen(p, window=(-1, -1)))),
    "window-one-wide": (
        "window",
        lambda p: attention(p, keep=seen(p, window=(p["window"][0] + 1, p["window"][1]))),
    ),
    "window-one-narrow": (
        "window",
        lambda p: attention(p, keep=seen(p, window=(p["window"][0] - 1, p["window"][1]))),
    ),
    "no-lengths": ("lengths", lambda p: attention(p, keep=seen(p, lengths=None))),
    "length-one-long": ("lengths", lambda p: attention(p, keep=seen(p, lengths=[n + 1 for n in p["lengths"]]))),
    "last-key-lost": (
        "lengths",
        lambda p: attention(p, keep=seen(p, lengths=[n - 1 for n in p["lengths"]])),
    ),
    "no-scale": ("", lambda p: attention(p, scores_of(p, scale=1))),
    "scale-twice": ("", lambda p: attention(p, scores_of(p, scale=p["scale"] ** 2))),
    "scale-by-d": ("scale", lambda p: attention(p, scores_of(p, scale=1 / p["q"].shape[-1]))),
    "no-softcap": ("softcap", lambda p: attention(p, scores_of(p, softcap=None))),
    "no-alibi": ("alibi", lambda p: attention(p, scores_of(p, slopes=None))),
    "alibi-added": ("alibi", lambda p: attention(p, scores_of(p, slopes=-p["slopes"]))),
    "alibi-of-next-head": ("alibi heads", lambda p: attention(p, scores_of(p, slopes=np.roll(p["slopes"], -1, 1)))),
    "no-bias": ("bias", lambda p: attention(p, scores_of(p, bias=None))),
    "bias-scaled": ("bias", lambda p: attention(p, scores_of(p, bias=p["bias"] * np.float32(p["scale"])))),
    "no-dropout": ("dropout", lambda p: attention({**p, "rate": None})),
    "head-by-rest": ("group", lambda p: other_heads(p, lambda n, h, kv: n % kv)),
    "first-kv-head": ("group", lambda p: other_heads(p, lambda n, h, kv: 0)),
    "keys-for-values": ("square", lambda p: attention(p, v=p["k"])),
    "queries-for-keys": ("square even alone", lambda p: attention(p, scores_of(p, q=p["k"], k=p["q"]))),
    "hidden-as-0": ("causal", lambda p: hidden_as(p, 0)),
    "hidden-as-1000": ("dead", lambda p: hidden_as(p, -1000)),
    "hidden-as-10000": ("dead lse", lambda p: hidden_as(p, -10000)),
    "weights-then-mask": ("causal", weights_then_mask),
    "base-2": ("", lambda p: attention(p, scores_of(p) * np.float32(np.log(2)))),
    "log2e-twice": ("", lambda p: attention(p, scores_of(p) / np.float32(np.log(2)))),
    "lse-base-2": ("lse", lambda p: with_row(p, lambda o, lse, m, l: (o, lse / np.float32(np.log(2))))),
    "lse-without-max": ("lse", lambda p: with_row(p, lambda o, lse, m, l: (o, np.log(l)[..., 0]))),
    "lse-of-unseen": ("dead lse", lambda p: with_row(p, lambda o, lse, m, l: (o, np.where(l[..., 0] == 0, INF, lse)))),
    "not-divided": ("", lambda p: with_row(p, lambda o, lse, m, l: (o * l, lse))),
    "divided-twice": ("", lambda p: with_row(p, lambda o, lse, m, l: (o / l, lse))),
    "dropout-not-scaled": ("dropout", lambda p: attention_unscaled(p)),
    "dropout-scaled-only": ("dropout", lambda p: scaled_only(p)),
    "mean-of-unseen": ("dead", mean_of_unseen),
    "output-not-rescaled": ("blocks", lambda p: blocks(p, 8, "output-not-rescaled")),
    "sum-not-rescaled": ("blocks", lambda p: blocks(p, 8, "sum-not-rescaled")),
    "not-rescaled": ("blocks", lambda p: blocks(p, 8, "not-rescaled")),
    "inverse-factor": ("blocks", lambda p: blocks(p, 8, "inverse-factor")),
    "maximum-of-block": ("blocks", lambda p: blocks(p, 8, "maximum-of-block")),
    "last-block-lost": ("blocks ragged", lambda p: blocks(p, 16, "last-block-lost")),
    "padding-counts": ("blocks ragged flat", lambda p: blocks(p, 16, "padding-counts")),
    "first-block-twice": ("blocks", lambda p: blocks(p, 8, "first-block-twice")),
    "parts-averaged": ("blocks", lambda p: parts(p, 16, False)),
    "parts-by-sums": ("blocks", lambda p: parts(p, 16, True)),
    "": ("any", lambda p: attention(p)),
    "no-sinks": ("sinks", lambda p: attention({**p, "sinks": None})),
    "sink-scaled": ("sinks", lambda p: attention({**p, "sinks": p["sinks"] * np.float32(p["scale"])})),
    "sink-of-next-head": ("sinks heads", lambda p: attention({**p, "sinks": np.roll(p["sinks"], -1)})),
    "torn-tile": ("blocks causal lse", lambda p: torn(p, 8)),
}


def attention_unscaled(p):
    w, lse, _, _ = softmax(np.where(seen(p), scores_of(p), -INF))
    return drop(p, w, scale=False) @ values(p), lse


def scaled_only(p):
    w, lse, _, _ = softmax(np.where(seen(p), scores_of(p), -INF))
    return (w / np.float32(1 - p["rate"])) @ values(p), lse


def problem(rng, needs):
    n_k = int(rng.integers(25, 47))
    n_k += n_k % 16 == 0
    n_q = n_k if rng.integers(2) or "even" in needs or "square" in needs else int(rng.integers(9, n_k - 3))
    if "uneven" in needs and n_q == n_k:
        n_q = n_k - 7
    b = int(rng.integers(1, 3))
    kv = int(rng.integers(1, 3))
    group = int(rng.integers(1, 3))
    if "group" in needs:
        kv, group = 2, 2
    if "alone" in needs:
        group = 1
    if "heads" in needs:
        kv, group = 2, 1
    d = int(rng.integers(5, 13))
    d_v = d if "square" in needs else int(rng.integers(3, 9))
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float16).astype(np.float32)
    h = kv * group
    p = {
        "q": 2 * draw(b, h, n_q, d),
        "k": draw(b, kv, n_k, d),
        "v": draw(b, kv, n_k, d_v),
        "scale": float(1 / np.sqrt(d)),
        "causal": "causal" in needs,
        "align": "bottom-right",
        "window": (-1, -1),
        "lengths": None,
        "softcap": None,
        "slopes": None,
        "bias": None,
        "keep": None,
        "rate": None,
    }
    if "any" in needs:
        p["causal"] = bool(rng.integers(2))
        if rng.integers(2):
            p["align"] = "top-left"
        if rng.integers(2):
            p["lengths"] = [int(rng.integers(n_k // 2, n_k)) for _ in range(b)]
        if rng.integers(3) == 0:
            p["window"] = (int(rng.integers(2, 9)), -1)
        if rng.integers(3) == 0:
            p["softcap"] = 5.0
    if "window" in needs:
        p["window"] = (int(rng.integers(3, 9)), int(rng.integers(-1, 4)))
    if "lengths" in needs:
        p["lengths"] = [int(rng.integers(n_k // 2, n_k - 2)) for _ in range(b)]
    if "softcap" in needs:
        p["softcap"] = 2.0
    if "alibi" in needs:
        p["slopes"] = rng.uniform(0.1, 0.9, (b, h)).astype(np.float32)
    if "bias" in needs:
        p["bias"] = draw(b, h, n_q, n_k)
    if "dropout" in needs:
        p["rate"] = 0.25
        p["keep"] = rng.uniform(size=(b, h, n_q, n_k)) >= 0.25
    if "dead" in needs:
        # More queries than keys: the first see none.
        n_q = n_k + 5
        p["q"] = 2 * draw(b, h, n_q, d)
        p["causal"] = True
    if "flat" in needs:
        # Scores near 0, beside which a padded key weighs as much as any.
        p["q"] = p["q"] / 8
    if "scale" in needs:
        p["scale"] = float(1.5 / np.sqrt(d))
    if "sinks" in needs:
        p["sinks"] = 2 * draw(h) + 4
    return p


def main():
    rng = np.random.default_rng(20261126)
    arrays, cases = {}, []
    for name, (needs, program) in MUSEUM.items():
        for n in range(4 if name else 28):
            half = n % 2 == 1
            p = problem(rng, needs.split())
            o, lse = program(p)
            case = f"{len(cases):03}"
            kind = np.float16 if half else np.float32
            for key in ["q", "k", "v", "bias", "slopes", "sinks"]:
                if p.get(key) is not None:
                    arrays[f"{case}.{key}"] = p[key].astype(np.float32 if key in ["slopes", "sinks"] else kind)
            if p["keep"] is not None:
                arrays[f"{case}.keep"] = p["keep"]
            arrays[f"{case}.o"] = o.astype(kind)
            has_lse = "lse" in needs.split() or (not name and n % 3 == 0)
            if has_lse:
                arrays[f"{case}.lse"] = lse.astype(np.float32)
            own = {key: p[key] for key in ["scale", "causal", "align", "window", "lengths", "softcap", "rate"]}
            present = [key for key in ["bias", "slopes", "keep", "sinks"] if p.get(key) is not None]
            half_name = "f16" if half else "f32"
            cases.append({"case": case, "cause": name, "format": half_name, **own, "has": present, "lse": has_lse})
    np.savez_compressed("museum.npz", **arrays)
    with open("museum.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
