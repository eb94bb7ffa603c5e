"""Checks that `backbone` and its weights fit, before the first clip is decoded.

    python -m spm.model.check_weights '{"name": "RN50", "weights": "openai", …}'

Runs as a process of its own, since it imports torch and open_clip (5 s), which `inventory` never
does. Prints an error and exits with status 3, or prints a warning and exits with 0. The check loads
a file into the towers; for a tag it reads the description in open_clip or timm, and downloads
nothing.
"""

import json
import sys

from spm.base.errors import InputError
from spm.config.backbone import BackboneConfig
from spm.config.base import validate
from spm.model.backbone import build_backbone
from spm.model.local_weights import local_file
from spm.model.text_tower import build_tower
from spm.model.towers.table import check_weights, doubt, gives_text

REFUSED = 3


def check(backbone: BackboneConfig) -> str:
    """A warning about weights that may not fit, or "" (spm.model.weight_facts).

    Raises ConfigError for weights that do not exist, are damaged or belong to another model.
    """
    check_weights(backbone)
    if backbone.weights is not None and local_file(backbone.name, backbone.weights):
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
