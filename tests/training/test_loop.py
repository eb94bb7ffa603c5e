"""The training loop: it learns, it resumes bit for bit, it stops at what is not finite."""

import numpy as np
import pytest
import torch

from spm.base.errors import InputError
from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import TrainingEpisodes
from spm.methods.base import Losses
from spm.model.model import build_model
from spm.training.checkpoint import hold
from spm.training.history import History, regularizer_ratios
from spm.training.learning_rate import build_scheduler
from spm.training.loop import Execution, TrainingInputs, train
from spm.training.losses import objective
from spm.training.optimizer import build_optimizer
from spm.training.state import TrainingError, TrainingState
from stages.shared import params
from tests.machines import told
from tests.models import spec
from tests.stores import make_store

FIRST_LAYER = "backbone.visual.trunk.stages.0"
SMALL = {"episodes": 12, "accumulate": 2, "validate_every": 4, "lr": 0.001}


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the loop runs after it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), classes={"train": 5})


def _config(**changes) -> TrainConfig:
    return TrainConfig(**read_yaml(params.PARAMS)["train"] | SMALL | changes)


def _inputs(store, model, *, validate=lambda model: 50.0, flip=False) -> TrainingInputs:
    sampler = EpisodeSampler(store.classes("train"), way=3, shot=1, query=2, seed=0, split="train")
    clips = AugmentedClips(store, size=model.image_size, flip=flip)
    episodes = TrainingEpisodes(clips, sampler, seed=0)
    text = torch.randn(5, model.channels, generator=torch.Generator().manual_seed(0))
    return TrainingInputs(episodes, text.to(next(model.parameters())), validate)


def _train(
    store,
    folder,
    *,
    config,
    validate=lambda model: 50.0,
    seen=lambda history: None,
    double=False,
    **changes,
):
    model = build_model(spec(**{"attention_dropout": 0.2} | changes))
    model = model.double() if double else model
    execution = Execution(loader_workers=0, checkpoint_seconds=0, on_validation=seen)
    with hold(folder) as checkpoint:
        inputs = _inputs(store, model, validate=validate)
        history = train(model, inputs, config, execution=execution, checkpoint=checkpoint)
    return model, history


def test_it_learns(store, tmp_path):
    _, history = _train(store, tmp_path, config=_config(episodes=120, lr=0.003))
    rows = np.array(history.episodes)
    assert rows[-20:, 2].mean() < 0.8 * rows[:20, 2].mean()  # L_CE


# Every departure of the release that the loop knows.
RELEASED_MODEL = {"learn_lambda3": True, "backbone": {"batch_norm": "running-then-batch"}}
RELEASED_LOOP = {"steps_early": True, "loss": "sum"}

# Every optimizer and every schedule; the kills fall into the warm-up and after it.
MOMENTUM_COSINE = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "lr": 0.01}
MOMENTUM_COSINE |= {"warmup": 5, "schedule": "cosine", "decay_norms": False}
ADAMW_STEPS = {"optimizer": "adamw", "weight_decay": 0.1, "decay_biases": False}
ADAMW_STEPS |= {"schedule": "steps", "milestones": [4, 8], "factors": [0.5, 0.1]}
PLAIN_SGD = {"optimizer": "sgd", "warmup": 3}

FROZEN = ({"backbone": {"frozen": True}}, {"backbone": {"train_last": 2}})


