"""Whether `backbone` and its weights go together, asked before anything is decoded.

    python -m spm.model.check_weights '{"name": "RN50", "weights": "openai", …}'

A process of its own, since it takes torch and open_clip (5 s), which `inventory` never imports.
It prints what is wrong and ends with status 3, or what is doubtful. A file is read whole and tried
on the towers; of a tag, open_clip's or timm's own description is asked, and nothing is fetched.
"""

import json
import sys
from pathlib import Path

from spm.base.errors import InputError
from spm.config.backbone import BackboneConfig
from spm.config.base import validate
from spm.model.backbone import build_backbone
from spm.model.text_tower import build_tower
from spm.model.towers.table import check_weights, doubt, gives_text

REFUSED = 3


def check(backbone: BackboneConfig) -> str:
    """What is doubtful, "" where nothing is (spm.model.weight_facts, for open_clip's models).

    Raises ConfigError for weights that do not exist, are damaged or are of another model.
    """
    check_weights(backbone)
    if backbone.weights is not None and Path(backbone.weights).is_file():
        build_backbone(backbone)
        if gives_text(backbone):
            build_tower(backbone)
    return doubt(backbone)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        print(check(validate(BackboneConfig, json.loads(sys.argv[1]), name="backbone")))
    except InputError as error:
        print(error)
        sys.exit(REFUSED)
