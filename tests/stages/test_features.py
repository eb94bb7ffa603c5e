"""Stage features, and the stages that read what it stored instead of frames."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.encoding import encode
from spm.base.errors import ConfigError, DataError, StorageError
from spm.base.yaml_file import read_yaml
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import StoredViews, TrainingEpisodes, load_episodes, read_clips
from spm.features.store import FeatureStore
from spm.frames.store import FrameStore
from spm.model.backbone import Backbone, build_backbone
from spm.model.model import load_model, save_model
from spm.model.spec import load_spec
from stages import evaluate, features, report, train
from stages.shared import params, paths, preflight
from tests import models
from tests.stages import test_train
from tests.stages.test_train import change

workspace = test_train.workspace
VIEWS = 2


@pytest.fixture
def frozen(workspace: None) -> None:
    change("backbone", frozen=True)
    change("features", views=VIEWS)


def stored() -> FeatureStore:
    return FeatureStore(paths.FEATURES)


def encode_here(clips: np.ndarray) -> torch.Tensor:
    backbone = build_backbone(load_backbone()).eval()
    frames = FrameStore(paths.FRAMES)
    with torch.no_grad():
        return backbone(read_clips(frames, clips, size=backbone.image_size))


def load_backbone():
    (config,) = params.load(backbone=features.BackboneConfig)
    return config


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a frame was encoded")


_ENCODE = Backbone.encode_frozen


def of_black_alone(backbone: Backbone, pixels: torch.Tensor, **maps: bool) -> torch.Tensor:
    """The shape of its output is measured on a black frame."""
    if pixels.any():
        refuse()
    return _ENCODE(backbone, pixels, **maps)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("backbone", {"frozen": False}, "no tower is frozen"),
        ("backbone", {"frozen": True}, "features.stored is false"),
    ],
)
def test_without_features_the_folder_is_empty_and_training_reads_frames(
    section: str, values: dict, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(section, **values)
    change("features", stored=False)
    features.main()
    assert said in capsys.readouterr().out
    assert list(paths.FEATURES.iterdir()) == []
    train.main()
    assert load_spec(paths.MODEL).backbone.frozen == values["frozen"]


@pytest.mark.usefixtures("frozen")
def test_view_0_is_what_a_test_sees_and_training_clips_have_random_ones() -> None:
    features.main()
    store = stored()
    clips = np.arange(len(store.clips))
    torch.testing.assert_close(store.read_clips(clips), encode_here(clips))
    splits = store.clips["split"].to_pylist()
    assert [store.views(clip) for clip in clips] == [VIEWS * (s == "train") for s in splits]
    one = splits.index("train")
    seen = [store.read(one, view=view) for view in range(1 + VIEWS)]
    assert not any(np.array_equal(seen[i], seen[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert store.classes("test").keys() == FrameStore(paths.FRAMES).classes("test").keys()


@pytest.mark.usefixtures("frozen")
def test_a_second_time_nothing_is_encoded_and_another_tower_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    features.main()
    first = {path.name for path in paths.FEATURES.glob("*.h5")}
    with monkeypatch.context() as nothing:
        nothing.setattr(features, "_tower", refuse)
        features.main()
        change("train", lr=0.5, seed=7)
        features.main()
        change("train", flip=True)
        with pytest.raises(AssertionError):
            features.main()
    change("train", flip=False)
    change("backbone", seed=5)
    features.main()
    assert "; 1 shards encoded" in capsys.readouterr().out
    assert first.isdisjoint(path.name for path in paths.FEATURES.glob("*.h5"))


@pytest.mark.usefixtures("frozen")
def test_random_views_do_not_depend_on_other_clips_or_on_how_many_views_there_are() -> None:
    features.main()
    store = stored()
    clip = store.clips["split"].to_pylist().index("train")
    before = [store.read(clip, view=view) for view in (0, 1, 2)]
    change("features", views=3)
    features.main()
    np.testing.assert_array_equal([stored().read(clip, view=view) for view in (0, 1, 2)], before)
    change("features", seed=1)
    features.main()
    assert np.array_equal(stored().read(clip), before[0])
    assert not np.array_equal(stored().read(clip, view=1), before[1])


@pytest.mark.usefixtures("frozen")
def test_train_evaluate_and_report_encode_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """But the report's heat of the clips that it shows: a gradient through the tower."""
    features.main()
    with monkeypatch.context() as patched:
        patched.setattr(Backbone, "_images", refuse)
        train.main()
        evaluate.main()
    with monkeypatch.context() as patched:
        patched.setattr(Backbone, "encode_frozen", refuse)
        patched.setattr(report, "has_umap", lambda: False)  # it compiles for 10 s
        report.main()
    assert (paths.REPORT / "heat_1.png").is_file()
    stored_result = json.loads(paths.EVALUATION.read_text())
    initial = build_backbone(load_backbone())
    for name, value in load_model(paths.MODEL).backbone.state_dict().items():
        assert torch.equal(value, initial.state_dict()[name]), name

    change("features", stored=False)
    features.main()
    evaluate.main()
    anew = json.loads(paths.EVALUATION.read_text())
    assert [anew[key] for key in ("accuracy", "hashes")] == [
        stored_result[key] for key in ("accuracy", "hashes")
    ]


