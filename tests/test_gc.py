"""`make gc` removes what no result needs, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from spm.checkpoint import hold
from spm.errors import InputError
from spm.lock import locked
from stages import gc, paths
from tests.stores import make_store


def age(path: Path, *, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    for name in ("shards/shard.h5", "shards/old.h5", "checkpoints/done/state.pt"):
        path = tmp_path / "state" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 2_000_000)
        age(path, seconds=7200)
    return tmp_path / "state"


def test_it_keeps_the_shards_in_use_and_running_trainings(state, capsys):
    for name, seconds in ((".new.h5.tmp", 0), (".killed.h5.tmp", 7200), ("new.h5", 1800)):
        (state / "shards" / name).write_bytes(b"x" * 1_000_000)
        age(state / "shards" / name, seconds=seconds)
    paths.FRAMES.mkdir(parents=True)
    make_store(paths.FRAMES, classes={"train": 2})
    with hold(state / "checkpoints" / "running") as checkpoint:
        checkpoint.save({})
        gc.main()
        assert checkpoint.path.is_file()
    left = {path.name for path in (state / "shards").iterdir()}
    assert left == {"shard.h5", "new.h5", ".new.h5.tmp"}
    assert not (state / "checkpoints/done/state.pt").exists()
    assert "gc: 5 MB freed" in capsys.readouterr().out


def test_without_an_index_nothing_is_removed(state):
    with pytest.raises(InputError, match="is missing"):
        gc.main()
    assert (state / "shards/old.h5").is_file()


def test_while_a_grid_runs_nothing_is_removed(state):
    paths.FRAMES.mkdir(parents=True)
    make_store(paths.FRAMES, classes={"train": 2})
    running = locked(state / "experiments", message="not reached")
    with running, pytest.raises(InputError, match=f"a grid runs, in process {os.getpid()}"):
        gc.main()
    assert (state / "shards/old.h5").is_file()
    assert (state / "checkpoints/done/state.pt").is_file()
