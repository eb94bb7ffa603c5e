"""`make gc` removes what nobody needs, says so, and keeps whatever would be gone on with."""

import json
import os
import shutil
import time
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.decoding.shard_plan import plan_shards, recipe_hash
from pipeline.machine.git_and_dvc import cache_name
from pipeline.presets.set_preset import set_preset
from pipeline.shards.unfinished import noted
from spm.base.errors import InputError
from spm.base.lock import locked
from spm.base.yaml_file import read_yaml
from spm.config.frames import FramesConfig
from spm.frames.clip_index import INDEX
from spm.training.checkpoint import hold
from stages.commands import garbage, gc, ui
from stages.shared import params, paths
from stages.shared.sweep import Sweep
from stages.train import SECTIONS, as_values
from tests.import_closure import ROOT
from tests.machines import told
from tests.manifests import make_manifest
from tests.stores import make_store

DAY = 86_400


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A project with frames, and a shard and a finished training that nothing names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(garbage, "cache_folder", lambda root: root / "cache")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    paths.FRAMES.mkdir(parents=True)
    make_store(paths.FRAMES, classes={"train": 2})
    for name in ("shard.h5", "old.h5"):
        write(tmp_path / "state/shards" / name)
    train("finished", model="weights")
    cached("weights")
    return tmp_path / "state"


def write(path: Path, *, seconds: float = 2 * DAY) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 2_000_000)
    os.utime(path, (time.time() - seconds,) * 2)


def train(name: str, *, seconds: float = 2 * DAY, model: str | None = None, **about) -> Path:
    """The checkpoint of a training of the parameters of now, or as `about` says."""
    folder = paths.state_dir() / "checkpoints" / name
    with hold(folder) as checkpoint:
        sections = dict(zip(SECTIONS, params.load(**SECTIONS), strict=True))
        checkpoint.describe(**{"parameters": as_values(sections)} | about)
        if model is not None:
            checkpoint.describe(model=name_of(model))
    write(folder / "state.pt", seconds=seconds)
    return folder


def name_of(model: str) -> str:
    Path("model").write_text(model)
    return cache_name(Path("model"))


def cached(model: str) -> None:
    path = Path("cache") / name_of(model)
    path.parent.mkdir(parents=True)
    path.write_text(model)


@pytest.fixture
def collect(monkeypatch, capsys):
    def call(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["gc", *options])
        gc.main()
        return capsys.readouterr().out

    return call


def shards(state: Path) -> set[str]:
    return {path.name for path in (state / "shards").glob("*.h5")}


def trainings(state: Path) -> set[str]:
    return {path.name for path in (state / "checkpoints").glob("*")}


@pytest.mark.parametrize("name", ["gc", "ui", "preset"])
def test_in_another_folder_it_says_to_go_to_the_project(tmp_path, monkeypatch, name):
    """And leaves nothing there."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("CLIP_SPM_STATE")
    called = {"gc": gc.gc, "ui": ui.ui, "preset": lambda: set_preset("otam")}[name]
    with pytest.raises(InputError, match=told("a command in a folder that is no project's")):
        called()
    assert not [*Path().iterdir()]


def test_it_says_what_would_go_and_what_went(state, collect):
    said = collect("--dry-run")
    for line in ("1 × shard: 2 MB", "1 × checkpoint: 2 MB", "4 MB would be freed in"):
        assert f"gc: {line}" in said
    assert shards(state) == {"shard.h5", "old.h5"}
    assert trainings(state) == {"finished"}
    assert (state / "checkpoints/finished/state.pt").is_file()
    assert "gc: 4 MB freed" in collect()
    assert shards(state) == {"shard.h5"}
    assert trainings(state) == set()
    assert "gc: 0 MB freed" in collect()


def test_mlflows_files_stay(state, collect):
    """Registered models among them, whose file endings are those of other things here."""
    for name in ("model.safetensors", "features.h5", ".state.pt.1.tmp", "index.parquet"):
        write(state / "mlartifacts/motion/models/m-1/artifacts/model" / name)
    before = {path for path in (state / "mlartifacts").rglob("*") if path.is_file()}
    collect("--abandoned")
    assert {path for path in (state / "mlartifacts").rglob("*") if path.is_file()} == before


def test_a_training_that_was_killed_stays_at_any_age(state, collect):
    train("killed", seconds=365 * DAY)
    for options in ((), ("--abandoned",)):
        assert told("gc, a killed training").search(collect(*options))
        assert trainings(state) == {"killed"}


def test_a_training_whose_result_was_lost_stays_at_any_age(state, collect):
    """Killed between the last episode and DVC's bookkeeping."""
    train("lost", model="other weights")
    collect("--abandoned")
    assert trainings(state) == {"lost"}


