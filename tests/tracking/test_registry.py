"""Registered models in a real sqlite store: versions, what they are told, and the alias `best`."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spm.base.hashing import folder_hash
from spm.model.model import FewShotModel, load_model, save_model
from stages.shared import params, paths
from stages.tracking import logged_model
from stages.tracking import runs as tracking
from stages.tracking.logged_model import example, requirements
from stages.tracking.registry import register, registered_name
from tests import models
from tests.stores import make_store
from tests.tracking.registered import NAME, change, client, measured, trained, write

pytestmark = pytest.mark.usefixtures("project")


def versions() -> list[Any]:
    found = client().search_model_versions(f"name = '{NAME}'")
    return sorted(found, key=lambda each: int(each.version))


def best() -> str | None:
    """The version that has the alias."""
    aliases = client().get_registered_model(NAME).aliases
    return str(aliases["best"]) if "best" in aliases else None


def test_a_model_is_registered_once_and_its_version_says_where_it_is_from() -> None:
    run_id = trained(62.5, seed=1)
    trained(62.5, seed=1)
    (version,) = versions()
    assert version.run_id == run_id
    assert version.tags["out.data/model"] == folder_hash(paths.MODEL)
    assert client().get_run(run_id).data.tags["out.data/model"] == folder_hash(paths.MODEL)
    assert (version.tags["method"], version.tags["validation.accuracy"]) == ("clip_spm", "62.5")
    assert version.tags["validation.episodes"].startswith("200 of val, 5-way 1-shot, 4 queries, ")
    (logged,) = client().get_run(run_id).outputs.model_outputs
    about = client().get_logged_model(logged.model_id)
    assert (str(about.status), about.source_run_id) == ("READY", run_id)
    assert json.loads(about.tags["mlflow.modelVersions"]) == [{"name": NAME, "version": 1}]


@pytest.mark.usefixtures("quickly")
def test_another_model_is_another_version() -> None:
    trained(50.0, seed=1)
    trained(50.0, seed=2)
    assert len({each.tags["out.data/model"] for each in versions()}) == 2


@pytest.mark.usefixtures("quickly")
def test_a_restored_model_finds_its_version_again(capsys: pytest.CaptureFixture[str]) -> None:
    trained(50.0, seed=1)
    trained(60.0, seed=2)
    write(50.0, seed=1)
    run_id = measured(accuracy=70.5, inductive=60.25)
    first, second = versions()
    assert first.tags["test.accuracy"] == "70.5"
    assert first.tags["test.inductive"] == "60.25"
    assert (first.tags["test.shots"], first.tags["test.run"]) == ("1, 5", run_id)
    assert len(first.tags["test.results"]) == 64
    assert not any(name.startswith("test.") for name in second.tags)
    assert f"measured: models:/{NAME}/1\n" in capsys.readouterr().out


@pytest.mark.usefixtures("quickly")
def test_a_measurement_takes_the_place_of_the_one_before() -> None:
    trained(50.0)
    measured(accuracy=70.5, inductive=60.25)
    measured(accuracy=71.0)
    (version,) = versions()
    assert version.tags["test.accuracy"] == "71.0"
    assert "test.inductive" not in version.tags
    assert version.tags["validation.accuracy"] == "50.0"


@pytest.mark.usefixtures("quickly")
def test_evaluate_registers_a_model_that_was_trained_without_tracking() -> None:
    write(50.0, seed=1)
    run_id = measured(accuracy=70.5)
    (version,) = versions()
    assert (version.run_id, version.tags["validation.accuracy"]) == (run_id, "50.0")
    assert (version.tags["test.accuracy"], best()) == ("70.5", "1")


@pytest.mark.usefixtures("quickly")
def test_a_model_folder_without_its_training_is_registered_as_not_validated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(50.0, seed=1)
    paths.TRAIN_METRICS.unlink()
    measured(accuracy=70.5)
    (version,) = versions()
    assert version.tags["test.accuracy"] == "70.5"
    assert "validation.accuracy" not in version.tags
    assert best() is None
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("quickly")
def test_the_points_of_a_grid_register_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_SPM_PARENT_RUN", "a-grid")
    run_id = trained(50.0)
    measured(accuracy=70.5)
    assert client().search_registered_models() == []
    monkeypatch.delenv("CLIP_SPM_PARENT_RUN")
    measured(accuracy=70.5)
    (version,) = versions()
    assert version.run_id == run_id  # of the point that trained it


@pytest.mark.usefixtures("quickly")
def test_best_only_moves_up(capsys: pytest.CaptureFixture[str]) -> None:
    places = []
    for seed, accuracy in enumerate((50.0, 40.0, 60.0, 60.0)):
        trained(accuracy, seed=seed)
        places.append(best())
    assert places == ["1", "1", "3", "3"]
    said = [line for line in capsys.readouterr().out.splitlines() if "@best" in line]
    assert said == [
        f"models:/{NAME}@best is version 1 (validation 50.00 %)",
        f"models:/{NAME}@best stays at version 1 (validation 50.00 %), not version 2 "
        "(validation 40.00 %)",
        f"models:/{NAME}@best is version 3 (validation 60.00 %); it was version 1 "
        "(validation 50.00 %)",
        f"models:/{NAME}@best stays at version 3 (validation 60.00 %), not version 4 "
        "(validation 60.00 %)",
    ]


OTHER = [
    ("episode", {"shot": 5}),
    ("episode", {"way": 4}),
    ("train", {"validate_query": 1}),
    ("train", {"validate_episodes": 100}),
    ("train", {"seed": 1}),
]


@pytest.mark.usefixtures("quickly")
def test_best_stays_where_other_episodes_were_validated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained(50.0, seed=1)
    before = params.PARAMS.read_text()
    for seed, (section, values) in enumerate(OTHER, start=2):
        params.PARAMS.write_text(before)
        change(section, **values)
        trained(60.0, seed=seed)
        assert best() == "1", values
    said = capsys.readouterr().out
    assert said.count("do not compare (there: 200 of val, 5-way 1-shot, 4 queries") == len(OTHER)
    client().set_registered_model_alias(NAME, "best", "6")  # as the user is told
    trained(65.0, seed=1 + len(OTHER) + 1)
    assert best() == "7"


@pytest.mark.usefixtures("quickly")
def test_best_stays_where_other_data_was_validated() -> None:
    trained(50.0, seed=1)
    shutil.rmtree(paths.FRAMES)
    paths.FRAMES.mkdir()
    make_store(paths.FRAMES, classes={"train": 3}, clips=1)
    trained(60.0, seed=2)
    assert best() == "1"


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    ("accuracy", "selection"), [(99.0, "test"), (None, "validation")], ids=["test", "untrained"]
)
def test_what_was_not_validated_is_never_best(accuracy: float | None, selection: str) -> None:
    trained(accuracy, seed=1, selection=selection)
    assert best() is None
    trained(50.0, seed=2)
    assert best() == "2"
    trained(accuracy, seed=3, selection=selection)
    assert best() == "2"


@pytest.mark.usefixtures("quickly")
def test_after_a_deletion_best_is_the_best_that_is_left_and_other_aliases_stay() -> None:
    for seed, accuracy in enumerate((50.0, 60.0, 55.0)):
        trained(accuracy, seed=seed)
    client().set_registered_model_alias(NAME, "mine", "1")
    client().delete_model_version(NAME, "2")
    assert best() is None
    trained(55.0, seed=4)  # of equals, the first
    aliases = client().get_registered_model(NAME).aliases
    assert {name: int(version) for name, version in aliases.items()} == {"best": 3, "mine": 1}
    trained(60.0, seed=1)  # what was deleted comes again
    assert best() == "5"


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    "broken",
    [
        *("create_logged_model", "log_model_artifacts", "create_model_version"),
        *("set_registered_model_alias", "search_model_versions"),
    ],
)
def test_a_store_that_registers_no_models_costs_one_warning_and_the_run_goes_on(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    def fail(*_: object, **__: object) -> None:
        raise OSError("no room is left")

    monkeypatch.setattr(mlflow.MlflowClient, broken, fail)
    trained(50.0)
    said = capsys.readouterr().err.splitlines()
    assert said == ["warning: MLflow did not register the model: no room is left"]
    (run,) = client().search_runs(["1"])
    assert run.info.status == "FINISHED"


def test_without_tracking_nothing_is_registered() -> None:
    change("runtime", tracking=False)
    trained(50.0)
    measured(accuracy=70.5)
    assert client().search_registered_models() == []


@pytest.mark.parametrize("method", ["clip_spm", "otam", "zero_shot"])
def test_mlflow_loads_the_model_and_it_answers_as_the_library_does(method: str) -> None:
    import mlflow

    model = models.build(method=method).float()
    model.calibration = models.calibrated(classify=9.0, classify_each=2.0)
    save_model(model, paths.MODEL)
    paths.TRAIN_METRICS.write_text('{"best_val_accuracy": 50.0}')
    with tracking.stage_run("train", params={}) as run:
        register(run, model)
    client()
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@best")
    given = loaded.input_example
    assert given.keys() == example(model).keys()
    assert ("class_text" in given) == model.config.model.needs.text
    for name, values in example(model).items():
        np.testing.assert_array_equal(given[name], values)
    answers = loaded.predict(given)
    assert answers.shape == (1, 2)
    np.testing.assert_array_equal(answers, by_the_library(load_model(paths.MODEL), given))
    both = {**given, "query": np.concatenate([given["query"], given["support"][1:]])}
    np.testing.assert_array_equal(loaded.predict(both)[:1], answers)
    with pytest.raises(mlflow.MlflowException, match="support"):
        loaded.predict({**given, "support": given["support"][..., :1]})


def by_the_library(model: FewShotModel, given: dict[str, Any]) -> np.ndarray:
    tensors = {name: torch.from_numpy(values) for name, values in given.items()}
    with torch.no_grad():
        logits = model.classify_each(
            torch.stack([model.encode_video(clip) for clip in tensors["support"]]),
            tensors["support_labels"],
            torch.stack([model.encode_video(clip) for clip in tensors["query"]]),
            tensors.get("class_text"),
        )
    return model.probabilities(logits, transductive=False).numpy()


def test_the_logged_folder_holds_the_whole_model_and_nothing_pickled(project: Path) -> None:
    trained(50.0)
    (folder,) = project.glob("state/mlartifacts/motion/models/*/artifacts")
    assert folder_hash(folder / "model") == folder_hash(paths.MODEL)
    files = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert files == {"", ".safetensors", ".json", ".txt", ".yaml"}
    assert {path.name for path in folder.iterdir() if not path.suffix} == {"MLmodel", "model"}
    written = (folder / "requirements.txt").read_text().splitlines()
    assert written[1:] == requirements()
    assert written[0].startswith("mlflow==")


def test_requirements_are_what_the_library_needs_at_public_versions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logged_model, "version", lambda name: f"{len(name)}.1.0+cpu")
    found = dict(line.split("==") for line in requirements())
    assert {"torch", "numpy", "open_clip_torch", "safetensors", "typer"} <= found.keys()
    assert found["torch"] == "5.1.0"
    assert not {"mlflow", "dvc", "pytest"} & found.keys()


def test_names_are_such_that_mlflow_and_uris_take_them() -> None:
    assert registered_name("motion") == NAME
    assert registered_name("my/clips: 5@home") == "clip-spm-my_clips_ 5_home"
