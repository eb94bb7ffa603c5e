"""Setting params.yaml to a preset of values, and showing what changed.

The preset's values are set; everything else stays as it is, comments and layout included. The
preset `motion` has every key of the other presets, so it undoes them. A method's preset replaces
the section `model`.
"""

import difflib
from pathlib import Path

from pipeline.presets.load_preset import PRESETS, load_preset
from pipeline.presets.parameters import apply, dataset_of, method_of
from pipeline.presets.yaml_text import with_values
from spm.base.atomic import atomic_path
from spm.base.errors import ConfigError
from spm.base.yaml_file import parse_yaml, read_yaml
from spm.config.model import method_names
from spm.config.sections import check_all, check_earlier

PARAMS = Path("params.yaml")


def set_preset(
    name: str,
    *,
    shot: int | None = None,
    backbone: str | None = None,
    path: Path = PARAMS,
    presets: Path = PRESETS,
) -> str:
    """Sets `path` to the preset; returns the difference, "" if there is none.

    Writes nothing and raises ConfigError for an unknown preset, for a preset with a key that is no
    parameter, and if the result would not be valid.
    """
    document = read_yaml(path)
    check_earlier(document)
    values = load_preset(
        name,
        method=name if name in method_names() else method_of(document),
        dataset=dataset_of(document),
        shot=shot,
        backbone=backbone,
        presets=presets,
    )
    expected = apply(document, values)
    check_all(expected)
    before = path.read_text(encoding="utf-8")
    after = with_values(before, values)
    if parse_yaml(after, name=str(path)) != expected:
        raise ConfigError(
            f"{path}: the preset {name} cannot be written into its layout: write the section "
            "`model` as params.yaml has it in the repository, a key a line"
        )
    if after != before:
        with atomic_path(path) as temporary:
            temporary.write_text(after, encoding="utf-8")
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    named = f"{path} ({name})"
    return "".join(difflib.unified_diff(old, new, fromfile=str(path), tofile=named, n=0))
