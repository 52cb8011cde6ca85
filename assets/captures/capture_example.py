"""Capture one attention layer of a Hugging Face model.

    python capture_example.py [--queries N] MODEL LAYER TEXT [TEXT ..] OUT.safetensors

Records q, k and v as they enter the product, the output o, and what the layer does to its scores: scale, mask, sliding
window, soft-cap. Attention is then computed again in f64 from the very file; where that is not what the model gave, or
where the model does what the format cannot say (learned sinks), one line says so and nothing is written.

With --queries the last N tokens of the text are its queries, and k and v of those before them come from the model's
cache: a decode step (--queries 1), or a chunk of a prefill.

Several texts are one batch, padded at the right. Needs torch, transformers, safetensors and numpy. Tested with
transformers 5.24; 4.57 works as well, but refuses some models (BERT) whose attention it does not let be recorded.
"""

import codecs
import inspect
import json
import re
import sys

try:
    import numpy as np
except ModuleNotFoundError:  # labels of tokens need none
    np = None

FORMAT = "tiled-attention-capture/1"


class Refusal(Exception):
    """Why nothing is written, in one line."""


# --- Tokens -----------------------------------------------------------------------------------------------------------


def hexadecimal(error):
    return "".join(f"<0x{byte:02X}>" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("hexadecimal", hexadecimal)


def label(token):
    """The characters of these bytes; a byte that is only part of a character is written <0xNN>."""
    return token.decode("utf-8", errors="hexadecimal")


def byte_alphabet():
    """The byte of each character in which byte-level tokenizers (GPT-2's and later) write their tokens."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(moved)}


BYTES = byte_alphabet()


def label_of_piece(piece, kind):
    """The label of an entry of the vocabulary of a tokenizer of this kind: ByteLevel, ByteFallback or WordPiece."""
    if kind == "ByteLevel" and all(character in BYTES for character in piece):
        return label(bytes(BYTES[character] for character in piece))
    if kind == "ByteFallback":
        byte = re.fullmatch("<0x([0-9A-F]{2})>", piece)
        return label(bytes.fromhex(byte[1])) if byte else piece.replace("\u2581", " ")
    return piece


def kind_of_tokenizer(description):
    """ByteLevel, ByteFallback or WordPiece, from a tokenizer.json; None where it names no decoder of these."""
    decoder = json.dumps(description.get("decoder"))
    kinds = {"ByteLevel": "ByteLevel", "ByteFallback": "ByteFallback", "Metaspace": "ByteFallback"}
    kinds["WordPiece"] = "WordPiece"
    return next((kind for name, kind in kinds.items() if f'"type": "{name}"' in decoder), None)


# --- Masks ------------------------------------------------------------------------------------------------------------


def split_mask(mask, shape):
    """What a layer gets as its mask, as (visible, bias) of `shape` [batch, heads or 1, n_q, n_k].

    A boolean mask is True where a key is attended to; numbers are added to the scores, and the lowest of f32 hides. The
    bias is None where nothing but hiding is done, and else has -inf where a key is hidden.
    """
    if mask is None:
        return np.ones((shape[0], 1, *shape[2:]), bool), None
    # Layers cut a mask made for a longer cache.
    mask = np.broadcast_to(mask[..., : shape[3]], (shape[0], mask.shape[1], *shape[2:]))
    if mask.dtype == bool:
        return mask, None
    if np.isnan(mask).any():
        raise Refusal("the mask has NaN")
    visible = mask > np.finfo(np.float32).min / 2
    hides_only = (mask[visible] == 0).all()
    return visible, None if hides_only else np.where(visible, mask, -np.inf).astype(np.float32)


def shown(shape, causal, lengths, window):
    """The keys that a rule shows, as bool [batch, 1, n_q, n_k]: below the length, j <= i, i - window < j.

    i is where the query stands among the keys: the last query at the last key.
    """
    i, j = np.arange(shape[2])[:, None] + shape[3] - shape[2], np.arange(shape[3])[None, :]
    keys = j < np.asarray(lengths)[:, None, None]
    if causal:
        keys = keys & (j <= i)
    if window is not None:
        keys = keys & (j > i - window)
    return np.broadcast_to(keys, (shape[0], *shape[2:]))[:, None]


def rule_of(visible, window):
    """The rule (causal, lengths, window) that shows exactly the keys of `visible`; None where there is no such rule.

    `window` is what the layer says of itself. It stands in the rule where it holds, even if no key is far enough away.
    """
    batch, _, n_q, n_k = shape = visible.shape
    one = visible[:, :1]
    if n_q > n_k or (visible != one).any():
        return None
    seen = one.any(axis=(1, 2))
    lengths = [int(n_k - np.argmax(keys[::-1])) if keys.any() else 0 for keys in seen]
    far = np.subtract.outer(np.arange(n_k - n_q, n_k), np.arange(n_k))
    found = int(far[one.any(axis=(0, 1))].max(initial=0)) + 1
    rules = [(False, None), *([(True, window)] if window else []), (True, None), (True, found)]
    for causal, width in rules:
        if (shown(shape, causal, lengths, width) == one).all():
            return causal, lengths, width
    return None


# --- The file ---------------------------------------------------------------------------------------------------------


def attention(q, k, v, scale, softcap, bias):
    """O of one head, in the type of q: q [n_q, d], k [n_k, d], v [n_k, d_v], bias [n_q, n_k] with -inf where hidden."""
    scores = (q @ k.T) * q.dtype.type(scale)
    if softcap is not None:
        softcap = q.dtype.type(softcap)
        scores = softcap * np.tanh(scores / softcap)
    scores = scores + bias.astype(q.dtype)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights @ v) / weights.sum(axis=-1, keepdims=True)


def verify(tensors, metadata):
    """The largest distance of o from attention in f64, computed from what the file says; a Refusal if it is too large.

    Plain attention in f32 tells what rounding does: four times its own distance is allowed, and 1e-6 of the largest v.
    """
    q, k, v, o = (tensors[name] for name in "qkvo")
    batch, heads, n_q, _ = q.shape
    causal, window = metadata["causal"] == "true", metadata.get("sliding_window")
    lengths = json.loads(metadata["kv_lengths"])
    keys = shown((batch, 1, n_q, k.shape[2]), causal, lengths, window and int(window))
    keys = keys & tensors.get("mask", True)
    bias = np.where(keys, tensors.get("bias", np.float32(0)), -np.inf)
    if (~(bias > -np.inf).any(axis=-1)).any():
        b, _, i = np.argwhere(~(bias > -np.inf).any(axis=-1))[0]
        more = "; capture its text alone" if batch > 1 else ""
        raise Refusal(f"query {i} of sequence {b} sees no key, and models give the mean of all values there{more}")
    scale, softcap = float(metadata["scale"]), metadata.get("softcap")
    softcap = softcap and float(softcap)
    error = rounding = 0.0
    for b in range(batch):
        for h in range(heads):
            g = h * k.shape[1] // heads
            head = q[b, h], k[b, g], v[b, g]
            rest = scale, softcap, bias[b, h if bias.shape[1] > 1 else 0]
            exact = attention(*(x.astype(np.float64) for x in head), *rest)
            error = np.maximum(error, np.abs(exact - o[b, h]).max())  # keeps NaN
            rounding = np.maximum(rounding, np.abs(exact - attention(*head, *rest)).max())
    bound = 4 * rounding + 1e-6 * np.abs(v).max()
    if not error <= bound:
        recorded = "attention by what was recorded"
        raise Refusal(f"the model's output is off by {error:.2g} from {recorded}, and rounding is at most {bound:.1g}")
    return float(error)


def describe(call):
    """Tensors and metadata of a recorded call of attention."""
    q, k, v, o = (call[name] for name in "qkvo")
    if q.shape[1] % k.shape[1]:
        raise Refusal(f"{q.shape[1]} query heads cannot share {k.shape[1]} key/value heads evenly")
    shape = q.shape[0], q.shape[1], q.shape[2], k.shape[2]
    visible, bias = split_mask(call["mask"], shape)
    rule = None if bias is not None else rule_of(visible, call["window"])
    causal, lengths, window = rule or (False, [shape[3]] * shape[0], None)
    tensors = {"q": q, "k": k, "v": v, "o": o}
    if bias is not None:
        tensors["bias"] = bias
    elif rule is None:
        tensors["mask"] = visible
    metadata = {
        "format": FORMAT,
        "causal": json.dumps(causal),
        "scale": repr(call["scale"]),
        "kv_lengths": json.dumps(lengths),
    }
    if window is not None:
        metadata["sliding_window"] = str(window)
    if call["softcap"] is not None:
        metadata["softcap"] = repr(call["softcap"])
    return tensors, metadata


# --- The model --------------------------------------------------------------------------------------------------------


class Recorder:
    """The attention function of a model: computes what its own plain form does, and keeps the call of one layer."""

    def __init__(self, layer):
        self.layer, self.layers, self.call = layer, [], {}

    def forget(self):
        self.layers.clear(), self.call.clear()

    def __call__(self, module, q, k, v, mask, **options):
        """q, k, v are [batch, heads, N, d], the output is [batch, N, heads, d]."""
        number = getattr(module, "layer_idx", None)
        self.layers.append(len(self.layers) if number is None else number)
        plain = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
        if plain is None:
            raise Refusal("its attention has no plain form in transformers (eager_attention_forward)")
        output, weights = plain(module, q, k, v, mask, **options)
        if self.layers[-1] == self.layer:
            self.keep(module, q, k, v, mask, output, options)
        return output, weights

    def keep(self, module, q, k, v, mask, output, options):
        if self.call:
            raise Refusal(f"layer {self.layer} attends twice; which of the two is meant cannot be told")
        if options.get("s_aux") is not None or getattr(module, "sinks", None) is not None:
            raise Refusal(f"layer {self.layer} has learned sinks, a term in each row's sum that {FORMAT} cannot say")
        if options.get("dropout"):
            raise Refusal(f"layer {self.layer} drops weights out ({options['dropout']})")
        tensors = {"q": q, "k": k, "v": v, "o": output.transpose(1, 2)}
        scale, softcap = options.get("scaling"), options.get("softcap")
        self.call.update(
            {name: as_array(tensor.float()) for name, tensor in tensors.items()},
            mask=None if mask is None else as_array(mask),
            scale=float(q.shape[-1] ** -0.5 if scale is None else scale),
            softcap=None if softcap is None else float(softcap),
            window=options.get("sliding_window"),
        )


def as_array(tensor):
    return tensor.detach().cpu().contiguous().numpy()


def forward(model, inputs, queries, recorder):
    """The model's output for its last tokens, `queries` of them, after those before them have filled its cache."""
    if queries is None:
        return model(**inputs)[0]
    ids = inputs.input_ids
    if not 1 <= queries < ids.shape[1]:
        raise Refusal(f"--queries {queries}: the text has {ids.shape[1]} tokens, of which at least one is in the cache")
    # Later versions call it `cache`, and take the old name with a warning.
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    before = model(input_ids=ids[:, :-queries], use_cache=True)
    cache = getattr(before, name, None) or getattr(before, "past_key_values", None)
    if cache is None:
        raise Refusal("--queries: it keeps no cache of keys and values")
    recorder.forget()
    return model(input_ids=ids[:, -queries:], **{name: cache}, use_cache=True)[0]


def run(model_name, layer, texts, queries=None):
    """Runs the model on the texts; returns the call of attention in `layer`, and the labels of the tokens or None."""
    import torch
    import transformers
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    recorder = Recorder(layer)
    transformers.AttentionInterface.register("capture", recorder)
    # Without a mask function of its own a model would hand over no mask at all.
    AttentionMaskInterface.register("capture", eager_mask)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_name)
    if len(texts) > 1:
        tokenizer.padding_side = "right"
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    inputs = tokenizer(texts, return_tensors="pt", padding=len(texts) > 1)
    try:
        model = load(model_name)
        with torch.no_grad():
            recorded = forward(model, inputs, queries, recorder)
            model.set_attn_implementation("eager")
            # Without a cache: that too must change nothing.
            plain = model(**inputs)[0][:, -recorded.shape[1] :]
    except KeyError as error:
        # A model that picks among attention classes of its own by name.
        if error.args != ("capture",):
            raise
    if not recorder.layers:
        raise Refusal("its attention is not computed by transformers' attention functions")
    if not recorder.call:
        has = ", ".join(map(str, sorted(set(recorder.layers))))
        raise Refusal(f"it has no attention in layer {layer}; it has in {has}")
    # A model may make its masks by the name of its attention, and would have made none for ours.
    changed = (recorded - plain).abs().max().item()
    if not changed <= 1e-4 * plain.abs().max().item():
        raise Refusal(f"it computes something else where its attention is recorded (output changed by {changed:.2g})")
    # A cache may have let go of keys that a window hides.
    keys = recorder.call["k"].shape[2]
    return recorder.call, labels_of(tokenizer, inputs.input_ids[:, -keys:].tolist())


