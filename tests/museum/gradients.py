"""Gradients of programs with a bug in their backward pass, each written here on its own in NumPy, in f32.

Writes gradients.npz (arrays `CASE.q`, `.k`, `.v`, `.do`, `.dq`, `.dk`, `.dv`, `.slopes`, `.keep`, `.sinks`, `.bias`) and
gradients.json, which says of each case what it is a problem of and which bug made its gradients.
"""

import json

import numpy as np

from make import INF, problem, scores_of, seen, softmax

LN2 = np.float32(np.log(2))


def to_groups(x, kv, how="sum"):
    """[b, h, n, d] to [b, kv, n, d]."""
    b, h, n, d = x.shape
    x = x.reshape(b, kv, h // kv, n, d)
    return {"sum": lambda: x.sum(2), "mean": lambda: x.mean(2), "first": lambda: x[:, :, 0], "last": lambda: x[:, :, -1]}[how]()


def backward(
    p,
    q=None,
    k=None,
    v=None,
    d_o=None,
    scores=None,
    keep_mask=None,
    mask_of_backward=None,
    mask_of_dv=None,
    lse_change=None,
    delta_change=None,
    scale_q=None,
    scale_k=None,
    without_p=False,
    without_slope=False,
    dropout_of_v="own",
    dropout_of_p="own",
    dropout_of_delta="own",
    d_s_change=None,
    dv_transposed=False,
    dk_transposed=False,
    sinks="own",
    softcap="own",
    how="sum",
    heads=None,
):
    """dQ, dK, dV. What each option leaves at its default is right."""
    group = p["q"].shape[1] // p["k"].shape[1]
    heads = np.arange(p["q"].shape[1]) // group if heads is None else heads
    q = p["q"]
    k, v = p["k"][:, heads], p["v"][:, heads]
    d_o = p["do"] if d_o is None else d_o
    sinks = p.get("sinks") if isinstance(sinks, str) else sinks
    cap = p["softcap"] if softcap == "own" else softcap
    full = {**p, "k": k, "v": v, "softcap": cap}
    s = scores_of(full) if scores is None else scores(full)
    mask = seen(p) if keep_mask is None else keep_mask
    _, lse, m, _ = softmax(np.where(mask, s, -INF), sinks)
    natural = lse
    if lse_change is not None:
        lse = lse_change(lse, m[..., 0])
    own = p["keep"] / np.float32(1 - p["rate"]) if p["rate"] is not None else np.ones_like(s)
    pick = lambda x: own if isinstance(x, str) else x
    weights = lambda mask, lse: np.where(mask, np.exp(np.where(np.isfinite(lse), s.transpose(3, 0, 1, 2) - lse, -INF).transpose(1, 2, 3, 0)), 0).astype(np.float32)
    forward = weights(mask, natural)
    o = (forward * pick(dropout_of_delta)) @ v
    delta = (d_o * o).sum(-1, keepdims=True)
    if delta_change is not None:
        delta = delta_change(delta)
    w = weights(mask if mask_of_backward is None else mask_of_backward, lse)
    w_v = w if mask_of_dv is None else weights(mask_of_dv, lse)
    d_p = (d_o @ v.swapaxes(2, 3)) * pick(dropout_of_p)
    d_s = (np.where(mask, 1, 0) if without_p else w) * (d_p - delta)
    if cap and not without_slope:
        raw = (q @ k.swapaxes(2, 3)) * np.float32(p["scale"])
        d_s = d_s * (1 - np.tanh(raw / np.float32(cap)) ** 2)
    scale = np.float32(p["scale"])
    d_s = d_s.astype(np.float32)
    of_q, of_k = (d_s, d_s) if d_s_change is None else d_s_change(d_s)
    w_v = w_v * pick(dropout_of_v)
    d_q = (of_q @ k) * np.float32(scale if scale_q is None else scale_q)
    d_k = ((of_k if dk_transposed else of_k.swapaxes(2, 3)) @ q) * np.float32(scale if scale_k is None else scale_k)
    d_v = (w_v if dv_transposed else w_v.swapaxes(2, 3)) @ d_o
    kv = p["k"].shape[1]
    if how in ["sum", "mean", "first", "last"]:
        if (heads == np.arange(len(heads)) // group).all():
            return d_q, to_groups(d_k, kv, how), to_groups(d_v, kv, how)
    total = lambda x, of: np.stack([x[:, of == n].sum(1) if (of == n).any() else 0 * x[:, 0] for n in range(kv)], 1)
    of = np.arange(len(heads)) % kv if how == "rest" else heads
    return d_q, total(d_k, of), total(d_v, of)


def last_key_block(p, size):
    """dQ of the last block of keys that a block of queries meets."""

    def change(d_s):
        mask = seen(p)
        out = np.zeros_like(d_s)
        n_q, n_k = d_s.shape[2:]
        for b in range(d_s.shape[0]):
            for i in range(0, n_q, size):
                met = [j for j in range(0, n_k, size) if mask[b, 0, i : i + size, j : j + size].any()]
                if met:
                    out[b, :, i : i + size, met[-1] : met[-1] + size] = d_s[b, :, i : i + size, met[-1] : met[-1] + size]
        return out, d_s

    return backward(p, d_s_change=change)


def last_query_block(p, size):
    """dK and dV of the last block of queries that a block of keys meets."""
    mask = seen(p)
    n_q, n_k = mask.shape[2:]
    kept = np.zeros_like(mask)
    for b in range(mask.shape[0]):
        for j in range(0, n_k, size):
            met = [i for i in range(0, n_q, size) if mask[b, 0, i : i + size, j : j + size].any()]
            if met:
                kept[b, 0, met[-1] : met[-1] + size, j : j + size] = True
    return backward(p, d_s_change=lambda d_s: (d_s, np.where(kept, d_s, 0)), mask_of_dv=mask & kept)


def without_last_block(p, size):
    n_k = p["k"].shape[2]
    whole = np.arange(n_k) < n_k - n_k % size
    return backward(p, mask_of_backward=seen(p) & whole)


def swapped(p):
    d_q, d_k, d_v = backward(p)
    return d_q, d_v, d_k


def unscaled_dropout(p):
    keep = p["keep"].astype(np.float32)
    return backward(p, dropout_of_v=keep, dropout_of_p=keep)


ONES = lambda p: np.ones_like(p["keep"], dtype=np.float32)
ALL = lambda p: np.ones_like(seen(p))

# name: (what the problem needs, the program).
MUSEUM = {
    "delta-left-out": ("", lambda p: backward(p, delta_change=lambda d: 0 * d)),
    "delta-added": ("", lambda p: backward(p, delta_change=lambda d: -d)),
    "delta-without-dropout": ("dropout", lambda p: backward(p, dropout_of_delta=ONES(p))),
    "weights-left-out": ("", lambda p: backward(p, without_p=True)),
    "dq-without-scale": ("", lambda p: backward(p, scale_q=1)),
    "dk-without-scale": ("", lambda p: backward(p, scale_k=1)),
    "gradients-without-scale": ("", lambda p: backward(p, scale_q=1, scale_k=1)),
    "scale-twice-in-gradients": ("", lambda p: backward(p, scale_q=p["scale"] ** 2, scale_k=p["scale"] ** 2)),
    "log2e-in-gradients": ("", lambda p: backward(p, scale_q=p["scale"] / LN2, scale_k=p["scale"] / LN2)),
    "log2e-in-dq": ("", lambda p: backward(p, scale_q=p["scale"] / LN2)),
    "log2e-in-dk": ("", lambda p: backward(p, scale_k=p["scale"] / LN2)),
    "weights-not-divided": ("", lambda p: backward(p, lse_change=lambda lse, m: m)),
    "lse-of-base-2": ("", lambda p: backward(p, lse_change=lambda lse, m: lse / LN2)),
    "natural-lse-in-base-2": ("", lambda p: backward(p, lse_change=lambda lse, m: lse * LN2)),
    "lse-without-sink": ("sinks", lambda p: without_sink(p)),
    "dv-unmasked": ("causal", lambda p: backward(p, mask_of_dv=ALL(p))),
    "backward-unmasked": ("causal", lambda p: backward(p, mask_of_backward=ALL(p))),
    "backward-one-far": ("causal", lambda p: backward(p, mask_of_backward=seen(p, shift=1))),
    "backward-one-short": ("causal", lambda p: backward(p, mask_of_backward=seen(p, shift=-1))),
    "dv-not-transposed": ("even square", lambda p: backward(p, dv_transposed=True)),
    "dk-not-transposed": ("even square", lambda p: backward(p, dk_transposed=True)),
    "softcap-slope-left-out": ("softcap", lambda p: backward(p, without_slope=True)),
    "dv-without-dropout": ("dropout", lambda p: backward(p, dropout_of_v=ONES(p))),
    "dp-without-dropout": ("dropout", lambda p: backward(p, dropout_of_p=ONES(p))),
    "gradients-of-dropout-not-scaled": ("dropout", unscaled_dropout),
    "output-gradient-left-out": ("", lambda p: backward(p, d_o=np.ones_like(p["do"]))),
    "dk-dv-swapped": ("square", swapped),
    "dq-overwritten": ("causal", lambda p: last_key_block(p, 8)),
    "dk-dv-overwritten": ("", lambda p: last_query_block(p, 8)),
    "backward-last-block-lost": ("", lambda p: without_last_block(p, 16)),
    "first-head-of-group": ("group", lambda p: backward(p, how="first")),
    "last-head-of-group": ("group", lambda p: backward(p, how="last")),
    "mean-of-group": ("group", lambda p: backward(p, how="mean")),
    "summed-by-rest": ("group", lambda p: backward(p, how="rest")),
    "head-by-rest": ("group", lambda p: backward(p, heads=np.arange(p["q"].shape[1]) % p["k"].shape[1])),
    "first-kv-head": ("group", lambda p: backward(p, heads=np.zeros(p["q"].shape[1], int))),
    "diagonal-one-far": ("causal", lambda p: backward(p, keep_mask=seen(p, shift=1))),
    "no-causal": ("causal", lambda p: backward(p, keep_mask=seen(p, causal=False))),
    "no-scale": ("", lambda p: backward({**p, "scale": 1.0})),
    "no-softcap": ("softcap", lambda p: backward(p, softcap=None)),
    "no-lengths": ("lengths", lambda p: backward(p, keep_mask=seen(p, lengths=None))),
    "alibi-added": ("alibi", lambda p: backward(p, scores=lambda of: scores_of(of, slopes=-p["slopes"]))),
    "no-bias": ("bias", lambda p: backward(p, scores=lambda of: scores_of(of, bias=None))),
    "no-dropout": ("dropout", lambda p: backward({**p, "rate": None})),
    "no-sinks": ("sinks", lambda p: backward(p, sinks=None)),
    "": ("any", lambda p: backward(p)),
    # Slips of the forward pass that the backward pass shares.
    "diagonal-one-short": ("causal", lambda p: backward(p, keep_mask=seen(p, shift=-1))),
    "other-corner": (
        "causal uneven",
        lambda p: backward(p, keep_mask=seen(p, corner="top-left" if p["align"] == "bottom-right" else "bottom-right")),
    ),
    "diagonal-by-lengths": ("causal lengths bottom", lambda p: backward(p, keep_mask=seen(p, by_lengths=True))),
    "causal": ("open", lambda p: backward(p, keep_mask=seen(p, causal=True))),
    "no-window": ("window", lambda p: backward(p, keep_mask=seen(p, window=(-1, -1)))),
    "window-one-wide": ("window", lambda p: backward(p, keep_mask=seen(p, window=wider(p, 1)))),
    "window-one-narrow": ("window", lambda p: backward(p, keep_mask=seen(p, window=wider(p, -1)))),
    "length-one-long": ("lengths", lambda p: backward(p, keep_mask=seen(p, lengths=[n + 1 for n in p["lengths"]]))),
    "last-key-lost": ("lengths", lambda p: backward(p, keep_mask=seen(p, lengths=[n - 1 for n in p["lengths"]]))),
    "scale-twice": ("", lambda p: backward({**p, "scale": p["scale"] ** 2})),
    "scale-by-d": ("scale", lambda p: backward({**p, "scale": 1 / p["q"].shape[-1]})),
    "no-alibi": ("alibi", lambda p: backward(p, scores=lambda of: scores_of(of, slopes=None))),
    "alibi-of-next-head": (
        "alibi heads",
        lambda p: backward(p, scores=lambda of: scores_of(of, slopes=np.roll(p["slopes"], -1, 1))),
    ),
    "bias-scaled": (
        "bias",
        lambda p: backward(p, scores=lambda of: scores_of(of, bias=p["bias"] * np.float32(p["scale"]))),
    ),
    "sink-scaled": ("sinks", lambda p: backward(p, sinks=p["sinks"] * np.float32(p["scale"]))),
    "sink-of-next-head": ("sinks heads", lambda p: backward(p, sinks=np.roll(p["sinks"], -1))),
}


def wider(p, keys):
    """The window with so many keys more at its left."""
    return p["window"][0] + keys, p["window"][1]


def without_sink(p):
    group = p["q"].shape[1] // p["k"].shape[1]
    full = {**p, "k": np.repeat(p["k"], group, 1), "v": np.repeat(p["v"], group, 1)}
    _, lse, _, _ = softmax(np.where(seen(p), scores_of(full), -INF))
    return backward(p, lse_change=lambda *_: lse)


def main():
    rng = np.random.default_rng(20261127)
    arrays, cases = {}, []
    for name, (needs, program) in MUSEUM.items():
        for n in range(4 if name else 24):
            half = n % 2 == 1
            p = problem(rng, needs.split())
            b, h, n_q, _ = p["q"].shape
            d_v = p["v"].shape[3]
            p["do"] = rng.standard_normal((b, h, n_q, d_v)).astype(np.float16).astype(np.float32)
            kind = np.float16 if half else np.float32
            case = f"{len(cases):03}"
            with np.errstate(all="ignore"):
                made = dict(zip(["dq", "dk", "dv"], program(p)))
            # All inputs were drawn as f16.
            for key in ["q", "k", "v", "do", "bias", "slopes", "sinks"]:
                if p.get(key) is not None:
                    arrays[f"{case}.{key}"] = p[key].astype(np.float32 if key in ["slopes", "sinks"] else np.float16)
            if p["keep"] is not None:
                arrays[f"{case}.keep"] = p["keep"]
            for key, value in made.items():
                arrays[f"{case}.{key}"] = value.astype(kind)
            own = {key: p[key] for key in ["scale", "causal", "align", "window", "lengths", "softcap", "rate"]}
            cases.append({"case": case, "cause": name, "format": "f16" if half else "f32", **own})
    np.savez_compressed("gradients.npz", **arrays)
    with open("gradients.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