def test_a_training_of_other_parameters_stays_unless_it_is_given_up(state, collect):
    train("other", parameters={})
    train("of a release without words", parameters=None)
    said = collect()
    assert len(told("gc, a killed training of other parameters").findall(said)) == 2
    assert len(trainings(state)) == 2
    train("new", parameters={}, seconds=1800)
    assert "new: it was written within the last hour" in collect("--abandoned")
    assert trainings(state) == {"new"}


def test_a_training_that_runs_stays(state, collect):
    with hold(train("running", parameters={})):
        said = collect("--abandoned")
        assert f"already runs, in process {os.getpid()}" in said
        assert trainings(state) == {"running"}


def test_what_a_training_left_that_never_saved_goes(state, collect):
    with hold(state / "checkpoints/empty") as checkpoint:
        checkpoint.describe(parameters={})
    (state / "checkpoints/bare").mkdir()
    write(state / "checkpoints/killed/.state.pt.12.tmp")
    collect()
    assert trainings(state) == set()


def kill(state: Path, *names: str, recipe: str | None = None) -> None:
    """A decoding of these shards was killed two days ago."""
    (frames,) = params.load(frames=FramesConfig)
    recipe = recipe or recipe_hash(frames)
    with pytest.raises(RuntimeError), noted(names, store=state / "shards", recipe=recipe):
        raise RuntimeError
    for name in names:
        write(state / "shards" / name)


@pytest.fixture
def killed(state):
    """A decoding that was killed, and one of other parameters."""
    kill(state, "ours.h5")
    kill(state, "theirs.h5", recipe="another")
    return state


def test_shards_of_a_decoding_that_was_killed_stay_at_any_age(killed, collect):
    assert collect().count("kept: the shards of a decoding that has not ended") == 2
    assert shards(killed) == {"shard.h5", "ours.h5", "theirs.h5"}
    collect("--abandoned")
    assert shards(killed) == {"shard.h5", "ours.h5"}


def test_a_decoding_that_could_only_begin_anew_is_given_up(state, collect):
    """Its parameters are those of now, but not its clips: some were added since, or it was of
    another data set. What its successor would find done stays."""
    for number in range(40):
        write(Path(f"videos/a/{number}.mp4"))
    pq.write_table(make_manifest(Path("videos")), paths.MANIFEST)
    (frames,) = params.load(frames=FramesConfig)
    now = [shard.name for shard in plan_shards(pq.read_table(paths.MANIFEST), frames=frames)]
    kill(state, *now)
    kill(state, now[0], "before.h5")
    kill(state, "another data set.h5")
    said = collect()
    assert len(told("gc, a killed decoding of other clips").findall(said)) == 2
    assert len(told("gc, a killed decoding").findall(said)) == 1
    assert shards(state) == {"shard.h5", "before.h5", "another data set.h5", *now}
    assert "2 × note of an abandoned decoding" in collect("--abandoned")
    assert shards(state) == {"shard.h5", *now}


def test_shards_of_a_decoding_that_runs_stay(killed, collect):
    """However long it has written nothing: shards can be large, and workers can be waited for."""
    with noted(["theirs.h5"], store=killed / "shards", recipe="another"):
        for note in (killed / "shards/unfinished").glob("*.json"):
            os.utime(note, (time.time() - 2 * DAY,) * 2)
        assert told("gc, a decoding that runs").search(collect("--abandoned"))
    assert shards(killed) == {"shard.h5", "ours.h5", "theirs.h5"}


def test_a_decoding_that_begins_while_shards_go_waits(state, collect, monkeypatch):
    """It would find its shard there, and then lose it."""
    found, take = [], Sweep.take

    def decode() -> None:
        with noted(["old.h5"], store=state / "shards", recipe="r"):
            found.append((state / "shards/old.h5").exists())

    decoding = Thread(target=decode)

    def late(sweep: Sweep, path: Path, *, kind: str) -> None:
        if path.name == "old.h5":
            decoding.start()
            decoding.join(0.3)
        take(sweep, path, kind=kind)

    monkeypatch.setattr(Sweep, "take", late)
    collect()
    decoding.join()
    assert found == [False]


def is_noted(state: Path) -> bool:
    return any((state / "shards/unfinished").glob("*.json"))


