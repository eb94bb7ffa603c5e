"""Manifests for tests, straight from a folder with one folder per class."""

from pathlib import Path

import pyarrow as pa

from spm.base.hashing import cheap_key
from spm.base.yaml_file import read_yaml
from spm.config.frames import FramesConfig
from spm.config.runtime import RuntimeConfig
from tests.import_closure import ROOT


def make_manifest(videos: Path, *, rejected: dict[str, str] | None = None) -> pa.Table:
    """All files of `videos` in split train; `rejected`: id -> reason, beside these."""
    rows = []
    for path in sorted(videos.glob("*/*")):
        clip_id = path.relative_to(videos).as_posix()
        rows.append(_row(clip_id, key=cheap_key(path), status="ok", reason=""))
    for clip_id, reason in (rejected or {}).items():
        rows.append(_row(clip_id, key="", status="rejected", reason=reason))
    rows.sort(key=lambda row: row["id"])
    return pa.Table.from_pylist(rows).replace_schema_metadata({"dataset": "own"})


def _row(clip_id: str, *, key: str, status: str, reason: str) -> dict[str, str]:
    name = clip_id.split("/")[0]
    split = "" if reason == "class is in no split" else "train"
    clip = {"id": clip_id, "path": clip_id, "key": key, "class": name, "class_text": name}
    return {**clip, "split": split, "status": status, "reason": reason}


def runtime_values(**changes) -> dict:
    """The section `runtime` of params.yaml on this machine, without tracking."""
    values = read_yaml(ROOT / "params.yaml")["runtime"]
    return {**values, "workers": 1, "device": "cpu", "tracking": False, **changes}


def frames_config(**changes) -> FramesConfig:
    values = {
        "num_segments": 4,
        "samples_per_segment": 1,
        "short_side": 32,
        "keep_aspect": True,
        "short_clips": "repeat",
        "storage": "raw",
        "jpeg_quality": 95,
        "reader": "auto",
        "num_shards": 8,
    }
    return FramesConfig(**{**values, **changes})


def runtime_config(**changes) -> RuntimeConfig:
    return RuntimeConfig(**runtime_values(**{"workers": 2, **changes}))
