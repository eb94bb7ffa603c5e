"""The files of the small CLIP in the package: its description, as open_clip's, and its weights.

Imports neither torch nor open_clip: `inventory` finds both files.
"""

from pathlib import Path

from spm.base.errors import ConfigError

NAME = "builtin-clip"
"""The model's name, as `backbone.name` and open_clip have it."""
TAG = "built-in"
"""The tag of its weights, as `backbone.weights` has it."""
FOLDER = Path(__file__).parent
DESCRIPTION = FOLDER / f"{NAME}.json"
WEIGHTS = FOLDER / "weights.safetensors"
"""The state dict of the whole model, in half precision."""
RECORD = WEIGHTS.with_suffix(".yaml")
"""How the weights were made, and their held-out score: spm.builtin_clip.make writes it."""


def weights_file() -> Path:
    """WEIGHTS. Raises ConfigError if the file is not there."""
    if not WEIGHTS.is_file():
        raise ConfigError(
            f"backbone.weights = {TAG!r}: there is no {WEIGHTS}: install the package again, or "
            "make the weights: python -m spm.builtin_clip.make (null: random weights)"
        )
    return WEIGHTS
