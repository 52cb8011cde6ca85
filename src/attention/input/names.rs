//! What the names of arrays and of metadata keys mean, however they are spelt.

/// What an array or a metadata key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Q,
    K,
    V,
    /// Keys and values before K and V, and after them.
    PastK,
    PastV,
    NewK,
    NewV,
    /// The gradient of the output.
    DO,
    /// The output that someone else computed.
    Output,
    /// Gradients that someone else computed.
    DQ,
    DK,
    DV,
    DSinks,
    Bias,
    /// Which keys are seen: of booleans, or added to the scores.
    Mask,
    Scale,
    Causal,
    Align,
    Window,
    WindowLeft,
    WindowRight,
    KeyLengths,
    Softcap,
    Slopes,
    /// Logits of learned sinks.
    Sinks,
    /// The pages of each sequence in a pool of keys and values.
    BlockTable,
    Keep,
    DropoutRate,
    Layout,
    Heads,
    KvHeads,
    HeadDim,
    /// Changes attention, and is not computed here.
    NotComputed,
    /// True means one thing in one library and the other in another.
    Unclear,
    /// Several tensors in one array.
    Packed,
    /// Where the sequences of a packed batch begin and end: of queries and keys alike, of queries, of keys.
    Offsets,
    OffsetsQ,
    OffsetsK,
    /// The same where there is room between the sequences.
    OffsetsWithGaps,
    /// Tokens of the longest sequence of a packed batch.
    Longest,
    LongestQ,
    LongestK,
    /// Made by attention, and computed here anew.
    Result,
}

