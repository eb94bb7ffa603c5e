"""The provenance of a run as plain text: its parameters, the git commit, the hashes of its files.

Nothing here talks to MLflow; stages.tracking.runs sends these texts.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.machine.git_and_dvc import git, repository
from pipeline.machine.places import RAW
from spm.base.errors import InputError
from spm.base.hashing import file_hash, folder_hash, value_hash
from spm.config.dotted import flatten

if TYPE_CHECKING:
    import torch

_INDEX = "index.parquet"
_LONGEST = 6000  # MLflow's limit for the characters of a parameter


def content_hash(path: Path) -> str:
    """A hash of the content of a dep or an out; "absent" if the path does not exist.

    A file: its SHA-256. A folder with an index.parquet: the hash of this file, which names every
    shard by its fingerprint. A folder of raw clips, which may have terabytes: a hash of names and
    sizes. Another folder: a hash of all its files.
    """
    if path.is_file():
        return file_hash(path)
    if not path.is_dir():
        return "absent"
    if (path / _INDEX).is_file():
        return file_hash(path / _INDEX)
    raw = RAW.absolute() in path.absolute().parents
    return folder_hash(path, of=_size if raw else file_hash)


def as_text(sections: Mapping[str, Any]) -> dict[str, str]:
    """Parameters under their dotted names; values other than strings become JSON.

    {"train": {"lr": 3e-05, "betas": [0.9, 0.999]}}
        -> {"train.lr": "3e-05", "train.betas": "[0.9, 0.999]"}
    """
    return {name: _text(value) for name, value in flatten(sections).items()}


def run_name(stage: str) -> str:
    """The name of the stage, with the DVC experiment if there is one: `evaluate (brave-fox)`."""
    experiment = os.environ.get("DVC_EXP_NAME")
    return f"{stage} ({experiment})" if experiment else stage


def stage_tags(stage: str) -> dict[str, str]:
    """MLflow tags: the stage, its code, the DVC experiment, and the parent run (of a grid)."""
    tags = {"dvc.stage": stage, "mlflow.source.name": f"stages/{stage}.py"} | _git_tags()
    experiment, parent = os.environ.get("DVC_EXP_NAME"), parent_run()
    tags |= {"dvc.experiment": experiment} if experiment else {}
    return tags | ({"mlflow.parentRunId": parent} if parent else {})


def parent_run() -> str:
    """The id of the grid's run if the stage runs for a point of a grid, else ""."""
    return os.environ.get("CLIP_SPM_PARENT_RUN", "")


def machine_tags(device: "torch.device", *, ranks: int) -> dict[str, str]:
    """MLflow tags: properties of the machine that change the rounding of a result.

    {"device": "cpu: AVX2", "ranks": "2", "threads": "1", "torch": "2.14.1+cpu"}

    Device and threads are rank 0's. A CPU's instruction set determines its kernels.
    """
    import torch

    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = torch.backends.cpu.get_cpu_capability()
    return {
        "device": f"{device.type}: {name}",
        "ranks": str(ranks),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
    }


def path_key(path: Path) -> str:
    """A path as part of an MLflow tag's name: relative if below the working directory, and with
    "_" for characters that MLflow does not allow."""
    absolute, here = path.absolute(), Path.cwd()
    text = (absolute.relative_to(here) if absolute.is_relative_to(here) else path).as_posix()
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in text)


def _size(file: Path) -> str:
    return str(file.stat().st_size)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    if len(text) <= _LONGEST:
        return text
    ending = f"… sha256:{value_hash(text)}"  # different values stay different
    return text[: _LONGEST - len(ending)] + ending


def _git_tags() -> dict[str, str]:
    """MLflow tags: the commit, and whether tracked files differ from it.

    dvc.lock and data do not count as differences, since every repro writes them.
    """
    here = Path.cwd()
    if repository(here) is None:
        return {}
    try:
        commit = git("rev-parse", "--verify", "HEAD", folder=here)
        status = ["status", "--porcelain", "-uno", "--", ".", ":!dvc.lock", ":!data"]
        changes = git(*status, folder=here)
    except InputError as error:
        print(f"warning: MLflow is not told the git commit: {error}", file=sys.stderr)
        return {}
    return {"mlflow.source.git.commit": commit, "git.dirty": json.dumps(bool(changes))}
