"""Tests of assets/captures/capture_example.py: python tests/captures/test_capture_example.py

The captures beside this file are of such models, to be read by the program's own tests; with the argument `--write` they
are written anew.

Labels of tokens need only Python; masks need numpy; the families of models, tiny and random, need torch, transformers
and safetensors. What is not there is skipped, said at the end, and added to the file that TILESCOPE_SKIPS names.
"""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import random
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "assets/captures"))
import capture_example as example  # noqa: E402

NUMPY = importlib.util.find_spec("numpy") is not None
NEEDED = "torch", "transformers", "safetensors", "tokenizers"
MODELS = NUMPY and all(importlib.util.find_spec(name) for name in NEEDED)
TEXT = "Tiled 矩阵 attention streams its keys 🙂 past a block"


class Arguments(unittest.TestCase):
    def test_what_cannot_be_meant_is_told(self):
        file = "out.safetensors"
        wrong = [], ["model", "1", file], ["model", "x", "text", file], ["model", "1", "text", "text"], ["--queries"]
        for arguments in wrong:
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(example.main(arguments), 2)
            self.assertIn("python capture_example.py [--queries N] MODEL LAYER TEXT", said.getvalue())
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(example.main(["--queries", "1", "model", "1", "one", "two", file]), 2)
        self.assertIn("those of one text", said.getvalue())


class Labels(unittest.TestCase):
    def test_a_byte_that_is_part_of_a_character_is_hexadecimal(self):
        for token, label in [
            (b"", ""),
            (b" the", " the"),
            ("矩".encode(), "矩"),
            (" 矩".encode()[:3], " <0xE7><0x9F>"),
            ("矩".encode()[1:], "<0x9F><0xA9>"),
            ("é矩".encode()[:-1] + b"a", "é<0xE7><0x9F>a"),
            (b"\xff\x00", "<0xFF>\x00"),
            ("\ufffd".encode(), "\ufffd"),
        ]:
            self.assertEqual(example.label(token), label)

    def test_labels_of_pieces_come_from_their_bytes(self):
        for kind, piece, label in [
            ("ByteLevel", "Ġthe", " the"),
            ("ByteLevel", "Ċ", "\n"),
            ("ByteLevel", "ĠæĬ", " <0xE6><0x8A>"),
            ("ByteLevel", "<|im_start|>", "<|im_start|>"),
            ("ByteLevel", "<矩>", "<矩>"),
            ("ByteFallback", "\u2581the", " the"),
            ("ByteFallback", "<0xE6>", "<0xE6>"),
            ("ByteFallback", "<0x0A>", "\n"),
            ("ByteFallback", "<0x0A>x", "<0x0A>x"),
            ("WordPiece", "##ing", "##ing"),
            ("WordPiece", "[CLS]", "[CLS]"),
        ]:
            self.assertEqual(example.label_of_piece(piece, kind), label, (kind, piece))

    def test_the_alphabet_of_bytes_is_whole(self):
        self.assertEqual(sorted(example.BYTES.values()), list(range(256)))
        self.assertEqual(len(example.BYTES), 256)

    def test_the_decoder_tells_the_kind(self):
        fallback = {"type": "Sequence", "decoders": [{"type": "Replace"}, {"type": "ByteFallback"}, {"type": "Fuse"}]}
        for decoder, kind in [
            ({"type": "ByteLevel"}, "ByteLevel"),
            (fallback, "ByteFallback"),
            ({"type": "Metaspace"}, "ByteFallback"),
            ({"type": "WordPiece", "prefix": "##"}, "WordPiece"),
            ({"type": "CTC"}, None),
            (None, None),
        ]:
            self.assertEqual(example.kind_of_tokenizer({"decoder": decoder}), kind)


