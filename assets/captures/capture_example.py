"""Capture one attention layer of a LLaMA-like model: python capture_example.py MODEL LAYER TEXT OUT.safetensors

For one prompt and plain causal attention: no sliding window, no soft-cap. Needs torch, transformers and safetensors.
"""

import json
import sys

import torch
from safetensors.torch import save_file
from transformers import AttentionInterface, AutoModelForCausalLM, AutoTokenizer
from transformers.integrations.sdpa_attention import sdpa_attention_forward


def main(model_name, layer, text, path):
    tensors, metadata = {}, {}

    def attention(module, q, k, v, mask, **options):
        """Computes as always; q, k, v are [1, heads, N, d] after rotary embedding, the output is [1, N, heads, d]."""
        output, weights = sdpa_attention_forward(module, q, k, v, mask, **options)
        if module.layer_idx == layer:
            tensors.update(q=q[0], k=k[0], v=v[0], o=output[0].transpose(0, 1))
            metadata["scale"] = repr(float(options["scaling"]))
        return output, weights

    AttentionInterface.register("capture", attention)
    tokenizer = AutoTokenizer.from_pretrained(model_name)
    model = AutoModelForCausalLM.from_pretrained(model_name, attn_implementation="capture").float().eval()
    ids = tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        model(ids, use_cache=False)
    if not tensors:
        sys.exit(f"the model has no attention layer {layer}")

    metadata.update(
        format="tiled-attention-capture/1",
        causal="true",
        kv_lengths=json.dumps([ids.shape[1]]),
        model=model_name,
        layer=str(layer),
        licence="see the model's card",
        source_text=text,
        tokens=json.dumps([tokenizer.decode([i]) for i in ids[0].tolist()], ensure_ascii=False),
    )
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
