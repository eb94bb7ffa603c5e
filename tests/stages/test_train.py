"""Stage train: on which split the weights are selected, and that this is written down."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.prompts import CONTROLS, TextControl
from spm.model.activation_checkpointing import checkpoint_activations
from spm.model.backbone import WEIGHTS_FILE
from spm.model.model import load_model, save_model
from spm.model.prompts import PromptFeatures
from spm.model.spec import load_spec
from spm.model.text_controls import controlled
from spm.results import model_measurements
from spm.training import validation
from stages import evaluate, train
from stages.shared import params, paths
from stages.tracking import runs as tracking
from tests import models, tiny_clip
from tests.import_closure import ROOT
from tests.project import wait_until
from tests.stores import make_store

SIZES = {"heads": 2, "head_dim": 8, "hidden_dim": 24}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that train and evaluate read, and parameters for a training of four episodes."""
    document = read_yaml(params.PARAMS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    document["runtime"] |= {"tracking": False, "device": "cpu"}
    document["episode"] |= {"way": 3, "query": 2}
    document["backbone"] |= {"name": tiny_clip.CONV, "weights": None}
    document["model"] |= SIZES
    document["train"] |= {"episodes": 4, "validate_every": 2, "validate_episodes": 6}
    document["train"]["validate_query"] = document["evaluate"]["query"] = 1
    document["evaluate"] |= {"episodes": 8, "batch": 4}
    params.PARAMS.write_text(json.dumps(document))
    paths.FRAMES.mkdir(parents=True)
    _write_frames_and_prompts(side=40, channels=16)
    schema = pa.schema([("id", pa.string())], metadata={"dataset": "squares"})
    pq.write_table(schema.empty_table(), paths.MANIFEST)
    paths.WEIGHTS.write_text("{}")


def _write_frames_and_prompts(*, side: int, channels: int, clips: int = 6) -> None:
    splits = {"train": 3, "val": 3, "test": 4}
    store = make_store(paths.FRAMES, classes=splits, side=side, clips=clips)
    classes = sorted(set(store.clips["class"].to_pylist()))
    features = np.random.default_rng(0).normal(size=(2, len(classes), channels)).astype(np.float32)
    PromptFeatures(features, classes, classes, False).save(paths.PROMPTS)


def change(section: str, **values: object) -> None:
    document = read_yaml(params.PARAMS)
    document[section] |= values
    params.PARAMS.write_text(json.dumps(document))


@pytest.fixture
def validated_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The splits of the clips that the stage has validated on so far, in order.

    After the training, the last is what it calibrated on.
    """
    splits: list[str] = []
    encode = validation.encode_within

    def recorded(*args, clips: np.ndarray, **options):
        index = pq.read_table(paths.FRAMES / "index.parquet")
        (split,) = set(index["split"].to_numpy()[clips])
        splits.append(split)
        return encode(*args, clips=clips, **options)

    monkeypatch.setattr(validation, "encode_within", recorded)
    return splits


@pytest.mark.usefixtures("workspace")
def test_selection_on_test_takes_the_episodes_of_the_final_number_and_results_say_so(
    validated_on: list[str],
) -> None:
    change("train", selection="test")
    train.main()
    assert validated_on == ["test", "test", "val"]
    evaluate.main()
    assert json.loads(paths.EVALUATION.read_text())["selection"] == "test"
    final = pq.read_table(paths.EPISODES)["accuracy"].to_numpy()
    selected = json.loads(paths.TRAIN_METRICS.read_text())["best_val_accuracy"]
    assert selected == pytest.approx(final[:6].mean())


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_is_what_training_validation_and_test_get(
    control: TextControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, torch.Tensor] = {}
    places = ((train, "train"), (validation, "measure"), (model_measurements, "measure"))
    for module, name in places:
        monkeypatch.setattr(module, name, noting(given, getattr(module, name), module.__name__))
    change("prompts", control=control)
    train.main()
    evaluate.main()
    true = PromptFeatures.load(paths.PROMPTS)
    for module, split in (("stages.train", "train"), ("spm.training.validation", "val")):
        check(given[module], true, split=split, control=control)
    check(given["spm.results.model_measurements"], true, split="test", control=control)
    assert load_spec(paths.MODEL).prompts.control == control


def noting(given: dict, called, name: str):
    """`called`, which notes the class texts that it is given."""

    def noted(*args, **options):
        texts = options.get("class_text")
        given[name] = args[1].class_text if texts is None else texts
        return called(*args, **options)

    return noted


def check(found: torch.Tensor, true: PromptFeatures, *, split: str, control: TextControl) -> None:
    """`found` is the controlled texts of the split's own classes, sorted by name."""
    rows = [number for number, name in enumerate(true.classes) if name.startswith(split)]
    texts = torch.from_numpy(true.features).mean(dim=0)[rows]
    assert not torch.equal(found, texts)
    assert torch.equal(found, controlled(texts, control))


@pytest.mark.usefixtures("workspace")
def test_selection_on_validation_reads_no_test_clip(validated_on: list[str]) -> None:
    train.main()
    assert validated_on == ["val"] * 3
    assert load_spec(paths.MODEL).selection == "validation"


@pytest.mark.usefixtures("workspace")
def test_the_model_is_calibrated_with_its_final_weights_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: dict[str, float] = {}
    monkeypatch.setattr(tracking.Run, "log_metrics", lambda self, values: told.update(values))
    train.main()
    written = (paths.MODEL / "calibration.json").read_bytes()
    found = load_model(paths.MODEL).calibration
    assert (found.classify.episodes, found.classify.way, found.classify.query) == (6, 3, 1)
    assert found.classify != found.classify_each
    assert found.classify.nll <= found.classify.nll_before
    assert f"train: probabilities {found.in_words(transductive=True)}" in capsys.readouterr().out
    assert told["temperature"] == found.classify.temperature
    train.main()  # nothing is left to train
    assert (paths.MODEL / "calibration.json").read_bytes() == written
    shutil.copytree(paths.MODEL, "models/start")
    change("model", init_from="models/start")
    change("train", episodes=0)
    train.main()
    assert (paths.MODEL / "calibration.json").read_bytes() == written


@pytest.mark.usefixtures("workspace")
def test_without_a_validation_split_the_model_says_that_it_is_not_calibrated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.rmtree(paths.FRAMES)
    make_store(paths.FRAMES, classes={"train": 3, "test": 4})
    change("train", selection="test")
    train.main()
    found = load_model(paths.MODEL).calibration
    assert found.reason == "the val split has 0 classes, but an episode takes 3 (episode.way)"
    assert f"train: probabilities not calibrated, since {found.reason}" in capsys.readouterr().out


@pytest.mark.usefixtures("workspace")
def test_a_model_that_starts_from_one_selected_on_test_says_so_too() -> None:
    start = models.build(**SIZES).float()
    start.config = start.config.model_copy(update={"selection": "test"})
    save_model(start, Path("models/start"))
    change("model", init_from="models/start")
    train.main()
    assert load_spec(paths.MODEL).selection == "test"


@pytest.mark.usefixtures("workspace")
def test_wiring_that_differs_from_where_the_weights_were_saved_is_warned_of_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    backbone = {"normalize": False}
    start = models.build(backbone=backbone, alpha=0.228, dropout=0.5, seed=7, **SIZES).float()
    save_model(start, Path("models/start"))
    change("model", init_from="models/start")
    change("train", episodes=0)
    train.main()
    said = capsys.readouterr().err
    assert said.count("warning: the weights of model.init_from = 'models/start'") == 1
    lines = [line.strip() for line in said.splitlines() if " there, " in line]
    assert lines == [
        "backbone.normalize: False there, True here",
        "model.alpha: 0.228 there, 0.2 here",
    ]
    assert load_spec(paths.MODEL).model.alpha == 0.2


@pytest.mark.usefixtures("workspace")
def test_weights_that_start_where_they_were_saved_are_not_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = models.build(dropout=0.5, **SIZES).float()
    save_model(start, Path("models/start"))
    change("model", init_from="models/start")
    change("train", episodes=0)
    train.main()
    assert "warning" not in capsys.readouterr().err


@pytest.mark.usefixtures("workspace")
def test_a_training_head_that_the_start_lacks_is_said_to_start_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_model(models.build(hsmr=False, **SIZES).float(), Path("models/start"))
    change("model", init_from="models/start")
    change("train", episodes=0)
    train.main()
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        "train: model.init_from = 'models/start': the training head hsmr.* starts anew, since the "
        "folder has none"
    )
    assert load_model(paths.MODEL).method.hsmr is not None


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(("lambda4", "warnings"), [(10.0, 1), (0.0, 0)])
def test_a_regulariser_that_outweighs_the_loss_is_warned_of_once(
    lambda4: float, warnings: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change("model", lambda3=0.0, lambda4=lambda4)
    train.main()
    assert capsys.readouterr().err.count("the regulariser outweighs L_CE") == warnings


@pytest.mark.usefixtures("workspace")
def test_the_rate_of_each_episode_is_in_the_curves_and_told_to_mlflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, float]] = []
    monkeypatch.setattr(tracking.Run, "log_history", lambda self, rows: told.extend(rows))
    change("train", accumulate=2, lr=0.01, warmup=2, warmup_factor=0.1)
    train.main()
    with open(paths.TRAIN_CURVES, encoding="utf-8") as file:
        (last,) = [row for row in csv.DictReader(file) if row["step"] == "4"]
    assert float(last["lr"]) == 0.01
    assert [(row["step"], row["lr"]) for row in told if "lr" in row] == [
        (2, pytest.approx(0.001)),
        (4, 0.01),
    ]