@unittest.skipUnless(NUMPY, "masks: numpy is not there")
class Masks(unittest.TestCase):
    def setUp(self):
        import numpy

        self.np = numpy
        self.random = numpy.random.default_rng(8)

    def shown(self, n, causal, lengths, window, queries=None):
        """Key by key, by the words of the format; of the last queries, or of all."""

        def sees(i, j, length):
            return j < length and not (causal and j > i) and not (window is not None and j < i - window + 1)

        rows = range(n - (queries or n), n)
        return self.np.array([[[[sees(i, j, x) for j in range(n)] for i in rows]] for x in lengths])

    def test_rules_are_found_again(self):
        for n in (1, 2, 3, 7, 8):
            for window in (None, 1, 2, n, n + 5):
                for lengths in ([n], [1, n], [n, max(1, n - 2), n]):
                    for causal in (False, True) if window is None else (True,):
                        visible = self.shown(n, causal, lengths, window)
                        rule = example.rule_of(visible, window)
                        self.assertTrue((self.shown(n, *rule) == visible).all(), (n, causal, lengths, window, rule))
                        # Where every row sees a key, the rule is this one, but for what shows in no key.
                        if visible.any(axis=-1).all():
                            self.assertEqual(rule[1], lengths)
                            self.assertTrue(n == 1 or rule[0] == causal)
                            self.assertTrue(n == 1 or rule[2] == window)

    def test_rules_of_the_last_queries_are_found_again(self):
        for n in (2, 3, 7, 8):
            for queries in (1, 2, n - 1):
                for window in (None, 1, 2, n, n + 5):
                    for causal in (False, True) if window is None else (True,):
                        visible = self.shown(n, causal, [n], window, queries)
                        rule = example.rule_of(visible, window)
                        shape = visible.shape
                        self.assertTrue((example.shown(shape, *rule) == visible).all(), (n, queries, causal, window, rule))
                        self.assertTrue((self.shown(n, *rule, queries) == visible).all(), (n, queries, causal, window))

    def test_a_window_that_the_layer_does_not_tell_is_found(self):
        visible = self.shown(9, True, [9], 4)
        self.assertEqual(example.rule_of(visible, None), (True, [9], 4))
        self.assertEqual(example.rule_of(visible, 7), (True, [9], 4))

    def test_what_no_rule_shows_is_none(self):
        left = self.shown(5, True, [5, 5], None)
        left[1, :, :, :2] = False  # padding at the left
        both = self.np.abs(self.np.subtract.outer(range(7), range(7)))[None, None] <= 2
        heads = self.np.concatenate([self.shown(4, True, [4], None), self.shown(4, False, [4], None)], axis=1)
        more = self.np.ones((1, 1, 6, 5), bool)
        for visible in (left, both, heads, more):
            self.assertIsNone(example.rule_of(visible, None))
        for _ in range(100):
            visible = self.random.random((2, 1, 6, 6)) < 0.5
            rule = example.rule_of(visible, 3)
            self.assertTrue(rule is None or (self.shown(6, *rule) == visible).all())

    def test_masks_are_told_apart(self):
        lowest = self.np.finfo(self.np.float32).min
        shape = (2, 3, 2, 2)
        for hidden in (lowest, -self.np.inf):
            visible, bias = example.split_mask(self.np.float32([[[[0, hidden], [0, 0]]]]), shape)
            self.assertEqual(visible.tolist(), [[[[True, False], [True, True]]]] * 2)
            self.assertIsNone(bias)
            visible, bias = example.split_mask(self.np.float32([[[[0.5, hidden], [0, 0]]]]), shape)
            self.assertEqual(bias.tolist(), [[[[0.5, -self.np.inf], [0, 0]]]] * 2)
        visible, bias = example.split_mask(self.np.array([[[[True, False, True]]]]), shape)
        self.assertEqual(visible.tolist(), [[[[True, False]] * 2]] * 2)
        self.assertIsNone(bias)
        visible, bias = example.split_mask(None, shape)
        self.assertTrue(visible.all() and bias is None)
        with self.assertRaises(example.Refusal):
            example.split_mask(self.np.float32([[[[self.np.nan, 0], [0, 0]]]]), shape)

    def call(self, mask, softcap=None, window=None):
        """A recorded call of attention, with the output that NumPy's f64 gives it: 2 sequences, 4 heads over 2."""
        np, n = self.np, 6
        q, k, v = (self.random.standard_normal((2, heads, n, 5)).astype(np.float32) for heads in (4, 2, 2))
        scores = 0.3 * np.einsum("bhid,bhjd->bhij", q.astype(np.float64), np.repeat(k, 2, axis=1))
        if softcap:
            scores = softcap * np.tanh(scores / softcap)
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        o = np.einsum("bhij,bhjd->bhid", weights, np.repeat(v, 2, axis=1)).astype(np.float32)
        return dict(q=q, k=k, v=v, o=o, mask=mask, scale=0.3, softcap=softcap, window=window)

    def masks(self):
        np, n = self.np, 6
        causal = self.shown(n, True, [n, n], None)
        yield "rule", causal
        yield "rule", self.shown(n, False, [3, n], None)
        yield "rule", self.shown(n, True, [n, n], 2)
        yield "mask", np.repeat(causal, 4, axis=1) | (np.arange(4)[:, None, None] == np.arange(n))
        yield "bias", np.where(causal, self.random.standard_normal((2, 4, n, n)), -np.inf).astype(np.float32)

    def test_a_call_is_told_and_verified(self):
        for softcap in (None, 1.5):
            for said, mask in self.masks():
                tensors, metadata = example.describe(self.call(mask, softcap))
                beside = [name for name in ("mask", "bias") if name in tensors]
                self.assertEqual(beside or ["rule"], [said])
                self.assertLess(example.verify(tensors, metadata), 1e-6)

    def test_an_output_of_other_attention_is_refused(self):
        np = self.np
        causal = self.shown(6, True, [6, 6], None)
        right = example.describe(self.call(causal, softcap=1.5))
        example.verify(*right)
        others = ("softcap", None), ("softcap", "1.6"), ("scale", "0.31"), ("causal", "false"), ("sliding_window", "5")
        for key, value in others:
            metadata = {name: x for name, x in (right[1] | {key: value}).items() if x is not None}
            with self.assertRaisesRegex(example.Refusal, "the model's output is off by [0-9.e-]+ from"):
                example.verify(right[0], metadata)
        broken = right[0] | {"o": np.where(np.arange(5) == 2, np.nan, right[0]["o"])}
        with self.assertRaisesRegex(example.Refusal, "off by nan"):
            example.verify(broken, right[1])

    def test_a_query_that_sees_no_key_is_refused(self):
        call = self.call(self.shown(6, True, [6, 6], None))
        call["mask"] = self.shown(6, True, [2, 6], 2)
        with self.assertRaisesRegex(example.Refusal, "query 3 of sequence 0 sees no key.*capture its text alone"):
            example.verify(*example.describe(call))


