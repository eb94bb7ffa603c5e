"""The names of MoLo's tensors in the authors' release.

released                                    ours
class_token, temporal_atte_before           the appearance stream
class_token_motion, …_before_motion         the motion stream
motion_reduce, motion_conv, motion_up       the differences of maps
up1 to up3, outc                            the decoder
scale, scale_motion                         σ, σ' of the contrast
"""

from spm.nn.released_names import WITHIN_A_TRANSFORMER, translated

IN_TRAINING = ("classification_layer.", "up1.", "up2.", "up3.", "outc.")
"""Prefixes of what serves training alone. A head whose weight for it is 0 does not have it."""

_NAMES = {
    "appearance.token": "class_token",
    "appearance.": "temporal_atte_before.",
    "motion.token": "class_token_motion",
    "motion.": "temporal_atte_before_motion.",
    "differences.reduce.": "motion_reduce.",
    "differences.conv.": "motion_conv.",
    "differences.up.": "motion_up.",
    "classifier.": "classification_layer.",
    "decoder.stages.0.": "up1.conv.",
    "decoder.stages.1.": "up2.conv.",
    "decoder.stages.2.": "up3.conv.",
    "decoder.out.": "outc.conv.",
}
_WITHIN_A_STAGE = {"conv.conv.": "conv.double_conv.0.", "conv.norm.": "conv.double_conv.1."}


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("decoder.stages.2.norm.bias")
    'up3.conv.double_conv.1.bias'
    """
    return translated(name, _NAMES, WITHIN_A_TRANSFORMER, _WITHIN_A_STAGE)
