"""A training on a GPU is the training of the CPU, to rounding; it resumes; ranks sum over NCCL."""

import numpy as np
import pytest
import torch
import torch.distributed as dist

from spm.episodes.ranks import Ranks, joined
from spm.episodes.training_data import TrainingEpisodes
from tests.gpu.training import (
    ACCUMULATE,
    CPU,
    DEVICES,
    PASSES,
    STEPS,
    episodes_of,
    losses,
    model_on,
    store_of,
    trained,
)

FLOAT32, TF32, BFLOAT16 = 1e-3, 5e-3, 1e-2
"""The most that a loss of 1 may be off after 20 steps. On a CPU, bfloat16 is 0.003 off, and weights
rounded as TF32 rounds them are 0.0013 off."""


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the loop runs after it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def on_cpu(store):
    """The losses of a training on the CPU, in float32."""
    return losses(trained(store, model_on(CPU)))


@pytest.fixture
def without_tf32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.slow
def test_a_training_moves_the_loss_by_far_more_than_the_tolerances(on_cpu):
    assert on_cpu[:10].mean() - on_cpu[-10:].mean() > 5 * BFLOAT16


@pytest.mark.parametrize("device", DEVICES)
def test_float32_has_the_losses_of_the_cpu(store, on_cpu, device, without_tf32):
    found = losses(trained(store, model_on(device)))
    assert len(found) == STEPS * ACCUMULATE
    np.testing.assert_allclose(found, on_cpu, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("device", DEVICES)
def test_convolutions_in_tf32_stay_near_the_cpu(store, on_cpu, device):
    """torch's default on a GPU."""
    np.testing.assert_allclose(losses(trained(store, model_on(device))), on_cpu, rtol=0, atol=TF32)


@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_stays_near_the_cpu(store, on_cpu, device):
    found = losses(trained(store, model_on(device, precision="bfloat16")))
    np.testing.assert_allclose(found, on_cpu, rtol=0, atol=BFLOAT16)
    assert np.abs(found - on_cpu).max() > 1e-5  # so it did compute in bfloat16


@pytest.mark.parametrize("device", DEVICES)
def test_two_episodes_in_a_forward_pass_have_the_losses_of_two_passes(store, device, without_tf32):
    """With the pretrained statistics: a batch's would depend on what else is in it."""
    one, two = (
        losses(trained(store, model_on(device, batch_norm="running"), episodes_per_forward=count))
        for count in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize(("device", "cuda_graph"), PASSES)
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    store, tmp_path, device, cuda_graph, monkeypatch
):
    """Dropout and Adam's moments included. On a GPU sums may be ordered anew from run to run."""

    def run(**changes):
        return trained(store, model_on(device, dropout=0.2), cuda_graph=cuda_graph, **changes)

    whole = losses(run())
    read, killed_at = TrainingEpisodes.__getitem__, 21

    def dying(self, index):
        if index == killed_at:
            raise Killed
        return read(self, index)

    monkeypatch.setattr(TrainingEpisodes, "__getitem__", dying)
    with pytest.raises(Killed):
        run(folder=tmp_path)
    monkeypatch.undo()
    history = run(folder=tmp_path)
    atol = 0 if device == CPU else FLOAT32
    np.testing.assert_allclose(losses(history), whole, rtol=0, atol=atol)


@pytest.fixture
def rendezvous(monkeypatch):
    """The addresses that a launcher sets. Port 0: any free one, since there is nobody to find."""
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "0")


@pytest.mark.parametrize(("device", "cuda_graph"), PASSES)
def test_a_rank_sums_over_the_devices_own_network(
    store, device, cuda_graph, rendezvous, without_tf32
):
    """NCCL on a GPU. One process plays the first of two ranks; the second would add nothing."""
    backend = "gloo" if device == CPU else "nccl"
    with joined(0, count=1, device=device):
        ranks = Ranks(0, count=2)
        assert backend in dist.get_backend_config()
        model, reference = model_on(device), model_on(CPU)
        shared = losses(trained(store, model, ranks=ranks, cuda_graph=cuda_graph))
        assert ranks.broadcast({"at": torch.tensor(3)}) == {"at": torch.tensor(3)}
        expected = losses(trained(store, reference, ranks=ranks))
    own = np.arange(STEPS * ACCUMULATE) % ACCUMULATE == 0
    assert (shared[~own] == 0).all()
    np.testing.assert_allclose(shared[own], expected[own], rtol=0, atol=FLOAT32)


def test_the_tests_episodes_have_pixels_of_the_models_size(store):
    model = model_on(CPU)
    assert episodes_of(store, model)[0].clips.shape == (9, 4, 56, 56, 3)
