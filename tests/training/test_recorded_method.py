"""A recorded pass has the losses and gradients of one that is not, whatever the episodes.

Here a recording is played by running the same function again and writing its results to the same
tensors, which is what a CUDA graph does; tests/gpu has the graph itself.
"""

import gc
import weakref
from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from spm.base.errors import ConfigError
from spm.config.model import method_names
from spm.episodes.training_data import EpisodeClips
from spm.model.model import build_model
from spm.training import recorded_method
from spm.training.losses import encode_episodes
from spm.training.passes import Passes
from spm.training.recorded_method import RecordedMethod
from tests.methods.small import small
from tests.models import spec
from tests.training.test_loop import _config

CLASSES, FRAMES = 5, 4


def _capture(run, _memory):
    """Replays by running again. To record is to compute nothing, so the run that is recorded is
    what the first replay does."""
    results, done = run(), [True]

    def replay():
        if done:
            done.clear()
            return
        anew = run()
        results.rows.copy_(anew.rows)
        for place, value in zip(results.gradients, anew.gradients, strict=True):
            assert (place is None) == (value is None)
            if place is not None:
                place.copy_(value)

    return results, replay


@contextmanager
def _never_waits():
    yield []


@pytest.fixture
def played(monkeypatch):
    monkeypatch.setattr(recorded_method, "capture", _capture)
    monkeypatch.setattr(recorded_method, "noticed_waits", _never_waits)


def _model(name, **changes):
    frames = {"num_segments": FRAMES}
    large = spec(method=name, **small(name) | changes)
    frames = large.frames.model_copy(update=frames)
    return build_model(
        large.model_copy(update={"frames": frames, "train_classes": CLASSES})
    ).train()


def _episodes(seed, *, together=1):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(3)

    def one():
        pixels = torch.randint(0, 256, (9, FRAMES, 32, 32, 3), generator=generator)
        order, chosen = (torch.randperm(n, generator=generator) for n in (6, CLASSES))
        queries = labels.repeat_interleave(2)[order]
        return EpisodeClips(pixels.to(torch.uint8), labels, queries, chosen[:3])

    return EpisodeClips.stack(one() for _ in range(together))


def _text(model):
    return torch.randn(CLASSES, model.channels, generator=torch.Generator().manual_seed(0))


def _passes(model, *, recorded, told=pytest.fail):
    passes = Passes(model, _text(model), _config(), cuda_graph=False)
    if recorded:
        passes._recorded = _recorded(passes, told)
    return passes


def _recorded(passes, told=pytest.fail):
    trained = [each for each in passes._model.method.parameters() if each.requires_grad]
    return RecordedMethod(passes._of_method, trained, told=told)


def _run(model, passes, sizes=(1, 1, 2, 1, 1, 2)):
    """Rows, gradients and running statistics of passes of `sizes` episodes, with a step after every
    third: the first passes after one meet no gradients, and those of a recording are copied."""
    found = []
    for number, together in enumerate(sizes):
        torch.manual_seed(number)
        found.append(passes(_episodes(number, together=together)).clone())
        if number % 3 == 2:
            found += [each.grad for each in model.parameters() if each.grad is not None]
            model.zero_grad()
    return found + [each.clone() for each in model.buffers()]


@pytest.mark.parametrize(
    ("name", "backbone"), [("clip_spm", {"frozen": True}), *((name, {}) for name in method_names())]
)
def test_a_recorded_pass_changes_no_bit(name, backbone, played):
    changes = {"dropout": 0.2} if "dropout" in type(_model(name).config.model).model_fields else {}
    plain, recorded = (
        _run(model := _model(name, backbone=backbone, **changes), _passes(model, recorded=how))
        for how in (False, True)
    )
    assert len(plain) == len(recorded) > 5
    assert all(map(torch.equal, plain, recorded))
    assert not torch.equal(plain[1], plain[2])  # another episode, another loss


def test_each_number_of_episodes_is_recorded_once(played, monkeypatch):
    captured = []
    monkeypatch.setattr(
        recorded_method, "capture", lambda *args: captured.append(1) or _capture(*args)
    )
    model = _model("clip_spm")
    passes = _passes(model, recorded=True)
    _run(model, passes, sizes=(1, 1, 1, 1))
    assert len(captured) == 1
    _run(model, passes, sizes=(2, 1, 2, 2))
    assert len(captured) == 2


def test_a_method_that_waits_is_run_one_by_one_and_told_once(played, monkeypatch):
    @contextmanager
    def waits():
        yield ["method.py, line 7: called a synchronizing operation"]

    monkeypatch.setattr(recorded_method, "noticed_waits", waits)
    monkeypatch.setattr(recorded_method, "capture", lambda *_: pytest.fail("recorded"))
    model, lines = _model("clip_spm"), []
    _run(model, _passes(model, recorded=True, told=lines.append))
    (line,) = lines
    assert "one by one" in line
    assert "(method.py, line 7: " in line


def test_a_recording_that_fails_says_what_to_set(played, monkeypatch):
    def fails(run, memory):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(recorded_method, "capture", fails)
    model = _model("clip_spm")
    with pytest.raises(ConfigError, match=r"not permitted.*\nset runtime.cuda_graph to false"):
        _run(model, _passes(model, recorded=True))


def test_a_recording_ends_with_its_training(played, monkeypatch):
    """No cycle keeps it: a graph that is freed by the garbage collector may spoil another."""
    monkeypatch.setattr(recorded_method, "capture", lambda run, _: (run(), lambda: None))
    model = _model("clip_spm")
    passes = _passes(model, recorded=True)
    _run(model, passes, sizes=(1, 1))
    recorded = weakref.ref(passes._recorded)
    gc.disable()
    try:
        del passes
        assert recorded() is None
    finally:
        gc.enable()


def test_without_a_gpu_nothing_is_recorded():
    model = _model("clip_spm")
    assert Passes(model, _text(model), _config(), cuda_graph=True)._recorded is None


class _Operations(TorchDispatchMode):
    """Notes the operations, their numbers, and the shapes of what they make."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        numbers = [each for each in args if isinstance(each, int | float)]
        self.found.append((str(func), numbers, getattr(out, "shape", None)))
        return out


def test_too_little_memory_is_no_fault_of_the_recording(played, monkeypatch):
    def fails(run, memory):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(recorded_method, "capture", fails)
    model = _model("clip_spm")
    with pytest.raises(torch.OutOfMemoryError):
        _run(model, _passes(model, recorded=True))


WAITS = {
    "aten._local_scalar_dense",
    "aten._unique2",
    "aten.bincount",
    "aten.equal",
    "aten.is_nonzero",
    "aten.masked_select",
    "aten.nonzero",
    "aten.repeat_interleave",
    "aten.unique_consecutive",
    "aten.unique_dim",
}
"""Operations that wait for a GPU. test_gpu_waits.py finds all those of a forward pass."""


@pytest.mark.parametrize("name", method_names())
def test_a_pass_runs_the_same_operations_whatever_the_values(name):
    """Else a recording would repeat the decisions of the episode that it was made from."""
    model = _model(name)
    passes, seen = _passes(model, recorded=False), []
    for seed in range(2):
        encoded = encode_episodes(model, _episodes(seed, together=2))
        with _Operations() as operations:
            total, _ = passes._of_method(encoded)
            forward = len(operations.found)
            total.backward()
        seen.append(operations.found)
        model.zero_grad()
    assert len(seen[0]) > 10
    in_backward = {name.rpartition(".")[0] for name, *_ in seen[0][forward:]}
    assert len(in_backward) > 2
    assert not in_backward & WAITS
    assert seen[0] == seen[1]