@pytest.mark.usefixtures("frozen")
def test_training_draws_among_the_random_views_and_without_any_takes_a_tests() -> None:
    features.main()
    clip = int(stored().classes("train")["train_class0"][0])
    views = StoredViews(stored())
    drawn = set()
    for seed in range(40):
        out = np.empty(views.shape, views.dtype)
        views.draw(clip, rng=np.random.default_rng(seed), out=out)
        drawn |= {view for view in (0, 1, 2) if np.array_equal(out, stored().read(clip, view=view))}
    assert drawn == {1, 2}
    change("features", views=0)
    features.main()
    views = StoredViews(stored())
    out = np.empty(views.shape, views.dtype)
    views.draw(clip, rng=np.random.default_rng(0), out=out)
    np.testing.assert_array_equal(out, stored().read(clip))


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("workers", [0, 1])
def test_an_episode_of_features_is_a_function_of_its_number(workers: int) -> None:
    features.main()
    store = stored()
    sampler = EpisodeSampler(store.classes("train"), way=2, shot=1, query=2, seed=0, split="train")
    episodes = TrainingEpisodes(StoredViews(store), sampler, seed=3)
    read = list(load_episodes(episodes, [4, 1, 4], workers=workers))
    assert read[0].clips.dtype == torch.float32
    assert torch.equal(read[0].clips, read[2].clips)
    assert torch.equal(read[1].clips, episodes[1].clips)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(("storage", "size"), [("float32", 4), ("float16", 2)])