def test_a_decoding_that_ended_is_not_noted(state):
    with noted(["a.h5"], store=state / "shards", recipe="r"):
        assert is_noted(state)
    assert not is_noted(state)


def test_of_two_that_decode_the_same_the_last_one_removes_the_note(state):
    same = {"store": state / "shards", "recipe": "r"}
    with noted(["a.h5"], **same):
        with noted(["a.h5"], **same):
            pass
        assert is_noted(state)
    assert not is_noted(state)


def test_what_is_remembered_of_a_copys_clips_goes_after_a_month(state, collect):
    for name, days in (("copy", 31), ("used", 29)):
        write(state / f"inventory/{name}.parquet", seconds=days * DAY)
    assert "1 × inventory of a month ago: 2 MB" in collect()
    assert [path.stem for path in (state / "inventory").iterdir()] == ["used"]


def test_shards_that_another_clone_or_dvc_has_stay(state, collect, tmp_path):
    (tmp_path / "another").mkdir()
    os.link(state / "shards/old.h5", tmp_path / "another/old.h5")
    assert "kept: 1 shards that data/frames does not name are in DVC's cache, or in" in collect()
    assert shards(state) == {"shard.h5", "old.h5"}


def test_what_was_killed_leaves_nothing(state, collect):
    for name, seconds in ((".new.h5.tmp", 0), (".killed.h5.tmp", 7200)):
        write(state / "shards" / name, seconds=seconds)
    write(state / "shards/new.h5", seconds=1800)
    write(state / "experiments/copies/0/data/model/model.safetensors")
    (state / "experiments/copies/0/models").symlink_to(state)
    write(state / "experiments/points/.half/train.json")
    write(state / "experiments/points/whole/train.json")
    assert "3 × file of a grid's copies: 4 MB" in collect()
    left = {path.name for path in (state / "shards").iterdir()}
    assert left == {"shard.h5", "new.h5", ".new.h5.tmp", "unfinished"}
    assert {path.name for path in (state / "experiments").rglob("*")} == {
        "points",
        "whole",
        "train.json",
    }


def test_without_an_index_nothing_is_removed(state, collect):
    (paths.FRAMES / "index.parquet").unlink()
    with pytest.raises(InputError, match="is missing"):
        collect()
    assert shards(state) == {"shard.h5", "old.h5"}
    assert trainings(state) == {"finished"}


def test_while_a_grid_or_another_gc_runs_nothing_is_removed(state, collect):
    running = locked(state / "experiments", message="not reached")
    with running, pytest.raises(InputError, match=f"runs in process {os.getpid()}"):
        collect()
    assert shards(state) == {"shard.h5", "old.h5"}
    assert trainings(state) == {"finished"}
    assert not collect("--dry-run").startswith("gc: 0 MB")


def features_of(*names: str) -> Path:
    """Shards of features in the store; data/features names the first."""
    paths.FEATURES.mkdir(parents=True, exist_ok=True)
    table = pq.read_table(paths.FRAMES / INDEX)
    place = table.column_names.index("shard")
    named = pa.array([names[0]] * len(table))
    pq.write_table(table.set_column(place, "shard", named), paths.FEATURES / INDEX)
    store = paths.state_dir() / "features"
    for name in names:
        write(store / name)
    return store


def test_features_that_nothing_names_go_with_any_parameters(state, collect):
    store = features_of("named.h5", "old.h5")
    assert "2 × shard: 4 MB" in collect()
    assert {path.name for path in store.glob("*.h5")} == {"named.h5"}


def test_features_that_dvc_repro_would_look_for_stay(state, collect):
    document = read_yaml(params.PARAMS)
    document["backbone"]["frozen"] = True
    params.PARAMS.write_text(json.dumps(document))
    paths.WEIGHTS.write_text("{}")
    planned = garbage._features_store(state).planned
    assert len(planned) == 1
    store = features_of("named.h5", *planned, "old.h5")
    collect()
    assert {path.name for path in store.glob("*.h5")} == {"named.h5", *planned}


@pytest.mark.parametrize("options", [(), ("--abandoned",)])
def test_an_encoding_that_was_killed_stays_until_it_is_given_up(state, collect, options):
    """No tower is frozen any more."""
    store = features_of("named.h5", "killed.h5")
    with pytest.raises(RuntimeError), noted(["killed.h5"], store=store, recipe=""):
        raise RuntimeError
    said = collect(*options)
    if options:
        assert "1 × note of an abandoned encoding" in said
    else:
        assert "kept: the shards of an encoding that has not ended, of other clips or par" in said
    assert (store / "killed.h5").exists() == (not options)