const NAMES: [(Role, &[&str]); 42] = [
    (Role::Q, &["q", "query", "queries", "xq", "q_proj", "query_states", "query_layer", "q_states"]),
    (Role::K, &["k", "key", "keys", "xk", "k_proj", "key_states", "key_layer", "k_states", "k_cache", "key_cache"]),
    (
        Role::V,
        &["v", "value", "values", "xv", "v_proj", "value_states", "value_layer", "v_states", "v_cache", "value_cache"],
    ),
    (Role::PastK, &["past_k", "k_past", "past_key", "past_keys", "past_key_states"]),
    (Role::PastV, &["past_v", "v_past", "past_value", "past_values", "past_value_states"]),
    (Role::NewK, &["k_new", "new_k", "key_new", "new_key", "new_keys"]),
    (Role::NewV, &["v_new", "new_v", "value_new", "new_value", "new_values"]),
    (Role::DO, &["do", "d_o", "dout", "d_out", "grad_o", "grad_out", "grad_output"]),
    (Role::Output, &["o", "out", "output", "attn_output", "attn_out", "attention_output"]),
    (Role::DQ, &["dq", "d_q", "grad_q", "q_grad"]),
    (Role::DK, &["dk", "d_k", "grad_k", "k_grad"]),
    (Role::DV, &["dv", "d_v", "grad_v", "v_grad"]),
    (Role::DSinks, &["dsinks", "d_sinks", "dsink", "d_sink", "grad_sinks", "sinks_grad", "sink_grad"]),
    (Role::Bias, &["bias", "attn_bias", "attention_bias", "score_bias"]),
    (Role::Mask, &["mask", "attn_mask", "attention_mask"]),
    (Role::Scale, &["scale", "softmax_scale", "sm_scale", "scaling", "attn_scale", "attention_scale", "qk_scale"]),
    (Role::Causal, &["causal", "is_causal"]),
    (Role::Align, &["align", "alignment", "causal_align", "causal_alignment"]),
    (Role::Window, &["window", "window_size", "sliding_window", "sliding_window_size", "local_window_size"]),
    (Role::WindowLeft, &["window_left", "window_size_left"]),
    (Role::WindowRight, &["window_right", "window_size_right"]),
    (
        Role::KeyLengths,
        &[
            "kv_lengths",
            "kv_length",
            "key_lengths",
            "key_length",
            "kv_lens",
            "kv_len",
            "k_lens",
            "seqlens_k",
            "seqlen_k",
            "seqused_k",
            "cache_seqlens",
            "seqlens",
            "seq_lens",
            "seqlens_kv",
            "seq_lens_kv",
            "kv_seqlens",
            "kv_seq_lens",
            "cache_lens",
            "context_lens",
            "context_lengths",
            "lengths",
            "lens",
            "valid_len",
            "valid_lens",
        ],
    ),
    (
        Role::Softcap,
        &[
            "softcap",
            "soft_cap",
            "logits_soft_cap",
            "logits_softcap",
            "logit_softcap",
            "attn_logit_softcapping",
            "attn_softcap",
        ],
    ),
    (Role::Slopes, &["alibi_slopes", "alibi_slope", "slopes"]),
    (Role::Sinks, &["sinks", "s_aux", "attn_sinks", "attention_sinks", "sink_logits"]),
    (Role::BlockTable, &["block_table", "block_tables", "page_table", "page_tables"]),
    (Role::Keep, &["keep", "keep_mask", "dropout_keep"]),
    (Role::DropoutRate, &["dropout_p", "dropout", "dropout_rate", "attention_dropout", "attn_dropout", "p_dropout"]),
    (Role::Layout, &["layout", "tensor_layout", "qkv_layout", "input_layout", "qkv_format"]),
    (
        Role::Heads,
        &["heads", "num_heads", "n_heads", "n_head", "nheads", "num_attention_heads", "num_q_heads", "num_qo_heads"],
    ),
    (Role::KvHeads, &["kv_heads", "num_kv_heads", "n_kv_heads", "num_key_value_heads"]),
    (Role::HeadDim, &["head_dim", "head_size", "d_head", "headdim"]),
    (
        Role::NotComputed,
        &[
            "sink",
            "attention_sink",
            "sink_bias",
            "kv_indices",
            "cache_batch_idx",
            "cache_leftpad",
            "leftpad_k",
            "block_mask",
            "score_mod",
            "mask_mod",
            "position_bias",
            "rel_pos",
            "rel_pos_bias",
            "relative_position_bias",
            "relative_position_bias_table",
            "rel_h",
            "rel_w",
            "rel_pos_h",
            "rel_pos_w",
            "segment_ids",
            "q_segment_ids",
            "kv_segment_ids",
            "document_ids",
            "doc_ids",
            "head_mask",
            "layer_head_mask",
            "cos",
            "sin",
            "freqs_cis",
            "rotary_cos",
            "rotary_sin",
            "rotary_emb",
            "q_descale",
            "k_descale",
            "v_descale",
            "q_scale",
            "k_scale",
            "v_scale",
            "temperature",
            "logit_scale",
            "logits_scale",
            "attention_chunk",
            "attention_chunk_size",
            "chunk_size",
            "seqlens_q",
            "seqlen_q",
            "seqused_q",
            "q_lengths",
            "query_lengths",
            "q_lens",
            "q_len",
            "dropout_mask",
            "qk_norm",
            "q_norm",
            "k_norm",
            "talking_heads",
            "topk_indices",
            "num_splits_mask",
        ],
    ),
    (Role::Unclear, &["key_padding_mask", "src_key_padding_mask", "tgt_key_padding_mask", "padding_mask", "pad_mask"]),
    (Role::Packed, &["qkv", "kv", "qkv_packed", "kv_packed", "kv_cache", "packed_qkv"]),
    (Role::Offsets, &["cu_seqlens", "cu_seq_lens", "cu_seqlen", "cu_lens"]),
    (Role::OffsetsQ, &["cu_seqlens_q", "cu_seq_lens_q", "cu_seqlen_q", "qo_indptr"]),
    (Role::OffsetsK, &["cu_seqlens_k", "cu_seq_lens_k", "cu_seqlen_k", "cu_seqlens_kv", "cu_seq_lens_kv", "kv_indptr"]),
    (
        Role::OffsetsWithGaps,
        &["cu_seqlens_q_padded", "cu_seqlens_kv_padded", "cu_seqlens_k_padded", "cu_seqlens_padded"],
    ),
    (Role::Longest, &["max_seqlen", "max_seq_len", "max_length"]),
    (Role::LongestQ, &["max_seqlen_q", "max_seq_len_q", "max_length_q"]),
    (Role::LongestK, &["max_seqlen_k", "max_seqlen_kv", "max_seq_len_k", "max_seq_len_kv", "max_length_k"]),
];

/// What attention makes: `D` is the rowsum of dO * O.
const RESULTS: [&str; 26] = [
    "l",
    "m",
    "s",
    "p",
    "d",
    "lse",
    "softmax_lse",
    "logsumexp",
    "delta",
    "scores",
    "attn_scores",
    "attention_scores",
    "attn",
    "attns",
    "attn_weights",
    "attention_weights",
    "attention_probs",
    "attn_probs",
    "probs",
    "weights_softmax",
    "ds",
    "dp",
    "dbias",
    "o_ref",
    "out_ref",
    "expected",
];

/// Metadata keys that are for people: they change no number.
const FOR_PEOPLE: [&str; 18] = [
    "format",
    "model",
    "layer",
    "licence",
    "license",
    "note",
    "source_text",
    "text",
    "tokens",
    "token_ids",
    "q_heads",
    "verify_max_abs_err",
    "verify_max_abs_err_model_f32",
    "weights",
    "package",
    "rope",
    "dtype",
    "transformers",
];

/// A metadata key that is for people.
pub(super) fn is_for_people(key: &str) -> bool {
    FOR_PEOPLE.contains(&key)
}

