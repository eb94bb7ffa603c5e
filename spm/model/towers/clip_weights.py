"""Loads pretrained weights into open_clip's visual towers: from a tag, or a file of a CLIP."""

from torch import nn

from spm.base.errors import ConfigError
from spm.base.state_dicts import misfit
from spm.config.backbone import BackboneConfig
from spm.model import weight_facts
from spm.model.clip_models import describe
from spm.model.local_weights import local_tags
from spm.model.weights import read_weights, resolve_weights, tags_of

_VISUAL = "visual."

check = weight_facts.check_weights
doubt = weight_facts.doubt


def default(config: BackboneConfig) -> str:
    """The tag of the weights in the package. Raises ConfigError for a model without such weights.

    The error lists the model's tags: they differ in what they were trained on, and none is ours to
    choose.
    """
    describe(config.name)  # raises for an unknown name, and lists similar names
    if local := local_tags(config.name):
        return local[0]
    raise ConfigError(
        f"{config.name} needs weights: one of open_clip's tags, as {config.name}:TAG, or a file, "
        f"as {config.name}:FILE; tags: {', '.join(tags_of(config.name)) or 'none'}"
    )


def load(visual: nn.Module, config: BackboneConfig) -> None:
    """Fills `visual` with the visual tensors of a CLIP. Raises ConfigError if they do not fit."""
    assert config.weights is not None
    check(config)
    path = resolve_weights(config.name, config.weights)
    given = read_weights(path)
    state = {name: value for name, value in given.items() if name.startswith(_VISUAL)} or given
    expected = {f"{_VISUAL}{name}": value.shape for name, value in visual.state_dict().items()}
    if said := misfit(state, expected):
        raise ConfigError(
            f"backbone.weights: {path} does not hold {config.name}'s visual tower: {said}"
        )
    visual.load_state_dict({name.removeprefix(_VISUAL): state[name] for name in expected})
