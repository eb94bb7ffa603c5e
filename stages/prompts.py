"""Stage `prompts`: every template × every class text through the frozen text tower, once."""

import sys

import pyarrow.parquet as pq
import torch

from spm.config.backbone import BackboneConfig
from spm.config.prompts import PromptsConfig
from spm.text_tower import encode_classes
from spm.weight_facts import check_weights, doubt
from stages import command, params, paths, tracking
from stages.alone import alone
from stages.provenance import machine_tags


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
        features = encode_classes(_class_texts(), prompts=prompts, backbone=backbone)
        features.save(paths.PROMPTS)
        templates, classes, channels = features.features.shape
        run.log_metrics({"templates": templates, "classes": classes, "channels": channels})
        state = "trained" if features.trained else "untrained: random weights"
        run.set_tag("text", state)
    print(f"prompts: {templates} templates × {classes} classes, C = {channels}; text: {state}")


def _class_texts() -> dict[str, str]:
    manifest = pq.read_table(paths.MANIFEST, columns=["class", "class_text", "status"])
    return {
        row["class"]: row["class_text"] for row in manifest.to_pylist() if row["status"] == "ok"
    }


if __name__ == "__main__":
    command.run(alone(main))
