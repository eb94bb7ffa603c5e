"""Whether `backbone` and its weights go together, asked before anything is decoded.

    python -m spm.check_weights '{"name": "RN50", "weights": "openai", …}'

A process of its own, since it takes torch and open_clip (5 s), which `inventory` never imports.
It prints what is wrong and ends with status 3. A file is read whole and tried on both towers; of a
tag, open_clip's own description is asked, and nothing is fetched.
"""

import json
import sys
from pathlib import Path

from spm.backbone import build_backbone
from spm.config.backbone import BackboneConfig
from spm.config.base import validate
from spm.errors import InputError
from spm.text_tower import build_tower
from spm.weight_facts import check_weights

REFUSED = 3


def check(backbone: BackboneConfig) -> None:
    """Raises ConfigError for weights that do not exist, are damaged or are of another model."""
    check_weights(backbone)
    if backbone.weights is not None and Path(backbone.weights).is_file():
        build_backbone(backbone)
        build_tower(backbone)


if __name__ == "__main__":
    try:
        check(validate(BackboneConfig, json.loads(sys.argv[1]), name="backbone"))
    except InputError as error:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        print(error)
        sys.exit(REFUSED)