def test_maps_and_number_formats(storage: str, size: int) -> None:
    change("features", kind="maps", storage=storage, views=0)
    features.main()
    backbone = build_backbone(load_backbone()).eval()
    frames = read_clips(FrameStore(paths.FRAMES), np.array([3]), size=backbone.image_size)
    with torch.no_grad():
        expected = backbone.maps(frames)[0].numpy()
    found = stored().read(3)
    assert found.itemsize == size
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.usefixtures("frozen")
def test_a_killed_encoding_goes_on_with_the_shards_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two_shards(paths.FRAMES)
    write, done = encode.write_feature_shard, []

    def dying(path: Path, *args: object, **options: object) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(path.name)
        write(path, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(encode, "write_feature_shard", dying)
        with pytest.raises(KeyboardInterrupt):
            features.main()
    store = paths.state_dir() / "features"
    assert [path.name for path in store.glob("*.h5")] == done
    features.main()
    assert "; 1 shards encoded, the others were in the store" in capsys.readouterr().out
    clips = np.arange(len(stored().clips))
    torch.testing.assert_close(stored().read_clips(clips), encode_here(clips))


def two_shards(folder: Path) -> None:
    """Names the frames' shard by two names, half of the clips each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "index.parquet")
    os.link(folder / "shard.h5", folder / "other.h5")
    names = ["shard.h5" if n % 3 else "other.h5" for n in range(len(table))]
    place = table.column_names.index("shard")
    pq.write_table(table.set_column(place, "shard", pa.array(names)), folder / "index.parquet")


@pytest.mark.usefixtures("frozen")
def test_a_damaged_shard_is_encoded_again(capsys: pytest.CaptureFixture[str]) -> None:
    features.main()
    (shard,) = (paths.state_dir() / "features").glob("*.h5")
    content = bytearray(shard.read_bytes())
    content[-1 - len(content) // 2] ^= 255
    shard.chmod(0o644)
    shard.write_bytes(content)
    features.main()
    said = capsys.readouterr()
    assert "is damaged: making it again" in said.err
    assert said.out.count("; 1 shards encoded") == 2
    clips = np.arange(len(stored().clips))
    torch.testing.assert_close(stored().read_clips(clips), encode_here(clips))


@pytest.mark.usefixtures("frozen")
def test_a_tower_that_a_model_folder_holds_is_the_one_that_encodes(tmp_path: Path) -> None:
    other = models.build(backbone={"seed": 9}).float()
    save_model(other, tmp_path / "models/start")
    change("model", init_from="models/start")
    features.main()
    frames = read_clips(FrameStore(paths.FRAMES), np.array([2]), size=other.image_size)
    with torch.no_grad():
        expected = other.encode_video(frames)
    torch.testing.assert_close(stored().read_clips(np.array([2])), expected)
    train.main()


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_of_a_tower_that_is_frozen_in_part_what_its_first_blocks_give_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change("backbone", train_last=1)
    change("features", views=1)
    features.main()
    backbone = build_backbone(load_backbone()).eval()
    assert stored().shape == (4, *backbone.frozen_shape())
    clips = np.array([0, 7])
    frames = read_clips(FrameStore(paths.FRAMES), clips, size=backbone.image_size)
    torch.testing.assert_close(stored().read_clips(clips), backbone.encode_frozen(frames))
    with monkeypatch.context() as patched:
        patched.setattr(Backbone, "encode_frozen", of_black_alone)
        train.main()
        evaluate.main()
        report.main()
    trained = load_model(paths.MODEL).backbone
    changed = {
        name
        for name, value in trained.state_dict().items()
        if not torch.equal(value, backbone.state_dict()[name])
    }
    assert changed
    assert not any(trained.is_frozen(name) for name in changed)


@pytest.mark.usefixtures("frozen")
def test_a_disk_without_room_is_told_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "free_bytes", lambda folder: 1000)
    monkeypatch.setattr(encode, "write_feature_shard", refuse)
    with pytest.raises(StorageError, match=r"of 96 views take .* has 0\.0 GB: .*features\.views"):
        features.main()


@pytest.mark.usefixtures("frozen")
def test_features_of_another_kind_than_the_methods_are_refused() -> None:
    change("features", kind="maps")
    (frames, backbone, kept, model) = params.load(
        frames=preflight.FramesConfig,
        backbone=preflight.BackboneConfig,
        features=preflight.FeaturesConfig,
        model=preflight.ModelConfig,
    )
    with pytest.raises(ConfigError, match=r"takes vectors, .* set features\.kind to vectors"):
        preflight.check_fit(frames, backbone, kept, model)


def test_features_that_were_not_made_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"index\.parquet is missing: .* dvc repro features"):
        FeatureStore(tmp_path / "features")


@pytest.mark.usefixtures("workspace")
def test_a_params_file_of_before_gets_the_section_as_a_line() -> None:
    document = read_yaml(params.PARAMS)
    line = "features: {stored: true, kind: vectors, views: 4, storage: float32, seed: 0}"
    del document["features"]
    params.PARAMS.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=re.escape(f"features is missing: add `{line}`")):
        params.load()
