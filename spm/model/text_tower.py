"""CLIP's text tower: frozen, used once, before training.

`conv` has no text tower of its own; a small one with seeded random weights stands in. Its features
tell classes apart but know nothing of what words mean, and everything measured with it says
"text: untrained".
"""

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.base.state_dicts import State, misfit
from spm.config.backbone import CONV, BackboneConfig
from spm.config.prompts import PLACEHOLDER, PromptsConfig
from spm.model.clip_models import describe
from spm.model.prompts import PromptFeatures
from spm.model.weights import read_weights, resolve_weights

_BATCH = 256


def encode_classes(
    class_texts: dict[str, str], *, prompts: PromptsConfig, backbone: BackboneConfig
) -> PromptFeatures:
    """Class name -> text, through the first R templates and the frozen text tower."""
    classes = sorted(class_texts)
    sentences = _sentences(class_texts, prompts=prompts)
    features = encode_sentences(sentences, backbone=backbone)
    return PromptFeatures(
        features=features.reshape(-1, len(classes), features.shape[-1]).numpy(),
        classes=classes,
        texts=[class_texts[name] for name in classes],
        trained=is_trained(backbone),
    )


def read_alike(
    class_texts: dict[str, str], *, prompts: PromptsConfig, backbone: BackboneConfig
) -> list[list[str]]:
    """Groups of classes whose prompts are the same tokens, in every template.

    A text tower reads so many tokens and no more: long texts that begin alike are one to it.
    """
    classes = sorted(class_texts)
    tokens = _tokenizer(backbone)(_sentences(class_texts, prompts=prompts))
    of_class = tokens.reshape(-1, len(classes), tokens.shape[-1]).transpose(0, 1)
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name, its_tokens in zip(classes, of_class, strict=True):
        groups[its_tokens.numpy().tobytes()].append(name)
    return [names for names in groups.values() if len(names) > 1]


def _sentences(class_texts: dict[str, str], *, prompts: PromptsConfig) -> list[str]:
    """Template after template, each with every class, sorted by name."""
    templates = prompts.templates[: prompts.num_templates]
    texts = [text for _, text in sorted(class_texts.items())]
    return [template.replace(PLACEHOLDER, text) for template in templates for text in texts]


def _tokenizer(backbone: BackboneConfig) -> Callable[[list[str]], Tensor]:
    import open_clip

    tokenizer: Callable[[list[str]], Tensor] = open_clip.get_tokenizer(
        "RN50" if backbone.name == CONV else backbone.name
    )
    return tokenizer


def is_trained(backbone: BackboneConfig) -> bool:
    """Whether the text tower that belongs to `backbone` has learned anything."""
    return backbone.weights is not None


def encode_sentences(sentences: list[str], *, backbone: BackboneConfig) -> Tensor:
    """[sentences, C] float32, not normalised. Raises ConfigError for weights that are not there."""
    tower = build_tower(backbone)
    tokens = _tokenizer(backbone)(sentences)
    with torch.inference_mode():
        features = [tower(batch) for batch in torch.split(tokens, _BATCH)]
    return torch.cat(features).float()


def build_tower(backbone: BackboneConfig) -> nn.Module:
    """The text tower, in evaluation mode, with its weights: tokens -> [sentences, C]."""
    return _seeded_tower(backbone) if backbone.name == CONV else _clip_tower(backbone)


def _seeded_tower(backbone: BackboneConfig) -> nn.Module:
    from open_clip.transformer import TextTransformer

    channels = backbone.embed_dim
    assert channels is not None, "conv has one"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(backbone.seed)
        heads = math.gcd(4, channels)  # they must divide the width
        tower: nn.Module = TextTransformer(
            width=channels, heads=heads, layers=2, output_dim=channels
        )
    return tower.eval()


def _clip_tower(backbone: BackboneConfig) -> nn.Module:
    import open_clip

    describe(backbone.name)  # raises for an unknown name, and says which are near
    with torch.random.fork_rng(devices=[]), _weights_follow(backbone.weights is not None):
        torch.manual_seed(backbone.seed)
        model = open_clip.create_model(backbone.name, pretrained_text=False)
    if backbone.weights is not None:
        _load_text(model, resolve_weights(backbone.name, backbone.weights))
    return _TextOnly(model.eval())


@contextmanager
def _weights_follow(follow: bool) -> Iterator[None]:
    """Silences open_clip's warning of a random model where its weights are loaded right after."""

    def is_true(record: logging.LogRecord) -> bool:
        return not (follow and record.getMessage().startswith("No pretrained weights loaded"))

    root = logging.getLogger()
    root.addFilter(is_true)
    try:
        yield
    finally:
        root.removeFilter(is_true)


class _TextOnly(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        features: Tensor = self.model.encode_text(tokens)  # type: ignore[operator]
        return features


def _load_text(model: nn.Module, path: Path) -> None:
    expected = {name: value.shape for name, value in _without_visual(model.state_dict()).items()}
    made = dict(model.named_buffers()).keys() - expected  # TorchScript keeps the attention mask
    state = _without_visual(read_weights(path))
    state = {name: value for name, value in state.items() if name not in made}
    if said := misfit(state, expected):
        raise ConfigError(f"backbone.weights: {path} does not hold the model's text tower: {said}")
    model.load_state_dict(state, strict=False)


def _without_visual(state: State) -> State:
    return {name: value for name, value in state.items() if not name.startswith("visual.")}
