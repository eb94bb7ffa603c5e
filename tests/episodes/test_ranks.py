"""Several ranks train as one does; one that dies ends them all. Two processes on the CPU, gloo."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.runtime import RuntimeConfig
from spm.config.train import TrainConfig
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.evaluation import Measurement, encode_clips, measure
from spm.episodes.ranks import ALONE, Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import TrainingEpisodes
from spm.frames.store import FrameStore
from spm.model.model import FewShotModel, build_model
from spm.training.checkpoint import hold
from spm.training.history import History
from spm.training.loop import Execution, TrainingInputs, train
from stages.shared import params
from stages.shared.launch import launch
from tests.import_closure import ROOT
from tests.models import spec
from tests.project import wait_until
from tests.stores import make_store

pytestmark = pytest.mark.slow  # a process takes seconds to start

# 3 episodes a step leave one rank with one more than the other; the last step has 2.
LONG = {"episodes": 149, "accumulate": 3, "validate_every": 50, "lr": 0.001}  # 50 steps
SCHEDULE = {"warmup": 6, "schedule": "steps", "milestones": [21], "factors": [0.5]}
SHORT = LONG | {"episodes": 29, "validate_every": 15} | SCHEDULE
HALF = SHORT | {"episodes": 15, "schedule": "constant", "milestones": [], "factors": []}
KINDS = {
    "running": {"batch_norm": "running"},
    "batch": {"batch_norm": "batch"},
    "part": {"batch_norm": "batch", "train_last": 2},
}
"""What is trained of a tower."""


def _runtime(**changes) -> RuntimeConfig:
    values = {"devices": 2, "device": "cpu", "tracking": False}
    return RuntimeConfig(**read_yaml(params.PARAMS)["runtime"] | values | changes)


def _train(
    folder: Path, ranks: Ranks, *, kind: str, loop: dict, into: Path, text: float = 1.0
) -> None:
    """In float64; the first rank leaves weights and history in `into`."""
    store = FrameStore(folder)
    config = TrainConfig(**read_yaml(params.PARAMS)["train"] | loop)
    model = build_model(spec(attention_dropout=0.2, backbone=KINDS[kind])).double()
    sampler = EpisodeSampler(store.classes("train"), way=3, shot=1, query=2, seed=0, split="train")
    clips = AugmentedClips(store, size=model.image_size, flip=False)
    episodes = TrainingEpisodes(clips, sampler, seed=0)
    texts = text * torch.randn(5, model.channels, generator=torch.Generator().manual_seed(0))
    inputs = TrainingInputs(
        episodes, texts.double(), lambda model: time.monotonic()
    )  # later is better
    execution = Execution(
        loader_workers=0, checkpoint_seconds=0, on_validation=lambda history: None, ranks=ranks
    )
    if not ranks.first:
        train(model, inputs, config, execution=execution, checkpoint=None)
        return
    with hold(into) as checkpoint:
        history = train(model, inputs, config, execution=execution, checkpoint=checkpoint)
    torch.save((model.state_dict(), history.episodes, history.validations), into / "end.pt")


def _later_is_better(model: FewShotModel) -> float:
    return time.monotonic()


def _end(folder: Path) -> tuple[dict[str, torch.Tensor], History]:
    weights, episodes, validations = torch.load(folder / "end.pt")
    return weights, History(("L_CE", "L_H", "L_S"), episodes, validations)


def _two_ranks(ranks: Ranks, device: torch.device, *, store: Path, runs: Path) -> None:
    _train(store, ranks, kind="running", loop=LONG, into=runs / "long-two")
    for kind in KINDS:
        training = partial(_train, store, ranks, kind=kind)
        training(loop=SHORT, into=runs / f"{kind}-two")
        training(loop=HALF, into=runs / f"{kind}-two-one")
        training(loop=SHORT, into=runs / f"{kind}-one-two")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Folders …-one, …-two, and …-two-one, …-one-two, which changed over in the middle."""
    runs, store = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("store")
    make_store(store, classes={"train": 5})
    _train(store, ALONE, kind="running", loop=LONG, into=runs / "long-one")
    for kind in KINDS:
        alone = partial(_train, store, ALONE, kind=kind)
        alone(loop=SHORT, into=runs / f"{kind}-one")
        alone(loop=HALF, into=runs / f"{kind}-one-two")
    launch(partial(_two_ranks, store=store, runs=runs), _runtime())
    for kind in KINDS:
        _train(store, ALONE, kind=kind, loop=SHORT, into=runs / f"{kind}-two-one")
    return runs


@pytest.mark.parametrize(
    ("alone", "ranks"),
    [
        ("long-one", "long-two"),
        *((f"{kind}-one", f"{kind}-{how}") for kind in KINDS for how in ("two", "two-one")),
        *((f"{kind}-one", f"{kind}-one-two") for kind in KINDS),
    ],
)
def test_weights_and_history_are_those_of_one_rank(runs, alone, ranks):
    """Running statistics of BatchNorm included."""
    expected, expected_history = _end(runs / alone)
    weights, history = _end(runs / ranks)
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-6, msg=name)
    np.testing.assert_allclose(history.episodes, expected_history.episodes, rtol=0, atol=1e-6)
    steps = [step for step, _ in history.validations]
    assert steps == [step for step, _ in expected_history.validations]


