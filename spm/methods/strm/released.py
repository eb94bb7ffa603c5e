"""The names of STRM's tensors in the authors' release.

released              ours
attn_pat              the enrichment of patches; Bot_MLP: its hidden layers
fr_enrich             the enrichment of frames; Tok_MLP over the frames, Bot_MLP over the channels
transformers          TRX on the enriched frames
dist.0.clsW           the layer of the patch-level head, which the release's state lacks
"""

from spm.nn.released_names import WITHIN_A_CROSS_TRANSFORMER, translated

_NAMES = {
    "patches.gamma": "main.attn_pat.gamma",
    "patches.query.": "main.attn_pat.query_proj.",
    "patches.key.": "main.attn_pat.key_proj.",
    "patches.value.": "main.attn_pat.value_conv.",
    "patches.hidden.0.": "main.attn_pat.Bot_MLP.inp_fc.",
    "patches.hidden.2.": "main.attn_pat.Bot_MLP.hid_fc.",
    "patches.hidden.4.": "main.attn_pat.Bot_MLP.out_fc.",
    "frames.over_frames.0.": "main.fr_enrich.Tok_MLP.inp_fc.",
    "frames.over_frames.2.": "main.fr_enrich.Tok_MLP.out_fc.",
    "frames.over_channels.0.": "main.fr_enrich.Bot_MLP.inp_fc.",
    "frames.over_channels.2.": "main.fr_enrich.Bot_MLP.out_fc.",
    "patch_head.layer.": "dist.0.clsW.",
}


def released_name(name: str) -> str:
    """Our name of a tensor -> its name in the release.

    >>> released_name("transformers.0.key.weight")
    'main.transformers.0.k_linear.weight'
    """
    if not name.startswith("transformers."):
        return translated(name, _NAMES)
    return "main." + translated(name, WITHIN_A_CROSS_TRANSFORMER)
