"""Checks, before hours of decoding, that `backbone` and its weights fit; remembers the result.

spm.model.check_weights does the check, in a process of its own. The state folder remembers each
backbone that passed, by its values, the content of the weights file, and the code.
"""

import subprocess
import sys
from pathlib import Path

from pipeline.machine.places import hash_memory
from spm.base.child_python import environment
from spm.base.errors import ConfigError
from spm.base.hashing import value_hash
from spm.base.remembered_hash import remembered_hash
from spm.base.source import code_hash
from spm.base.versions import TRAINING, versions
from spm.config.backbone import BackboneConfig
from spm.model.local_weights import local_file
from spm.model.spec import load_spec
from spm.model.weight_file import form_of
from stages.shared import paths

_REFUSED = 3


def check_weights(backbone: BackboneConfig) -> None:
    """Raises ConfigError if weights and backbone do not fit; only warns if the check crashes."""
    if backbone.weights is None:
        return
    found_right = paths.state_dir() / "checked_weights" / _key(backbone)
    if found_right.exists():
        return
    done = _ask(backbone)
    if done.returncode == _REFUSED:
        raise ConfigError(done.stdout.strip())
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}"
        print(f"warning: backbone.weights could not be checked: {said}", file=sys.stderr)
        return
    if said := done.stdout.strip():
        print(f"warning: {said}", file=sys.stderr)
    found_right.parent.mkdir(parents=True, exist_ok=True)
    found_right.touch()


def check_model_folder(folder: Path) -> None:
    """Raises DataError or ConfigError for a folder that is not a saved model."""
    load_spec(folder)
    form_of(folder / "model.safetensors")


def _ask(backbone: BackboneConfig) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spm.model.check_weights", backbone.model_dump_json()]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment()
    )


def _key(backbone: BackboneConfig) -> str:
    assert backbone.weights is not None
    path = local_file(backbone.name, backbone.weights)
    content = remembered_hash(path, memory=hash_memory(paths.state_dir())) if path else ""
    code = code_hash("spm/builtin_clip/model", "spm/model")
    return value_hash([backbone.model_dump(), content, code, versions(TRAINING)])[:32]
