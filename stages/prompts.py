"""Stage `prompts`: encodes every template × every class text by the frozen text tower.

If the backbone has no text tower, the features have C = 0 (spm.model.prompts).
"""

import sys
from collections.abc import Sequence

import torch

from spm.base.same_text import are_one, check_alike, warn_alike
from spm.config.backbone import BackboneConfig
from spm.config.prompts import PromptsConfig
from spm.model.text_tower import encode_classes, read_alike
from spm.model.towers.table import check_weights, doubt
from stages.shared import command, params, paths
from stages.shared.single_instance import single_instance
from stages.shared.tables import read_table
from stages.tracking import runs as tracking
from stages.tracking.provenance import machine_tags

_STATES = {
    "trained": "trained",
    "untrained": "untrained: random weights",
    "none": "none: the tower has no text",
}


def main() -> None:
    prompts, backbone = params.load(prompts=PromptsConfig, backbone=BackboneConfig)
    check_weights(backbone)
    if said := doubt(backbone):
        print(f"warning: {said}", file=sys.stderr)
    with tracking.stage_run(
        "prompts",
        params={"prompts": prompts, "backbone": backbone},
        deps=[paths.MANIFEST, paths.WEIGHTS],
        outs=[paths.PROMPTS],
        tags=machine_tags(torch.device("cpu"), ranks=1),
    ) as run:
        texts, splits = _classes()
        alike = read_alike(texts, prompts=prompts, backbone=backbone)
        _check_alike(_with_other_texts(alike, texts=texts), splits=splits)
        features = encode_classes(texts, prompts=prompts, backbone=backbone)
        features.save(paths.PROMPTS)
        templates, classes, channels = features.features.shape
        run.log_metrics({"templates": templates, "classes": classes, "channels": channels})
        state = _STATES[features.text]
        run.set_tag("text", state)
    print(f"prompts: {templates} templates × {classes} classes, C = {channels}; text: {state}")


def _classes() -> tuple[dict[str, str], dict[str, str]]:
    """Class -> text, and class -> split, for the classes with usable clips."""
    columns = ["class", "class_text", "split", "status"]
    rows = read_table(paths.MANIFEST, columns=columns).to_pylist()
    usable = [row for row in rows if row["status"] == "ok"]
    texts = {row["class"]: row["class_text"] for row in usable}
    return texts, {row["class"]: row["split"] for row in usable}


def _with_other_texts(groups: list[list[str]], *, texts: dict[str, str]) -> list[list[str]]:
    """The groups whose texts differ; the stage `manifest` has warned of the other groups."""
    return [names for names in groups if not are_one(texts[name] for name in names)]


def _check_alike(groups: list[list[str]], *, splits: dict[str, str]) -> None:
    check_alike(groups, splits=splits, have=_same_tokens)
    for warning in warn_alike(groups, splits=splits, have=_same_tokens):
        print(f"warning: {warning}")


def _same_tokens(_: Sequence[str]) -> str:
    return (
        "prompts that are the same tokens, though their texts differ (of a long prompt the text "
        "tower reads the beginning: let the texts differ there)"
    )


if __name__ == "__main__":
    command.run(single_instance(main))
