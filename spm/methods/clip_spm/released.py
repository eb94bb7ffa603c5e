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

from spm.nn.released_names import WITHIN_A_TRANSFORMER, translated

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


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("padm.transformer.attention.to_out.bias")
    'context1.layers.0.0.fn.to_out.0.bias'
    """
    return translated(name, _NAMES, WITHIN_A_TRANSFORMER)
