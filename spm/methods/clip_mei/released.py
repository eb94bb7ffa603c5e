"""The names of CLIP-MEI's tensors in the authors' release.

released                              ours
motion_conv1, motion_conv2            the convolutions of MIC
mo_alpha1                             the learned scalar on L_motion
token_tr.mlp.net                      the prompt generator of QSA
context2                              the Transformer that QSA and MIC share
context1                              TFE's Transformer
scale                                 nothing: it enters neither logits nor a loss
"""

from spm.nn.released_names import WITHIN_A_TRANSFORMER, translated

UNUSED = ("scale",)

_NAMES = {
    "motion_weight": "mo_alpha1",
    "mic.mfe.conv1.": "motion_conv1.",
    "mic.mfe.conv2.": "motion_conv2.",
    "generator.layers.": "token_tr.mlp.net.",
    "fusion.transformer.": "context2.",
    "tfe.transformer.": "context1.",
}


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("tfe.transformer.attention.to_out.bias")
    'context1.layers.0.0.fn.to_out.0.bias'
    """
    return translated(name, _NAMES, WITHIN_A_TRANSFORMER)
