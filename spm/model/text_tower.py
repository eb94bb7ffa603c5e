"""Encodes class texts by the frozen text tower of a backbone, once, before training.

Without pretrained weights, its features tell classes apart but carry no meaning, and all results
with them say "text: untrained". timm's models have no text tower.
"""

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig
from spm.config.prompts import PLACEHOLDER, PromptsConfig
from spm.model.prompts import PromptFeatures
from spm.model.towers import table
from spm.model.towers.tower import TextTowers

_BATCH = 256


def encode_classes(
    class_texts: dict[str, str], *, prompts: PromptsConfig, backbone: BackboneConfig
) -> PromptFeatures:
    """Features of the texts (class name -> text) in the first R templates, [R, classes, C].

    C is 0 if the backbone has no text tower.
    """
    classes = sorted(class_texts)
    sentences = _sentences(class_texts, prompts=prompts)
    if table.gives_text(backbone):
        features = encode_sentences(sentences, backbone=backbone)
    else:
        features = torch.zeros(len(sentences), 0)
    shape = (prompts.num_templates, len(classes), features.shape[-1])
    return PromptFeatures(
        features=features.reshape(shape).numpy(),
        classes=classes,
        texts=[class_texts[name] for name in classes],
        trained=is_trained(backbone),
    )


def read_alike(
    class_texts: dict[str, str], *, prompts: PromptsConfig, backbone: BackboneConfig
) -> list[list[str]]:
    """Groups of classes whose prompts have the same tokens in every template.

    A text tower truncates its input, so long texts with the same beginning have the same tokens.
    """
    if not table.gives_text(backbone):
        return []
    classes = sorted(class_texts)
    tokens = _tokenizer(backbone)(_sentences(class_texts, prompts=prompts))
    of_class = tokens.reshape(-1, len(classes), tokens.shape[-1]).transpose(0, 1)
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name, its_tokens in zip(classes, of_class, strict=True):
        groups[its_tokens.numpy().tobytes()].append(name)
    return [names for names in groups.values() if len(names) > 1]


def is_trained(backbone: BackboneConfig) -> bool:
    """Whether `backbone` has a text tower with pretrained weights."""
    return table.gives_text(backbone) and backbone.weights is not None


def encode_sentences(sentences: list[str], *, backbone: BackboneConfig) -> Tensor:
    """Features [sentences, C] float32, not normalised. Raises ConfigError for missing weights."""
    tower = build_tower(backbone)
    tokens = _tokenizer(backbone)(sentences)
    with torch.inference_mode():
        features = [tower(batch) for batch in torch.split(tokens, _BATCH)]
    return torch.cat(features).float()


def build_tower(backbone: BackboneConfig) -> nn.Module:
    """The text tower in evaluation mode, with its weights: tokens -> [sentences, C].

    Raises ConfigError if the backbone has no text tower.
    """
    return _text_towers(backbone).build(backbone)


def _sentences(class_texts: dict[str, str], *, prompts: PromptsConfig) -> list[str]:
    """The filled templates: R × classes sentences, classes sorted by name within each template."""
    templates = prompts.templates[: prompts.num_templates]
    texts = [text for _, text in sorted(class_texts.items())]
    return [template.replace(PLACEHOLDER, text) for template in templates for text in texts]


def _tokenizer(backbone: BackboneConfig) -> Callable[[list[str]], Tensor]:
    from spm.builtin_clip.model.registered import open_clip

    name = _text_towers(backbone).tokenizer_of(backbone)
    tokenizer: Callable[[list[str]], Tensor] = open_clip.get_tokenizer(name)
    return tokenizer


def _text_towers(backbone: BackboneConfig) -> TextTowers:
    of_kind = table.row(backbone).text
    if of_kind is None:
        raise ConfigError(
            f"backbone.name: {backbone.name} has no text tower: take an open_clip tower"
        )
    return of_kind()