@pytest.mark.parametrize(
    ("killed_at", "resumes_at", "loop", "model"),
    [
        *((at, at // 2 * 2, {}, {}) for at in (1, 3, 6, 7, 11)),
        *(
            (at, (at + 1) // 2 * 2 - 1, RELEASED_LOOP, RELEASED_MODEL)  # 3 and 5: around validation
            for at in (2, 4, 5, 11)
        ),
        *((at, at // 2 * 2, MOMENTUM_COSINE, {}) for at in (3, 7, 11)),
        *((at, at // 2 * 2, ADAMW_STEPS, {}) for at in (3, 7, 9)),
        (5, 4, PLAIN_SGD, {}),
        (7, 7, MOMENTUM_COSINE | RELEASED_LOOP, RELEASED_MODEL),
        *((7, 6, ADAMW_STEPS, model) for model in FROZEN),
    ],
)
def test_a_killed_run_resumes_bit_for_bit(
    store, tmp_path, killed_at, resumes_at, loop, model, monkeypatch
):
    config = _config(**loop)
    whole, history = _train(store, tmp_path / "whole", config=config, **model)

    read = TrainingEpisodes.__getitem__

    def dying(self, index):
        if index == killed_at:
            raise Killed
        return read(self, index)

    monkeypatch.setattr(TrainingEpisodes, "__getitem__", dying)
    with pytest.raises(Killed):
        _train(store, tmp_path / "killed", config=config, **model)
    monkeypatch.undo()
    resumed_from = []
    monkeypatch.setattr(
        TrainingEpisodes,
        "__getitem__",
        lambda self, index: resumed_from.append(index) or read(self, index),
    )
    resumed, resumed_history = _train(store, tmp_path / "killed", config=config, **model)
    assert resumed_from[0] == resumes_at  # the last optimizer step
    assert resumed_history == history
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_finished_run_is_not_trained_again(store, tmp_path):
    first, _ = _train(store, tmp_path, config=_config())
    reported = []
    again, history = _train(store, tmp_path, config=_config(), seen=reported.append)
    assert len(history.episodes) == 12
    assert [len(history.validations) for history in reported] == [3]
    for name, value in first.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_the_best_validated_weights_are_kept(store, tmp_path):
    validated = []

    def validate(model):
        validated.append({name: value.clone() for name, value in model.state_dict().items()})
        return [40.0, 70.0, 70.0][len(validated) - 1]

    model, history = _train(store, tmp_path, config=_config(), validate=validate)
    assert history.best() == (8, 70.0)
    for name, value in model.state_dict().items():
        assert torch.equal(value, validated[1][name])
    assert not torch.equal(
        validated[1][f"{FIRST_LAYER}.conv.weight"], validated[2][f"{FIRST_LAYER}.conv.weight"]
    )


@pytest.mark.parametrize("changes", FROZEN)
def test_frozen_weights_stay_and_no_checkpoint_holds_them(store, tmp_path, changes):
    """Under weight decay, and with batch statistics."""
    config = _config(weight_decay=0.5, optimizer="adamw")
    model, _ = _train(store, tmp_path, config=config, **changes)
    before = build_model(spec(attention_dropout=0.2, **changes)).state_dict()
    frozen = {name for name in before if model.is_frozen(name)}
    assert f"{FIRST_LAYER}.norm.running_mean" in frozen
    changed = {name for name, value in model.state_dict().items() if (value != before[name]).any()}
    assert changed.isdisjoint(frozen)
    assert any(name.startswith("backbone.") for name in changed) == ("train_last" in str(changes))
    with hold(tmp_path) as checkpoint:
        state = checkpoint.load()
    assert state["model"].keys() == state["best"].keys() == before.keys() - frozen
    trained = [each for each in model.parameters() if each.requires_grad]
    assert len(state["optimizer"]["state"]) <= len(trained) < len([*model.parameters()])


def test_the_best_weights_of_a_tower_with_a_frozen_part_are_whole_after_a_restart(store, tmp_path):
    accuracies, changes = iter([70.0, 40.0, 40.0]), FROZEN[1]
    first, _ = _train(
        store, tmp_path, config=_config(), validate=lambda model: next(accuracies), **changes
    )
    again, _ = _train(store, tmp_path, config=_config(), **changes)
    for name, value in first.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_gradients_are_averaged_over_the_accumulated_episodes(store, tmp_path):
    """One step over two episodes equals one step on the mean of their losses."""
    model, _ = _train(store, tmp_path, config=_config(episodes=2))
    other = build_model(spec(attention_dropout=0.2)).train()
    inputs = _inputs(store, other)
    config = _config()
    optimizer = torch.optim.Adam(other.parameters(), lr=config.lr, weight_decay=5e-5)
    from spm.training.losses import episode_losses

    total = torch.zeros(())
    for index in range(2):
        torch.manual_seed(index)
        losses = episode_losses(other, inputs.episodes[index], inputs.class_text)
        total = total + losses.total / 2
    total.backward()
    optimizer.step()
    for (name, value), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=2e-5, msg=name)


@pytest.mark.parametrize("together", [2, 3])
def test_episodes_in_one_forward_pass_train_the_same_weights(store, tmp_path, together):
    """In float64, without dropout; batches of statistics differ, so those are frozen."""
    quiet = {"attention_dropout": 0.0, "dropout": 0.0, "backbone": {"batch_norm": "running"}}
    config = _config(episodes=18, accumulate=6, validate_every=8)  # cuts groups short
    one, history = _train(store, tmp_path / "1", config=config, double=True, **quiet)
    config = config.model_copy(update={"episodes_per_forward": together})
    several, rows = _train(store, tmp_path / "n", config=config, double=True, **quiet)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(several.state_dict()[name], value, rtol=0, atol=1e-6, msg=name)
    np.testing.assert_allclose(rows.episodes, history.episodes, rtol=0, atol=1e-6)


def test_a_compiled_tower_trains_the_same_model(store, tmp_path, monkeypatch):
    """With a backend that needs no compiler."""
    plain, _ = _train(store, tmp_path / "plain", config=_config(episodes=4))
    compiled = []

    def compile_(module, compile=torch.nn.Module.compile):
        compiled.append(module)
        compile(module, backend="aot_eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_)
    model, _ = _train(store, tmp_path / "compiled", config=_config(episodes=4, compile=True))
    assert compiled == [model.backbone.visual]
    for (name, value), expected in zip(
        model.state_dict().items(), plain.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    ("optimizer", "moments"),
    [
        ({}, ["exp_avg", "exp_avg_sq"]),
        ({"optimizer": "adamw"}, ["exp_avg", "exp_avg_sq"]),
        ({"optimizer": "sgd", "momentum": 0.9}, ["momentum_buffer"]),
    ],
)
def test_a_checkpoint_of_a_cpu_goes_on_with_a_gpus_layout(store, tmp_path, optimizer, moments):
    """Channels last, as spm.episodes.device has them there: fused steps want all tensors alike."""
    config = _config(episodes=4, **optimizer)
    _train(store, tmp_path, config=config)
    with hold(tmp_path) as checkpoint:
        state = checkpoint.load()
    model = build_model(spec()).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(model, config, device=torch.device("cpu"))
    run = TrainingState(model, optimizer, build_scheduler(optimizer, config))
    run.restore(state)
    weight = model.backbone.visual.trunk.stages[1].conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    saved = state["optimizer"]["state"].values()
    for kept in moments:
        assert optimizer.state[weight][kept].stride() == weight.stride()
        for value, expected in zip(optimizer.state.values(), saved, strict=True):
            assert torch.equal(value[kept], expected[kept])


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"accumulate": 4, "episodes": 12}, [4, 8, 12]),
        ({"accumulate": 4, "episodes": 10}, [4, 8, 10]),
        ({"accumulate": 4, "episodes": 12, "steps_early": True}, [3, 7, 11]),
    ],
)
def test_steps_fall_after_these_episodes(store, tmp_path, changes, steps, monkeypatch):
    read, step, begun, seen = TrainingEpisodes.__getitem__, torch.optim.Adam.step, [], []
    monkeypatch.setattr(
        TrainingEpisodes,
        "__getitem__",
        lambda self, index: begun.append(index) or read(self, index),
    )
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: seen.append(len(begun)) or step(self)
    )
    _train(store, tmp_path, config=_config(**changes))
    assert seen == steps


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({"steps_early": False}, [(3, 0.001), (6, 0.0055), (9, 0.01), (12, 0.005)]),
        ({"steps_early": True}, [(2, 0.001), (5, 0.004), (8, 0.0085), (11, 0.005)]),
        ({"episodes": 11}, [(3, 0.001), (6, 0.0055), (9, 0.01), (11, 0.005)]),
    ],
)
def test_a_step_has_the_rate_of_the_episodes_before_it_and_the_history_says_so(
    store, tmp_path, changes, taken, monkeypatch
):
    """Warm-up to episode 6; half the rate from episode 8 or 9 on."""
    rates, step = [], torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD,
        "step",
        lambda self: rates.append(self.param_groups[0]["lr"]) or step(self),
    )
    recipe = {"optimizer": "sgd", "lr": 0.01, "accumulate": 3, "warmup": 6, "warmup_factor": 0.1}
    recipe |= {"schedule": "steps", "milestones": [8], "factors": [0.5]}
    _, history = _train(store, tmp_path, config=_config(**recipe | changes))
    assert rates == pytest.approx([rate for _, rate in taken])
    assert len(history.rates) == len(history.episodes)
    assert [history.rates[done - 1] for done, _ in taken] == rates