def reference(file, metadata):
    """O in f64 from a capture, by the words of the format, row by row. Nothing here is shared with the script."""
    import numpy as np

    q, k, v = (file[name].astype(np.float64) for name in "qkv")
    if q.ndim == 3:
        q, k, v = q[None], k[None], v[None]
    ahead = k.shape[2] - q.shape[2]
    lengths, group = json.loads(metadata["kv_lengths"]), q.shape[1] // k.shape[1]
    softcap, window = metadata.get("softcap"), int(metadata.get("sliding_window", 10**9))
    mask = np.broadcast_to(file.get("mask", True), (*q.shape[:3], k.shape[2]))
    o = np.zeros((*q.shape[:3], v.shape[3]))
    for b, h, i in np.ndindex(o.shape[:3]):
        s = float(metadata["scale"]) * (k[b, h // group] @ q[b, h, i])
        if softcap:
            s = float(softcap) * np.tanh(s / float(softcap))
        for j in range(k.shape[2]):
            late = metadata["causal"] == "true" and j > i + ahead
            if j >= lengths[b] or late or j < i + ahead - window + 1 or not mask[b, h, i, j]:
                s[j] = -np.inf
        p = np.exp(s - s.max())
        o[b, h, i] = (p / p.sum()) @ v[b, h // group]
    return o.reshape(file["o"].shape)


def chosen(queries):
    return [] if queries is None else ["--queries", str(queries)]


@unittest.skipUnless(MODELS, "families of models: torch, transformers or safetensors is not there")
class TinyModels(unittest.TestCase):
    """Makes tiny random models, and captures them."""

    SIZES = dict(
        vocab_size=400,
        hidden_size=48,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        initializer_range=0.15,
        max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )

    def setUp(self):
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def save(self, family, tokens="ByteLevel", **changes):
        """A tiny random model of a family and a tokenizer, as from_pretrained reads them."""
        import torch
        import transformers

        sizes = self.SIZES | changes
        config = transformers.AutoConfig.for_model(family, **{name: x for name, x in sizes.items() if x is not None})
        torch.manual_seed(8)
        transformers.AutoModel.from_config(config).save_pretrained(self.folder / "model")
        tokenizer(tokens).save_pretrained(self.folder / "model")
        return str(self.folder / "model")

    def capture(self, model, layer, *texts, queries=None):
        """What the script says, its exit code, and the capture as tensors and metadata; None where none was written."""
        from safetensors import safe_open

        path, said = self.folder / "capture.safetensors", io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = example.main([*chosen(queries), model, str(layer), *texts, str(path)])
        self.assertEqual(said.getvalue().count("\n"), 1, said.getvalue())
        if not path.exists():
            return said.getvalue(), code, None, None
        with safe_open(path, "numpy") as file:
            tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
        path.unlink()
        return said.getvalue(), code, tensors, metadata


class Families(TinyModels):
    def own_output(self, model, projection, *texts):
        """What the model hands to the output projection named, run as it comes, without the script: [batch, N, H d]."""
        import torch
        import transformers

        found = []
        plain = transformers.AutoModel.from_pretrained(model, attn_implementation="eager").float().eval()
        module = plain.get_submodule(projection)
        module.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
        words = transformers.AutoTokenizer.from_pretrained(model)
        with torch.no_grad():
            plain(**words(list(texts), return_tensors="pt", padding=len(texts) > 1))
        return found[0].numpy()

    def holds(self, model, layer, projection, expected, *texts, masks=(), queries=None):
        """The capture has the model's own output and gives it again by its own words, but not without one of them."""
        import numpy as np

        said, code, file, metadata = self.capture(model, layer, *texts, queries=queries)
        self.assertEqual(code, 0, said)
        o = file["o"] if file["o"].ndim == 4 else file["o"][None]
        own = self.own_output(model, projection, *texts)
        # Of a model that is run whole, and keeps no cache.
        own = own if queries is None else own[:, -queries:]
        np.testing.assert_allclose(o.transpose(0, 2, 1, 3).reshape(own.shape), own, rtol=0, atol=2e-6)
        np.testing.assert_allclose(reference(file, metadata), file["o"], rtol=0, atol=5e-6)
        known = {key: metadata.get(key) for key in ("causal", "scale", "kv_lengths", "sliding_window", "softcap")}
        n = file["k"].shape[-2]
        whole = json.dumps([n] * len(texts))
        default = {"causal": "true", "kv_lengths": whole, "sliding_window": None, "softcap": None}
        self.assertEqual(known, default | expected)
        self.assertEqual(tuple(sorted(set(file) - set("qkvo"))), masks)
        # Each word matters: without it the result is another.
        plain = {"causal": "false", "kv_lengths": whole, "sliding_window": "1000", "softcap": "1e9"}
        for key, value in plain.items():
            if key in metadata and metadata[key] != value:
                other = np.abs(reference(file, metadata | {key: value}) - file["o"]).max()
                self.assertGreater(other, 1e-2, f"{key} shows in nothing")
        return file, metadata

    def test_llama(self):
        model = self.save("llama")
        file, metadata = self.holds(model, 1, "layers.1.self_attn.o_proj", {"scale": "0.25"}, TEXT)
        self.assertEqual(file["q"].shape[0], 4)
        self.assertEqual(file["k"].shape[0], 2)
        tokens = json.loads(metadata["tokens"])
        self.assertEqual(len(tokens), file["q"].shape[1])
        self.assertNotIn("\ufffd", metadata["tokens"])
        self.assertIn("<0x", metadata["tokens"])
        self.assertEqual(joined(tokens), TEXT)

    def test_mistral(self):
        model = self.save("mistral", sliding_window=5)
        self.holds(model, 2, "layers.2.self_attn.o_proj", {"scale": "0.25", "sliding_window": "5"}, TEXT)
        model = self.save("mistral", sliding_window=4096)
        _, code, _, metadata = self.capture(model, 0, TEXT)
        self.assertEqual((code, metadata["sliding_window"]), (0, "4096"))

    def test_qwen2(self):
        model = self.save("qwen2", use_sliding_window=True, sliding_window=4, max_window_layers=1)
        self.holds(model, 0, "layers.0.self_attn.o_proj", {"scale": "0.25"}, TEXT)
        self.holds(model, 1, "layers.1.self_attn.o_proj", {"scale": "0.25", "sliding_window": "4"}, TEXT)

    def test_qwen3(self):
        self.holds(self.save("qwen3"), 1, "layers.1.self_attn.o_proj", {"scale": "0.25"}, TEXT)

    def test_gemma2(self):
        model = self.save("gemma2", sliding_window=3, attn_logit_softcapping=1.5, query_pre_attn_scalar=9)
        whole, near = {"scale": repr(9**-0.5), "softcap": "1.5"}, {"sliding_window": "3"}
        self.holds(model, 0, "layers.0.self_attn.o_proj", whole | near, TEXT)
        self.holds(model, 1, "layers.1.self_attn.o_proj", dict(whole), TEXT)

    def test_gemma3(self):
        layers = ["sliding_attention", "full_attention", "sliding_attention"]
        model = self.save("gemma3_text", "ByteFallback", sliding_window=3, layer_types=layers, query_pre_attn_scalar=9)
        scale = {"scale": repr(9**-0.5)}
        _, metadata = self.holds(model, 0, "layers.0.self_attn.o_proj", scale | {"sliding_window": "3"}, TEXT)
        self.assertEqual(joined(json.loads(metadata["tokens"])), TEXT)
        self.holds(model, 1, "layers.1.self_attn.o_proj", dict(scale), TEXT)

    def test_phi3(self):
        model = self.save("phi3", head_dim=None, sliding_window=6)
        self.holds(model, 1, "layers.1.self_attn.o_proj", {"scale": repr(12**-0.5), "sliding_window": "6"}, TEXT)

    def test_gpt2(self):
        model = self.save("gpt2", scale_attn_by_inverse_layer_idx=True)
        self.holds(model, 2, "h.2.attn.c_proj", {"scale": repr(12**-0.5 / 3)}, TEXT)

    def test_gpt_neox(self):
        model = self.save("gpt_neox")
        self.holds(model, 1, "layers.1.attention.dense", {"scale": repr(12**-0.5)}, TEXT)

    def test_bert_in_a_batch(self):
        model = self.save("bert", "WordPiece")
        projection = "encoder.layer.1.attention.output.dense"
        expected = {"scale": repr(12**-0.5), "causal": "false"}
        texts = "tiled attention", "tiled attention streams its keys past a block", "keys"
        lengths = {"kv_lengths": "[4, 10, 3]"}
        _, metadata = self.holds(model, 1, projection, expected | lengths, *texts)
        self.assertEqual(json.loads(metadata["tokens"])[2], ["[CLS]", "keys", "[SEP]"] + ["[PAD]"] * 7)
        self.assertEqual(json.loads(metadata["source_text"]), list(texts))
        self.holds(model, 0, "encoder.layer.0.attention.output.dense", expected, texts[1])

    def test_llama_in_a_batch(self):
        model = self.save("llama")
        lengths = {"kv_lengths": "[7, 3]"}
        self.holds(model, 1, "layers.1.self_attn.o_proj", {"scale": "0.25"} | lengths, "a block of keys", "a keys")

    def test_a_window_to_both_sides_is_a_mask(self):
        model = self.save("modernbert", "WordPiece", head_dim=None, local_attention=6)
        file, _ = self.holds(
            model,
            1,
            "layers.1.attn.Wo",
            {"scale": repr(12**-0.5), "causal": "false"},
            "tiled attention streams its keys past a block past its keys",
            masks=("mask",),
        )
        n = file["q"].shape[1]
        self.assertEqual(file["mask"].shape, (1, n, n))

    def test_sinks_are_refused(self):
        model = self.save("gpt_oss", num_local_experts=2, num_experts_per_tok=1)
        said, code, file, _ = self.capture(model, 1, TEXT)
        self.assertEqual((code, file), (2, None))
        self.assertRegex(said, "gpt_oss: layer 1 has learned sinks.*; nothing is written")

    def test_a_model_with_attention_of_its_own_is_refused(self):
        model = self.save("bloom", n_head=4, n_layer=2)
        said, code, file, _ = self.capture(model, 0, TEXT)
        self.assertEqual((code, file), (2, None))
        self.assertIn("bloom", said)

    def test_a_term_that_is_not_recorded_is_refused(self):
        from transformers.models.llama import modeling_llama as llama

        model, plain = self.save("llama"), llama.eager_attention_forward

        def changed(module, q, k, v, mask, **options):
            return plain(module, q * 1.01, k, v, mask, **options)

        with unittest.mock.patch.object(llama, "eager_attention_forward", changed):
            said, code, file, _ = self.capture(model, 1, TEXT)
        self.assertEqual((code, file), (2, None))
        self.assertRegex(said, "llama: the model's output is off by 0.0")

    def test_a_mask_made_only_for_attention_of_a_known_name_is_missed(self):
        from transformers.models.llama import modeling_llama as llama

        model, plain = self.save("llama"), llama.create_causal_mask

        def by_name(config, *inputs, **options):
            return plain(config, *inputs, **options) if config._attn_implementation == "eager" else None

        with unittest.mock.patch.object(llama, "create_causal_mask", by_name):
            said, code, file, _ = self.capture(model, 1, TEXT)
        self.assertEqual((code, file), (2, None))
        self.assertIn("llama: it computes something else where its attention is recorded", said)

    def test_padding_beyond_a_window_is_refused(self):
        model = self.save("mistral", sliding_window=3)
        said, code, file, _ = self.capture(model, 0, TEXT, "keys")
        self.assertEqual((code, file), (2, None))
        self.assertRegex(said, "mistral: query \\d+ of sequence 1 sees no key")

    def test_the_last_queries_find_the_others_in_the_cache(self):
        """A decode step and two chunks, of a model that sees all, and of one whose cache lets go of what its window hides."""
        import numpy as np

        for family, own, window in (("llama", {}, None), ("mistral", {"sliding_window": 6}, 6)):
            model = self.save(family, **own)
            _, code, whole, words = self.capture(model, 1, TEXT)
            self.assertEqual(code, 0)
            n = whole["q"].shape[1]
            for queries in (1, 5, n - 1):
                said, code, file, metadata = self.capture(model, 1, TEXT, queries=queries)
                self.assertEqual(code, 0, said)
                keys = file["k"].shape[1]
                self.assertEqual(file["q"].shape[1], queries)
                self.assertTrue(keys == n if window is None else keys >= min(n, queries + window - 1), keys)
                # The very rows of the whole text.
                for name, rows in (("q", queries), ("o", queries), ("k", keys), ("v", keys)):
                    np.testing.assert_allclose(file[name], whole[name][:, -rows:], rtol=0, atol=5e-6)
                np.testing.assert_allclose(reference(file, metadata), file["o"], rtol=0, atol=5e-6)
                self.assertEqual(json.loads(metadata["tokens"]), json.loads(words["tokens"])[-keys:])
                self.assertIn(f"the last {queries} tokens", metadata["note"])
                expected = {"scale": "0.25", "causal": json.dumps(queries > 1)}
                if window is not None and (queries > 1 or keys > window):
                    expected |= {"causal": "true", "sliding_window": "6"}
                self.holds(model, 1, "layers.1.self_attn.o_proj", expected, TEXT, queries=queries)

    def test_queries_that_cannot_be_are_refused(self):
        model = self.save("llama")
        for queries in (0, 1000):
            said, code, file, _ = self.capture(model, 1, TEXT, queries=queries)
            self.assertEqual((code, file), (2, None))
            self.assertRegex(said, f"--queries {queries}: the text has \\d+ tokens")
        said, code, file, _ = self.capture(self.save("bert", "WordPiece"), 1, "a block of keys", queries=1)
        self.assertEqual((code, file), (2, None), said)

    def test_other_refusals_are_one_line(self):
        model = self.save("llama")
        said, code, file, _ = self.capture(model, 7, TEXT)
        self.assertEqual((code, file), (2, None))
        self.assertIn("no attention in layer 7; it has in 0, 1, 2", said)
        said, code, file, _ = self.capture(str(self.folder / "none"), 0, TEXT)
        self.assertEqual((code, file), (2, None))
        # Weights that are not there would be random numbers.
        from safetensors.torch import load_file, save_file

        path = self.folder / "model/model.safetensors"
        weights = {name: x for name, x in load_file(path).items() if "layers.0.self_attn.q" not in name}
        save_file(weights, path, {"format": "pt"})
        said, code, file, _ = self.capture(model, 0, TEXT)
        self.assertEqual((code, file), (2, None))
        self.assertIn("1 weights are not in the model's files, layers.0.self_attn.q_proj.weight among them", said)


# Captures to be read by the program: name, family, what it has of its own, tokenizer, layer, texts, last queries.
SHORT, LONG = "\u77e9\u9635 a block", "tiled attention streams its keys past a block"
SMALL = {"hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "num_hidden_layers": 2}
CAPTURES = [
    ("llama", "llama", {}, "ByteLevel", 1, [SHORT]),
    ("llama-decode", "llama", {}, "ByteLevel", 1, [SHORT], 1),
    ("mistral-window-chunk", "mistral", {"sliding_window": 3}, "ByteLevel", 1, [SHORT], 4),
    ("mistral-window", "mistral", {"sliding_window": 3}, "ByteLevel", 1, [SHORT]),
    ("gemma2-softcap-window", "gemma2", {"attn_logit_softcapping": 0.5, "sliding_window": 3}, "ByteFallback", 0, [SHORT]),
    ("bert-batch", "bert", {}, "WordPiece", 1, ["a keys", LONG]),
    ("modernbert-mask", "modernbert", {"head_dim": None, "local_attention": 4}, "WordPiece", 1, [LONG]),
]


class Written(TinyModels):
    """The captures beside this file are what the script writes."""

    def test_captures_are_as_the_script_writes_them(self):
        import numpy as np
        from safetensors import safe_open

        for name, family, changes, tokens, layer, texts, *queries in CAPTURES:
            model = self.save(family, tokens, **(SMALL | changes))
            said, code, tensors, metadata = self.capture(model, layer, *texts, queries=next(iter(queries), None))
            self.assertEqual(code, 0, said)
            with safe_open(pathlib.Path(__file__).with_name(f"{name}.safetensors"), "numpy") as file:
                self.assertEqual(set(file.keys()), set(tensors))
                # The folder is another each time, and another machine rounds otherwise.
                own = {"model": f"tiny-random-{family}", "verify_max_abs_err": file.metadata()["verify_max_abs_err"]}
                self.assertEqual(file.metadata(), metadata | own)
                for key, tensor in tensors.items():
                    np.testing.assert_allclose(file.get_tensor(key), tensor, rtol=0, atol=1e-5)


def write():
    """Writes the captures beside this file."""
    for name, family, changes, tokens, layer, texts, *queries in CAPTURES:
        models, path = TinyModels(), pathlib.Path(__file__).resolve().with_name(f"{name}.safetensors")
        models.setUp()
        pathlib.Path(models.save(family, tokens, **(SMALL | changes))).rename(models.folder / f"tiny-random-{family}")
        with contextlib.chdir(models.folder):
            if example.main([*chosen(next(iter(queries), None)), f"tiny-random-{family}", str(layer), *texts, str(path)]):
                return 1
        models.doCleanups()
    return 0


def joined(labels):
    """The text of labels, with the bytes that they name."""
    import re

    raw = [re.sub(b"<0x([0-9A-F]{2})>", lambda byte: bytes.fromhex(byte[1].decode()), x.encode()) for x in labels]
    return b"".join(raw).decode().strip()


def tokenizer(kind):
    """A tokenizer of 400 pieces at most, trained on a sentence: none is downloaded."""
    import tokenizers
    from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>"]
    words = "tiled attention streams its keys past a block of keys a block "
    if kind == "ByteLevel":
        words_of = tokenizers.Tokenizer(models.BPE())
        words_of.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        words_of.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=270, special_tokens=special, initial_alphabet=alphabet)
        words_of.train_from_iterator([words], trainer)
    elif kind == "ByteFallback":
        pieces = special + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581"] + sorted(set(words) - {" "})
        ids = {piece: at for at, piece in enumerate(pieces)}
        words_of = tokenizers.Tokenizer(models.BPE(ids, [], byte_fallback=True, unk_token="<pad>"))
        words_of.normalizer = normalizers.Replace(" ", "\u2581")
        replace = decoders.Replace("\u2581", " ")
        words_of.decoder = decoders.Sequence([replace, decoders.ByteFallback(), decoders.Fuse()])
    else:
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        ids = {piece: at for at, piece in enumerate(special + sorted(set(words.split())))}
        words_of = tokenizers.Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
        words_of.pre_tokenizer = pre_tokenizers.Whitespace()
        words_of.decoder = decoders.WordPiece()
        words_of.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
        )
    names = {"pad_token": special[0], "eos_token": special[2], "model_input_names": ["input_ids", "attention_mask"]}
    return PreTrainedTokenizerFast(tokenizer_object=words_of, **names)


def main():
    if sys.argv[1:] == ["--write"]:
        return write()
    result = unittest.main(exit=False, argv=[sys.argv[0], *sys.argv[1:]]).result
    reasons = sorted({why for _, why in result.skipped})
    if reasons and os.environ.get("TILESCOPE_SKIPS"):
        with open(os.environ["TILESCOPE_SKIPS"], "a") as file:
            file.writelines(f"SKIPPED capture_example: {why}\n" for why in reasons)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
