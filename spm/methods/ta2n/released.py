"""The names of TA2N's tensors in the authors' release.

released                                ours
align.firststage.locnet                 the temporal transform
align.keynet_multi, …                   the fusion of several supports
align.secondstage                       the action coordination; mvnet: its convolutions
"""

from spm.nn.released_names import translated

_PARTS = {
    "fusion.key.": "align.keynet_multi.",
    "fusion.query.": "align.querynet_multi.",
    "fusion.value.": "align.valuenet_multi.",
    "warp.": "align.firststage.locnet.",
    "coordination.key.": "align.secondstage.keynet.",
    "coordination.query.": "align.secondstage.querynet.",
    "coordination.value.": "align.secondstage.valuenet.",
    "coordination.": "align.secondstage.mvnet.",
}
_LAYERS = {
    "net.first.conv.": "net.0.",
    "net.first.norm.": "net.1.",
    "net.second.conv.": "net.4.",
    "net.second.norm.": "net.5.",
    "net.hidden.": "net.10.",
    "net.out.": "net.12.",
}


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("coordination.second.norm.bias")
    'align.secondstage.mvnet.5.bias'
    """
    return translated(name, _PARTS, _LAYERS)