def _values(ranks: Ranks, device: torch.device, *, folder: Path) -> None:
    tensors = [torch.full((2,), float(ranks.number + 1)), torch.ones(2, 2).t()]
    ranks.sum_(tensors)
    assert [tensor.sum().item() for tensor in tensors] == [6, 8]
    used, unused = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1)
    if ranks.first:  # as where a step has fewer episodes than there are ranks
        used.weight.grad = torch.ones(1, 1)
    ranks.sum_gradients(torch.nn.Sequential(used, unused))
    assert used.weight.grad.item() == 1
    assert unused.weight.grad is None  # or weight decay would move it
    assert ranks.broadcast({"number": torch.tensor(ranks.number)}) == {"number": torch.tensor(0)}
    ranks.check_agree("abc")
    (folder / str(ranks.number)).touch()


def test_sums_and_shared_values(tmp_path):
    launch(partial(_values, folder=tmp_path), _runtime())
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}


def _measured(ranks: Ranks, folder: Path) -> Measurement:
    store, model = FrameStore(folder), build_model(spec()).eval()
    classes = store.classes("test")
    sampler = EpisodeSampler(classes, way=3, shot=1, query=2, seed=0, split="test")
    clips = np.concatenate(list(classes.values()))
    encoded = encode_clips(model, store, clips=clips, ranks=ranks, progress=False)
    return measure(
        {"model": model.method.classify},
        encoded=encoded,
        sampler=sampler,
        class_text=torch.ones(len(classes), model.channels),
        episodes=25,
        batch=4,
        keep_logits=("model",),
        ranks=ranks,
        progress=False,
    )


def _evaluates(ranks: Ranks, device: torch.device, *, store: Path) -> None:
    """Seven batches: one rank has a batch more, and the last batch is short."""
    alone, together = _measured(ALONE, store), _measured(ranks, store)
    assert (together.actual == alone.actual).all()
    assert (together.predicted["model"] == alone.predicted["model"]).all()
    np.testing.assert_allclose(together.logits["model"], alone.logits["model"], atol=1e-4)


def test_all_ranks_know_what_every_episode_came_to(tmp_path):
    make_store(tmp_path, classes={"test": 4})
    launch(partial(_evaluates, store=tmp_path), _runtime())


def _disagrees(ranks: Ranks, device: torch.device) -> None:
    ranks.check_agree(f"fingerprint{ranks.number}")
    ranks.broadcast(None)


def test_ranks_that_do_not_train_the_same_stop(capfd):
    with pytest.raises(SystemExit, match=r"^rank 1 of 2 \(process \d+\) gave up"):
        launch(_disagrees, _runtime())
    said = "rank 1: error: rank 1 has the training fingerprint1, rank 0 fingerprint0: "
    assert said in capfd.readouterr().err


def _kills_itself(ranks: Ranks, device: torch.device) -> None:
    if ranks.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    ranks.sum_([torch.zeros(1)])
    time.sleep(600)


def test_a_rank_that_is_killed_ends_the_others_and_is_named():
    with pytest.raises(SystemExit, match=r"^rank 1 of 2 \(process \d+\) was ended by SIGKILL"):
        launch(_kills_itself, _runtime())


def _has_no_text(ranks: Ranks, device: torch.device, *, store: Path, into: Path) -> None:
    """The second rank alone, whose first episode is number 1."""
    text = 1.0 if ranks.first else float("nan")
    _train(store, ranks, kind="running", loop=SHORT, into=into, text=text)


def test_a_loss_that_is_not_finite_stops_all_and_names_the_episode(tmp_path, capfd):
    make_store(tmp_path, classes={"train": 5})
    with pytest.raises(SystemExit, match=r"^rank \d of 2 .* gave up"):
        launch(partial(_has_no_text, store=tmp_path, into=tmp_path / "run"), _runtime())
    assert re.search(r"^rank \d: error: episode 1: loss nan", capfd.readouterr().err, re.M)
    assert not (tmp_path / "run/state.pt").exists()


def _sleeps(ranks: Ranks, device: torch.device) -> None:
    os.write(1, f"{os.getpid()}\n".encode())  # at once: the ranks share the pipe
    time.sleep(600)


def test_ranks_do_not_outlive_the_stage():
    code = "from tests.episodes import test_ranks as t; t.launch(t._sleeps, t._runtime())"
    stage = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    ranks = [int(stage.stdout.readline()) for _ in range(2)]
    stage.kill()
    stage.wait()
    wait_until(lambda: not any(Path(f"/proc/{rank}").exists() for rank in ranks), seconds=20)


def test_gpus_that_are_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"asks for 2 GPUs on this machine, and torch sees 1"):
        launch(_sleeps, _runtime(device="auto"))