impl Role {
    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Role::Q => "Q",
            Role::K => "K",
            Role::V => "V",
            Role::PastK => "past_K",
            Role::PastV => "past_V",
            Role::NewK => "K_new",
            Role::NewV => "V_new",
            Role::DO => "dO",
            Role::Output => "O",
            Role::DQ => "dQ",
            Role::DK => "dK",
            Role::DV => "dV",
            Role::DSinks => "dSinks",
            Role::Bias => "bias",
            Role::Mask => "mask",
            Role::Scale => "scale",
            Role::Causal => "causal",
            Role::Align => "align",
            Role::Window | Role::WindowLeft | Role::WindowRight => "window",
            Role::KeyLengths => "kv_lengths",
            Role::Softcap => "softcap",
            Role::Slopes => "alibi_slopes",
            Role::Sinks => "sinks",
            Role::BlockTable => "block_table",
            Role::Keep => "keep",
            Role::DropoutRate => "dropout_p",
            Role::Layout => "layout",
            Role::Heads => "heads",
            Role::KvHeads => "kv_heads",
            Role::HeadDim => "head_dim",
            Role::Offsets => "cu_seqlens",
            Role::OffsetsQ => "cu_seqlens_q",
            Role::OffsetsK => "cu_seqlens_k",
            Role::Longest => "max_seqlen",
            Role::LongestQ => "max_seqlen_q",
            Role::LongestK => "max_seqlen_k",
            Role::NotComputed | Role::Unclear | Role::Packed | Role::OffsetsWithGaps | Role::Result => "array",
        }
    }

    /// It can be said in a word of the metadata; the others are arrays.
    pub fn is_word(self) -> bool {
        use Role::{
            Align, Causal, DropoutRate, HeadDim, Heads, KeyLengths, KvHeads, Layout, Scale, Sinks, Slopes, Softcap,
        };
        use Role::{Longest, LongestK, LongestQ, Offsets, OffsetsK, OffsetsQ, Window, WindowLeft, WindowRight};
        matches!(
            self,
            Scale
                | Causal
                | Align
                | Window
                | WindowLeft
                | WindowRight
                | KeyLengths
                | Softcap
                | Slopes
                | Sinks
                | DropoutRate
                | Layout
                | Heads
                | KvHeads
                | HeadDim
                | Offsets
                | OffsetsQ
                | OffsetsK
                | Longest
                | LongestQ
                | LongestK
        )
    }
}

/// What a name means; `None` where it means nothing here. Upper case, `-`, `.` and spaces do not count.
pub(super) fn role(name: &str) -> Option<Role> {
    let plain: String =
        name.trim().chars().map(|c| if matches!(c, '-' | '.' | ' ') { '_' } else { c.to_ascii_lowercase() }).collect();
    let found = NAMES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(role, _)| *role);
    found.or_else(|| RESULTS.contains(&plain.as_str()).then_some(Role::Result))
}

/// The names without what all of them begin with (`layer3.q`, `layer3.k`, ...: `q`, `k`), up to a mark between words.
pub(super) fn without_common_start(names: &[String]) -> Vec<&str> {
    let first = names.first().map_or("", String::as_str);
    let common = names
        .iter()
        .fold(first.len(), |most, name| first.bytes().zip(name.bytes()).take(most).take_while(|(a, b)| a == b).count());
    // A mark is one byte, so that the cut lies between characters.
    let cut = first.as_bytes()[..common].iter().rposition(|b| b"._-/ ".contains(b)).map_or(0, |mark| mark + 1);
    names.iter().map(|name| &name[cut..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name() {
        for (name, expected) in [
            ("Q", Role::Q),
            ("Query", Role::Q),
            ("xk", Role::K),
            ("attn.mask", Role::Mask),
            ("softmax-scale", Role::Scale),
            ("dO", Role::DO),
            ("O", Role::Output),
            ("L", Role::Result),
            ("attn_logit_softcapping", Role::Softcap),
        ] {
            assert_eq!(role(name), Some(expected), "{name}");
        }
        assert_eq!(role("weather"), None);
    }

    #[test]
    fn a_name_means_one_thing() {
        let mut all: Vec<&str> = NAMES.iter().flat_map(|(_, names)| *names).chain(&RESULTS).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_start_that_all_share_is_left_out() {
        let names = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(without_common_start(&names(&["l3.q", "l3.k", "l3.kv_len"])), ["q", "k", "kv_len"]);
        assert_eq!(without_common_start(&names(&["qé_a", "qé_b"])), ["a", "b"]);
        assert_eq!(without_common_start(&names(&["query", "queue"])), ["query", "queue"]);
        assert_eq!(without_common_start(&[]), [""; 0]);
    }
}