def load(model_name):
    """The model without a head, in f32, every weight from its files."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, loaded = transformers.AutoModel.from_pretrained(
        model_name, attn_implementation="capture", output_loading_info=True
    )
    absent = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
    if absent:
        raise Refusal(f"{len(absent)} weights are not in the model's files, {absent[0]} among them")
    return model.float().eval()


def labels_of(tokenizer, ids):
    """The labels of each sequence's tokens, or None where the tokenizer does not tell which bytes a token is."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    kind = kind_of_tokenizer(json.loads(backend.to_str())) if backend is not None else None
    if kind:
        return [[label_of_piece(piece, kind) for piece in tokenizer.convert_ids_to_tokens(row)] for row in ids]
    labels = [[tokenizer.decode([token]) for token in row] for row in ids]
    return None if any("\ufffd" in text for row in labels for text in row) else labels


def capture(model_name, layer, texts, queries=None):
    """The bytes of a capture, and a line about it."""
    from safetensors.numpy import save
    from transformers import AutoConfig

    family = AutoConfig.from_pretrained(model_name).model_type
    try:
        call, labels = run(model_name, layer, texts, queries)
        tensors, metadata = describe(call)
        error = verify(tensors, metadata)
    except Refusal as refusal:
        raise Refusal(f"{family}: {refusal}") from None
    single = len(texts) == 1
    metadata.update(
        model=model_name,
        layer=str(layer),
        licence="see the model's card",
        layout="[heads, N, d]" if single else "[batch, heads, N, d]",
        source_text=texts[0] if single else json.dumps(texts, ensure_ascii=False),
        verify_max_abs_err=f"{error:.3e}",
    )
    if queries is not None:
        metadata["note"] = f"q and o are of the last {queries} tokens, k and v of those before them from the cache"
    if labels is not None:
        metadata["tokens"] = json.dumps(labels[0] if single else labels, ensure_ascii=False)
    if single:
        tensors = {name: tensor[0] for name, tensor in tensors.items()}
    said = [f"{name} {list(tensors[name].shape)}" for name in ("q", "k", "v", "mask", "bias") if name in tensors]
    keys = ("causal", "scale", "kv_lengths", "sliding_window", "softcap")
    said += [f"{key} {metadata[key]}" for key in keys if key in metadata]
    said += [f"error of o {error:.1e}"]
    if labels is None:
        said += ["no tokens, since the tokenizer does not tell which bytes they are"]
    return save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, metadata), ", ".join(said)


def main(arguments):
    queries = None
    if len(arguments) > 1 and arguments[0] == "--queries" and arguments[1].isdecimal():
        queries, arguments = int(arguments[1]), arguments[2:]
    # A text in the place of the file would be one, and each of several ends elsewhere.
    if queries is not None and len(arguments) > 4:
        print("--queries: its last tokens are those of one text; nothing is written", file=sys.stderr)
        return 2
    if len(arguments) < 4 or not arguments[1].isdecimal() or not arguments[-1].endswith(".safetensors"):
        print(__doc__, file=sys.stderr)
        return 2
    model, layer, *texts, path = arguments
    try:
        content, said = capture(model, int(layer), texts, queries)
        with open(path, "wb") as file:
            file.write(content)
    except Exception as error:  # whatever a library cannot do is said in one line, too
        kind = "" if isinstance(error, Refusal) else f"{type(error).__name__}: "
        print(f"{model}: {kind}{' '.join(str(error).split())}; nothing is written", file=sys.stderr)
        return 2
    print(f"{path}: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
