"""Says what a model's weights were before its training."""

from spm.builtin_clip.model.files import NAME, TAG
from spm.model.spec import ModelSpec


def start_in_words(spec: ModelSpec) -> str:
    """ "random weights", "the weights openai of RN50-quickgelu", "the model models/NAME"."""
    name, weights = spec.backbone.name, spec.backbone.weights
    if spec.model.init_from is not None:
        return f"the model {spec.model.init_from}"
    if weights is None:
        return "random weights"
    made_of = ", made of rendered frames with captions" if (name, weights) == (NAME, TAG) else ""
    return f"the weights {weights} of {name}{made_of}"
