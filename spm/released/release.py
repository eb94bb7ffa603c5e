"""The authors' released checkpoints: what their tensors are called, and what they leave unsaid.

    released                              ours
    motion_conv1, motion_conv2            Φ of MFE (Eq. 8)
    token_tr.mlp.net                      Υ of PG (Eq. 13)
    gate_vision, gate_text                Ψ_v, Ψ_p of SF (Eq. 9)
    context2                              SF's Transformer
    context1                              PADM's Transformer (Eq. 14)
    mo_alpha1                             the learnable scalar on L_H's weight λ3
    scale                                 nothing: it enters neither logits nor L_H
    backbone, or backbone.module          CLIP's visual tower, in OpenAI's names

α is no tensor of theirs: the release sets it per data set, and so it is an option of the converter.
"""

from typing import Any

from spm.config.base import validate
from spm.model.spec import ModelSpec

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
_TEMPLATES = [
    "A photo of action [CLS]",
    "A picture of action [CLS]",
    "Human action of [CLS]",
    "[CLS], an action",
    "[CLS] this is an action",
    "[CLS], a video of action",
    "Playing action of [CLS]",
    "[CLS]",
    "Playing a kind of action, [CLS]",
    "Doing a kind of action, [CLS]",
    "Look, the human is [CLS]",
    "Can you recognize the action of [CLS]?",
    "Video classification of [CLS]",
    "A video of [CLS]",
    "The man is [CLS]",
    "The woman is [CLS]",
]


def released_name(name: str, *, backbone: str) -> str:
    """What the release calls our tensor `name`; `backbone.` or `backbone.module.` goes first.

    >>> released_name("padm.transformer.attention.to_out.bias", backbone="backbone.")
    'context1.layers.0.0.fn.to_out.0.bias'
    """
    if name.startswith("backbone.visual."):
        return backbone + name.removeprefix("backbone.visual.")
    return _translate(_translate(name, _NAMES), _WITHIN_A_TRANSFORMER)


def _translate(name: str, names: dict[str, str]) -> str:
    """`name` with the first of `names` that is a part of it replaced."""
    for ours, theirs in names.items():
        if ours in name:
            return name.replace(ours, theirs)
    return name


_FIXED: dict[str, dict[str, Any]] = {
    "backbone": {
        "weights": "openai",
        "image_size": None,
        "embed_dim": None,
        "batch_norm": "running-then-batch",
        "normalize": False,
        "precision": "float32",
        "seed": 0,
    },
    "model": {
        "init_from": None,
        "hsmr": True,
        "spm": True,
        "padm": True,
        "fusion": "gate+sum+concat",
        "consistency": "both",
        "lambda1": 1.0,
        "lambda2": 0.5,
        "lambda3": 0.001,
        "learn_lambda3": True,
        "lambda4": 0.0,
        "otam_lambda": 0.5,
        "text_ensemble": "mean",
        "motion_reduction": "mean",
        "prompt_visual_mean": "time+channels",
        "distance": "squared",
        "consistency_reduction": "mean",
        "attention_dropout": 0.2,
        "dropout": 0.05,
        "seed": 0,
    },
    "frames": {
        "samples_per_segment": 1,
        "short_side": 256,
        "keep_aspect": False,
        "short_clips": "reject",
        "storage": "raw",
        "jpeg_quality": 95,
        "reader": "auto",
        "num_shards": 16,
    },
}
"""The values of the release that no checkpoint changes (docs: its departures from the paper)."""


def released_spec(
    *,
    backbone: str,
    heads: int,
    head_dim: int,
    hidden_dim: int,
    gate_visual_ratio: float,
    gate_prompt_ratio: float,
    alpha: float,
    gate_slope: float,
    num_frames: int,
) -> ModelSpec:
    """The release's values, these sizes.

    Raises ConfigError for one that is not allowed.
    """
    values = {
        "backbone": _FIXED["backbone"] | {"name": backbone},
        "model": _FIXED["model"]
        | {
            "heads": heads,
            "head_dim": head_dim,
            "hidden_dim": hidden_dim,
            "gate_visual_ratio": gate_visual_ratio,
            "gate_prompt_ratio": gate_prompt_ratio,
            "alpha": alpha,
            "gate_slope": gate_slope,
        },
        "frames": _FIXED["frames"] | {"num_segments": num_frames},
        "prompts": {"num_templates": len(_TEMPLATES), "templates": _TEMPLATES},
        "selection": "test",
    }
    return validate(ModelSpec, values, name="released")
