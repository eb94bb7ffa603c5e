"""The hyperparameters of the authors' release, which its checkpoints do not store.

spm.methods.clip_spm.released has the tensors' names. α is an option of the converter, since the
release sets α per data set and stores it nowhere.
"""

from typing import Any

from spm.config.base import validate
from spm.model.spec import ModelSpec

PROMPTS: dict[str, Any] = {
    "num_templates": 16,
    "text_ensemble": "mean",
    "control": "none",
    "templates": [
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
    ],
}
"""Texts of classes: the mean over the templates of the paper's Table 6."""

_FIXED: dict[str, dict[str, Any]] = {
    "backbone": {
        "weights": "openai",
        "image_size": None,
        "batch_norm": "running-then-batch",
        "normalize": False,
        "precision": "float32",
        "frozen": False,
        "train_last": None,
        "seed": 0,
    },
    "model": {
        "method": "clip_spm",
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
"""The values that all released checkpoints share; some differ from the paper's."""


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
    """The specification of a released model with these sizes.

    Raises ConfigError for a size that is not allowed.
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
        "prompts": PROMPTS,
        "train_classes": None,
        "selection": "test",
    }
    return validate(ModelSpec, values, name="released")
