"""What a run was made of, as plain text: its parameters, the git commit, the hashes of its files.

Nothing here talks to MLflow; stages.tracking.runs writes these down.
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
_LONGEST = 6000  # characters of a parameter that MLflow takes


def content_hash(path: Path) -> str:
    """Names what a dep or an out holds; "absent" where there is nothing.

    A file: its SHA-256. A folder: that of its index.parquet, which names every shard by its
    fingerprint; of raw clips the names and sizes only (they may be terabytes); else of all files.
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
    """Parameters under their dotted names; what is no string becomes JSON.

    {"train": {"lr": 3e-05, "betas": [0.9, 0.999]}}
        -> {"train.lr": "3e-05", "train.betas": "[0.9, 0.999]"}
    """
    return {name: _text(value) for name, value in flatten(sections).items()}


def run_name(stage: str) -> str:
    """The stage, and the DVC experiment that it ran in: `evaluate (brave-fox)`."""
    experiment = os.environ.get("DVC_EXP_NAME")
    return f"{stage} ({experiment})" if experiment else stage


def stage_tags(stage: str) -> dict[str, str]:
    """Which stage, from which code, in which experiment, below which run (of a grid)."""
    tags = {"dvc.stage": stage, "mlflow.source.name": f"stages/{stage}.py"} | _git_tags()
    experiment, parent = os.environ.get("DVC_EXP_NAME"), os.environ.get("CLIP_SPM_PARENT_RUN")
    tags |= {"dvc.experiment": experiment} if experiment else {}
    return tags | ({"mlflow.parentRunId": parent} if parent else {})


def machine_tags(device: "torch.device", *, ranks: int) -> dict[str, str]:
    """What alters the rounding of a result and is no parameter of it.

    {"device": "cpu: AVX2", "ranks": "2", "threads": "1", "torch": "2.14.1+cpu"}

    Device and threads are those of the first rank. A CPU's instruction set chooses its kernels.
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
    """A path as part of a tag's name: relative where it can be, with the characters allowed."""
    absolute, here = path.absolute(), Path.cwd()
    text = (absolute.relative_to(here) if absolute.is_relative_to(here) else path).as_posix()
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in text)


def _size(file: Path) -> str:
    return str(file.stat().st_size)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    if len(text) <= _LONGEST:
        return text
    ending = f"… sha256:{value_hash(text)}"  # two values that differ stay different
    return text[: _LONGEST - len(ending)] + ending


def _git_tags() -> dict[str, str]:
    """The commit, and whether tracked files differ from it.

    What a repro itself writes (dvc.lock, data) does not count: it would make every run dirty.
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
