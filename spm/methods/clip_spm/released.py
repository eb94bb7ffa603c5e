"""The names of CLIP-SPM's tensors in the authors' release.

released                              ours
motion_conv1, motion_conv2            Φ of MFE (Eq. 8)
token_tr.mlp.net                      Υ of PG (Eq. 13)
gate_vision, gate_text                Ψ_v, Ψ_p of SF (Eq. 9)
context2                              SF's Transformer
context1                              PADM's Transformer (Eq. 14)
mo_alpha1                             the learnable scalar on L_H's weight λ3
scale                                 nothing: it enters neither logits nor L_H
"""

SCALE = "scale"
LAMBDA3_SCALE = "mo_alpha1"

_NAMES = {
    "lambda3_scale": LAMBDA3_SCALE,
    "hsmr.mfe.conv1.": "motion_conv1.",
    "hsmr.mfe.conv2.": "motion_conv2.",
    "spm.generator.layers.": "token_tr.mlp.net.",
    "fusion.gate_visual.": "gate_vision.",
    "fusion.gate_prompt.": "gate_text.",
    "fusion.transformer.": "context2.",
    "padm.transformer.": "context1.",
}
_WITHIN_A_TRANSFORMER = {
    "attention.norm.": "layers.0.0.norm.",
    "attention.to_out.": "layers.0.0.fn.to_out.0.",
    "attention.to_": "layers.0.0.fn.to_",
    "feed_forward.": "layers.0.1.net.",
}


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("padm.transformer.attention.to_out.bias")
    'context1.layers.0.0.fn.to_out.0.bias'
    """
    return _translate(_translate(name, _NAMES), _WITHIN_A_TRANSFORMER)


def _translate(name: str, names: dict[str, str]) -> str:
    """Replaces the first key of `names` that occurs in `name` by its value."""
    for ours, theirs in names.items():
        if ours in name:
            return name.replace(ours, theirs)
    return name
