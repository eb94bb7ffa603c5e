"""One trainer at a time, and states that are whole or not there."""

import subprocess
import sys
import time

import pytest
import torch

from spm.base.errors import DataError, InputError
from spm.training.checkpoint import hold

HOLDER = """
import sys, time
from pathlib import Path
from spm.training.checkpoint import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_trainer_is_told_which_process_to_end(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"already runs, in process {holder.pid}: .*kill"):
            hold(tmp_path).__enter__()
    finally:
        holder.kill()
        holder.wait()
    with hold(tmp_path):  # the lock went with its process
        time.sleep(0)


def test_state_round_trip_and_damage(tmp_path):
    with hold(tmp_path) as checkpoint:
        assert checkpoint.load() is None
        checkpoint.save({"model": {"w": torch.arange(3.0)}, "episodes": [[1.0, 2.0]]})
        state = checkpoint.load()
        assert torch.equal(state["model"]["w"], torch.arange(3.0))
        assert state["episodes"] == [[1.0, 2.0]]
        checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:100])
        with pytest.raises(DataError, match=r"state\.pt is damaged"):
            checkpoint.load()


def test_what_is_known_of_a_training_is_added_to_and_goes_with_it(tmp_path):
    with hold(tmp_path / "training") as checkpoint:
        assert checkpoint.about == {}
        checkpoint.describe(parameters={"lr": 1e-3})
        checkpoint.describe(model="name")
        checkpoint.save({})
    with hold(tmp_path / "training") as checkpoint:
        assert checkpoint.about == {"parameters": {"lr": 1e-3}, "model": "name"}
        checkpoint.remove()
    assert not (tmp_path / "training").exists()