OPTIMIZERS = [
    {"optimizer": "adamw"},
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"decay_norms": False},
    {"decay_biases": False},
    {"warmup": 2},
    {"warmup": 2, "warmup_factor": 0.5},
    {"schedule": "constant"},
    {"final_factor": 0.1},
    {"schedule": "steps", "milestones": [2], "factors": [0.1]},
    {"schedule": "steps", "milestones": [2], "factors": [0.2]},
]


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_no_training_goes_on_from_the_checkpoint_of_another_optimizer_or_schedule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_for: list[Path] = []

    def noted(folder: Path) -> None:
        looked_for.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "hold", noted)
    text = params.PARAMS.read_text()
    for values in ({}, *OPTIMIZERS):
        params.PARAMS.write_text(text)
        change("train", **values)
        with pytest.raises(KeyboardInterrupt):
            train.main()
    assert len(set(looked_for)) == 1 + len(OPTIMIZERS)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("runtime", "config", "message"),
    [
        ({"devices": 3}, {}, r"is 2 forward passes .* 1 of 3 ranks would have nothing to do"),
        ({"devices": 2}, {"episodes_per_forward": 2}, r"is 1 forward passes .* 1 of 2 ranks"),
        ({"activation_checkpointing": True}, {"compile": True}, r"do not go together"),
    ],
)
def test_what_cannot_be_run_is_refused(
    runtime: dict[str, object], config: dict[str, object], message: str
) -> None:
    change("runtime", **runtime)
    change("train", **config)
    with pytest.raises(ConfigError, match=message):
        train.main()


