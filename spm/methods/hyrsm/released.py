"""The names of HyRSM's tensors in the authors' release.

released                    ours
temporal_atte_before        attention within a clip
temporal_atte               attention among the episode's clips
layer2.0                    W_f
classification_layer        W_c, among the training classes
"""

from spm.nn.released_names import translated

CLASSIFIER = "classification_layer."

_NAMES = {
    "within.norm.": "temporal_atte_before.norm.",
    "within.to_qkv.": "temporal_atte_before.fn.to_qkv.",
    "within.to_out.": "temporal_atte_before.fn.to_out.0.",
    "among.to_q.": "temporal_atte.w_qs.",
    "among.to_k.": "temporal_atte.w_ks.",
    "among.to_v.": "temporal_atte.w_vs.",
    "among.to_out.": "temporal_atte.fc.",
    "among.norm.": "temporal_atte.layer_norm.",
    "fusion.layer.": "layer2.0.",
    "classifier.": CLASSIFIER,
}


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("among.to_q.weight")
    'temporal_atte.w_qs.weight'
    """
    return translated(name, _NAMES)