def test_gradients_that_the_end_leaves_over_are_dropped_by_early_steps(store, tmp_path):
    """Episode 4 of 4 changes nothing but batch statistics, which are frozen here."""
    frozen = {"backbone": {"batch_norm": "running"}}
    config = _config(episodes=4, steps_early=True, schedule="constant")
    four, _ = _train(store, tmp_path / "four", config=config, **frozen)
    three, _ = _train(
        store, tmp_path / "three", config=config.model_copy(update={"episodes": 3}), **frozen
    )
    for name, value in four.state_dict().items():
        assert torch.equal(value, three.state_dict()[name]), name


@pytest.mark.parametrize(("loss", "expected"), [("mean", (2 + 0.5) / 4), ("sum", 2 * 6 / 4 + 0.5)])
def test_an_episodes_part_in_a_step(loss, expected):
    """L_CE = 2 over six queries, regularisers 0.5, four episodes a step."""
    total, regularizers, task = (torch.tensor(value) for value in (2.5, 0.5, 2.0))
    losses = Losses(total, regularizers, {"L_CE": task}, logits=torch.zeros(6, 3))
    assert objective(losses, _config(loss=loss, accumulate=4)).item() == pytest.approx(expected)


def test_the_releases_batch_statistics_begin_with_the_first_validation(store, tmp_path):
    """Validations after episodes 4, 8 and 12."""
    means = []

    def validate(model):
        means.append(model.state_dict()[f"{FIRST_LAYER}.norm.running_mean"].clone())
        return 50.0

    kind = {"batch_norm": "running-then-batch"}
    _train(store, tmp_path, config=_config(), validate=validate, backbone=kind)
    assert not means[0].any()
    assert means[1].any()
    assert not torch.equal(means[1], means[2])