@pytest.mark.usefixtures("workspace")
def test_activation_checkpointing_changes_no_bit_of_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def recorded(visual: torch.nn.Module) -> None:
        asked.append(visual)
        checkpoint_activations(visual)

    monkeypatch.setattr(train, "checkpoint_activations", recorded)
    train.main()
    assert asked == []
    plain = (paths.MODEL / WEIGHTS_FILE).read_bytes()
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "another"))  # or nothing is left to train
    change("runtime", activation_checkpointing=True)
    train.main()
    assert len(asked) == 1
    assert (paths.MODEL / WEIGHTS_FILE).read_bytes() == plain


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("part", [{"frozen": True}, {"train_last": 1}])
def test_the_model_folder_holds_the_frozen_part_as_it_was(part: dict[str, object]) -> None:
    change("backbone", **part)
    change("train", episodes=0)
    train.main()
    before = load_model(paths.MODEL)
    change("train", episodes=4)
    train.main()
    after = load_model(paths.MODEL)
    assert after.has_frozen_part
    moved = {
        name
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert not any(after.is_frozen(name) for name in moved)
    assert any(name.startswith("method.") for name in moved)
    assert any(name.startswith("backbone.") for name in moved) == ("train_last" in part)


@pytest.mark.usefixtures("workspace")
def test_train_registers_its_model_and_evaluate_tags_the_version(
    mlflow_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    for name in ("MLFLOW_TRACKING_URI", "CLIP_SPM_PARENT_RUN"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(mlflow_database, paths.state_dir())
    change("runtime", tracking=True)
    change("dataset", name="squares")
    train.main()
    evaluate.main()
    client = mlflow.MlflowClient(f"sqlite:///{paths.state_dir() / 'mlflow.db'}")
    version = client.get_model_version_by_alias("clip-spm-squares", "best")
    results = json.loads(paths.EVALUATION.read_text())
    assert version.tags["out.data/model"] == results["hashes"]["model"]
    assert float(version.tags["test.accuracy"]) == results["accuracy"]
    assert float(version.tags["test.inductive"]) == results["inductive"]["accuracy"]
    assert float(version.tags["test.ci95"]) == results["ci95"]
    assert version.tags["test.episodes"] == "8 of test, 3-way 1-shot, 1 queries"
    assert version.tags["test.coverage"] == "test clips: 24 of the 24 found (100.0 %)"
    assert version.tags["test.data"] == results["hashes"]["data"]
    best = json.loads(paths.TRAIN_METRICS.read_text())["best_val_accuracy"]
    assert float(version.tags["validation.accuracy"]) == best
    assert version.tags["validation.episodes"].startswith("6 of val, 3-way 1-shot, 1 queries, ")
    assert client.get_run(version.run_id).data.tags["dvc.stage"] == "train"


@pytest.mark.usefixtures("workspace")
def test_what_alters_rounding_is_told_to_mlflow_and_stands_in_no_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, dict[str, str]] = {}

    @contextmanager
    def noted(stage: str, *, tags: dict[str, str], **_: object) -> Iterator[tracking.Run]:
        told[stage] = tags
        yield tracking.Run()

    monkeypatch.setattr(tracking, "stage_run", noted)
    threads = torch.get_num_threads()
    outs = []
    for number in (1, 2):
        torch.set_num_threads(number)
        train.main()
        evaluate.main()
        assert told["train"] == told["evaluate"]
        assert told["train"]["threads"] == str(number)
        outs.append([path.read_bytes() for path in (paths.EVALUATION, paths.TRAIN_METRICS)])
    torch.set_num_threads(threads)
    assert told["train"]["ranks"] == "1"
    assert told["train"]["torch"] == torch.__version__
    assert re.fullmatch(r"cpu: \S.*", told["train"]["device"])
    assert b"cpu" not in b"".join(outs[0])
    assert b"threads" not in b"".join(outs[0])


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_killed_rank_ends_the_stage_and_training_goes_on_with_one() -> None:
    change("backbone", name="builtin-clip")  # the tests' towers are unknown in another process
    _write_frames_and_prompts(side=56, channels=128)
    change("runtime", devices=2, checkpoint_seconds=0)
    change("train", episodes=400, validate_every=20)
    command = [sys.executable, "-m", "stages.train"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    stage = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: any(paths.state_dir().glob("checkpoints/*/state.pt")))
    (lock,) = paths.state_dir().glob("checkpoints/*/lock")
    ranks = Path(f"/proc/{stage.pid}/task/{stage.pid}/children").read_text().split()
    (other,) = [int(rank) for rank in ranks if rank != lock.read_text() and _is_rank(rank)]
    os.kill(other, signal.SIGKILL)
    _, said = stage.communicate(timeout=60)
    assert stage.returncode == 1
    assert f"rank 1 of 2 (process {other}) was ended by SIGKILL" in said
    assert not paths.MODEL.exists()

    change("runtime", devices=1)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "train: goes on after" in done.stderr + done.stdout
    assert load_spec(paths.MODEL).selection == "validation"


def _is_rank(process: str) -> bool:
    """And not multiprocessing's resource tracker."""
    return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
