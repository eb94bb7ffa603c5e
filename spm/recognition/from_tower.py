"""Makes a model from a pretrained tower and a method without parameters: nothing is trained.

    ViT-B-16-quickgelu:openai            an open_clip model and a tag, or a file after the colon
    timm/resnet50.tv_in1k                a timm model, with what its tag publishes, or a file
    builtin-clip                         the small CLIP in the package

from_tower.yaml beside this file says how such a model sees clips. `clip-spm classify` calls this.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spm.base.errors import ConfigError, naming
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.config.base import validate
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig, method_names, read_values
from spm.config.prompts import PromptsConfig
from spm.methods.registry import has_parameters
from spm.model.model import FewShotModel, build_model
from spm.model.spec import ModelSpec
from spm.model.towers import table
from spm.recognition.by_examples import find_support_with_notes, print_answers
from spm.released.release import PROMPTS
from spm.results.start import start_in_words

_VALUES = Path(__file__).with_suffix(".yaml")
_RESIZED, _CROPPED = 8, 7
"""Frames are resized to 256 pixels for a crop of 224, as in the presets, and so for other sizes."""


def model_from_tower(
    tower: str, *, method: str = "otam", num_frames: int = 8, **values: Any
) -> FewShotModel:
    """The model of a tower with its pretrained weights and a method, in evaluation mode.

        model = spm.model_from_tower("ViT-B-16-quickgelu:openai", method="otam", otam_lambda=0.5)

    tower: NAME or NAME:WEIGHTS, as `backbone` has them; WEIGHTS is a tag or a file, and may hold
    colons. num_frames: T. values: parameters of the method, in place of those in its values.yaml.
    Raises ConfigError for an unknown name, weights that are missing or do not fit, and a method
    that has parameters to train or needs texts that the tower has not.
    """
    section = read_values(method, **values)
    if section.init_from is not None:
        raise ConfigError(f"init_from = {section.init_from!r}: the weights are the tower's own")
    with naming(f"tower {tower!r}", of=ConfigError):
        backbone = _backbone(tower)
        spec = _spec(section, backbone=backbone, num_frames=num_frames)
    needs = section.needs
    table.check_gives(method, features=needs.features, text=needs.text, backbone=backbone)
    with naming(f"tower {tower!r}", of=ConfigError):
        model = build_model(spec, load_backbone_weights=False)
    _check_needs_no_training(model)
    with naming(f"tower {tower!r}", of=ConfigError):
        table.row(backbone).weights().load(model.backbone.visual, backbone)
    return model.eval()


def print_classification(
    clips: Sequence[Path], *, tower: str, method: str, num_frames: int, support: Path
) -> int:
    """As by_examples.print_predictions, with a model from a tower.

    The first line says which weights the tower has. Nothing is trained, so there is no validation
    split to calibrate on. Raises ConfigError as `model_from_tower`, before any clip is read.
    """
    paths = find_support_with_notes(support)
    model = model_from_tower(tower, method=method, num_frames=num_frames)
    if said := table.doubt(model.config.backbone):
        print(f"warning: {said}", file=sys.stderr)
    title = model.config.model.full_title
    print(f"{title}, not trained, on {start_in_words(model.config)}")
    return print_answers(clips, model=model, support=paths, transductive=False)


def _backbone(tower: str) -> BackboneConfig:
    """The section `backbone` of NAME[:WEIGHTS], with weights."""
    name, _, given = tower.partition(":")
    if not given and Path(name).is_file():
        raise ConfigError(
            f"a file of weights does not say which model computes with them: NAME:{name}, as "
            f"ViT-B-16-quickgelu:{name}"
        )
    values = read_yaml(_VALUES)["backbone"] | {"name": name, "weights": given or None}
    backbone = validate(BackboneConfig, values, name="backbone")
    if given:
        return backbone
    return backbone.model_copy(update={"weights": table.default_weights(backbone)})


def _spec(section: ModelConfig, *, backbone: BackboneConfig, num_frames: int) -> ModelSpec:
    side = table.image_size(backbone)
    frames = {"num_segments": num_frames, "short_side": round(side * _RESIZED / _CROPPED)}
    return ModelSpec(
        backbone=backbone,
        model=section,
        frames=validate(FramesConfig, read_yaml(_VALUES)["frames"] | frames, name="frames"),
        prompts=validate(PromptsConfig, PROMPTS, name="prompts"),
        selection="validation",
        train_classes=None,
    )


def _check_needs_no_training(model: FewShotModel) -> None:
    """Raises ConfigError if the method has parameters; names the methods without."""
    if list(model.method.parameters()):
        raise ConfigError(
            f"{model.config.model.method} has parameters to train, and nothing is trained here: "
            f"take a method without ({', '.join(_methods_without_parameters(model))}), or a "
            "trained model: clip-spm predict"
        )


def _methods_without_parameters(model: FewShotModel) -> list[str]:
    """The methods that would classify by the model's tower as it is."""
    gives_text = table.gives_text(model.config.backbone)
    return [
        name
        for name in method_names()
        if (gives_text or not read_values(name).needs.text)
        and not has_parameters(read_values(name))
    ]