def test_a_loss_that_is_not_finite_stops_with_the_episode_and_keeps_the_checkpoint(store, tmp_path):
    _train(store, tmp_path, config=_config(episodes=4))
    before = (tmp_path / "state.pt").read_bytes()
    model = build_model(spec())
    inputs = _inputs(store, model)
    broken = TrainingInputs(inputs.episodes, inputs.class_text * float("nan"), inputs.validate)
    execution = Execution(
        loader_workers=0, checkpoint_seconds=0, on_validation=lambda history: None
    )
    said = r"^episode 4: loss nan, .* not all finite\. Lower train\.lr \(.* the rate 0\.\d+\);"
    with hold(tmp_path) as checkpoint, pytest.raises(TrainingError, match=said):
        train(model, broken, _config(), execution=execution, checkpoint=checkpoint)
    assert (tmp_path / "state.pt").read_bytes() == before


def test_a_training_that_diverges_is_an_error_that_the_user_can_mend(store, tmp_path):
    said = told("a training that diverges").pattern
    with pytest.raises(InputError, match=said):
        _train(store, tmp_path, config=_config(lr=1e30))


def test_losses_that_are_not_finite_at_the_start_are_not_blamed_on_the_rate(store, tmp_path):
    model = build_model(spec())
    inputs = _inputs(store, model)
    broken = TrainingInputs(inputs.episodes, inputs.class_text * float("nan"), inputs.validate)
    execution = Execution(
        loader_workers=0, checkpoint_seconds=0, on_validation=lambda history: None
    )
    said = told("losses that are not finite from the first episode on").pattern
    with pytest.raises(InputError, match=said):
        train(model, broken, _config(), execution=execution, checkpoint=None)


def test_weights_that_the_last_step_broke_are_not_kept(store, tmp_path):
    """No loss follows the last step, so no loss could tell."""
    said = r"^after 2 episodes: weights are not all finite\. Lower .* had the rate 1e\+308\);"
    with pytest.raises(InputError, match=said):
        _train(store, tmp_path, config=_config(episodes=2, accumulate=2, lr=1e308))


def test_running_statistics_stay_and_batch_statistics_move(store, tmp_path):
    for kind in ("running", "batch"):
        model = build_model(spec(backbone={"batch_norm": kind})).train()
        before = model.state_dict()[f"{FIRST_LAYER}.norm.running_mean"].clone()
        model.encode_video(torch.randint(0, 256, (8, 32, 32, 3), dtype=torch.uint8))
        after = model.state_dict()[f"{FIRST_LAYER}.norm.running_mean"]
        assert torch.equal(before, after) == (kind == "running")


def test_history_rows_are_window_means_with_validations_between():
    history = History(
        ("L_CE", "L_H", "L_S"),
        [[float(i), 0.0, 0.0, 0.0, 0.0] for i in range(25)],
        [(8, 60.0), (20, 70.0)],
        [0.1] * 19 + [0.01] * 6,
    )
    rows = history.rows()
    assert [row["step"] for row in rows] == [8, 10, 20, 25]
    assert [row.get("loss") for row in rows] == [None, 4.5, 14.5, 22.0]
    assert [row.get("val_accuracy") for row in rows] == [60.0, None, 70.0, None]
    assert [row.get("lr") for row in rows] == [None, 0.1, 0.01, 0.01]
    assert history.csv().splitlines()[1] == "8,,,,,,,60.0"


def test_the_ratio_of_the_regularisers_is_that_of_their_weighted_values():
    row = {"step": 10, "L_CE": 2.0, "L_H": 100.0, "L_S": 4000.0}
    weights = {"L_H": ("lambda3", 0.01), "L_S": ("lambda4", 0.001)}
    ratios = regularizer_ratios(row, weights=weights)
    assert ratios == pytest.approx({"lambda3 L_H / L_CE": 0.5, "lambda4 L_S / L_CE": 2.0})
    assert regularizer_ratios({"step": 8, "val_accuracy": 60.0}, weights=weights) == {}
    assert regularizer_ratios(row | {"L_CE": 0.0}, weights=weights) == {}
