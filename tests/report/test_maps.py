"""Maps of clips: which clips, which features, and that the same seed is the same picture."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spm.frames.store import FrameStore
from spm.methods.base import EpisodeFeatures, QueryFeatures
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.report.clip_vectors import ClipVectors, clip_vectors
from spm.report.feature_map import feature_maps, map_figure
from tests import models
from tests.import_closure import ROOT
from tests.stores import make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    return make_store(tmp_path_factory.mktemp("frames"), classes={"test": 6})


def prompts(store: FrameStore) -> PromptFeatures:
    classes = sorted(store.classes("test"))
    features = np.random.default_rng(0).normal(size=(1, len(classes), 16)).astype(np.float32)
    return PromptFeatures(features, classes, [name.upper() for name in classes], trained=False)


def vectors(store: FrameStore, model: FewShotModel, **changes: Any) -> ClipVectors:
    options: dict[str, Any] = {"shot": 2, "seed": 0, "classes": store.classes("test")} | changes
    return clip_vectors(model, store, prompts=prompts(store), **options)


def asked(model: FewShotModel, monkeypatch: pytest.MonkeyPatch) -> list[EpisodeFeatures]:
    """Grows by each episode whose query features are asked for."""
    episodes: list[EpisodeFeatures] = []
    found = model.method.query_features

    def recorded(episode: EpisodeFeatures) -> QueryFeatures | None:
        episodes.append(episode)
        return found(episode)

    monkeypatch.setattr(model.method, "query_features", recorded)
    return episodes


def test_every_clip_of_the_map_is_a_query_and_no_support(
    store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.build().float()
    episodes = asked(model, monkeypatch)
    found = vectors(store, model)
    (episode,) = episodes
    assert episode.support_labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    clips = {tuple(clip.flatten()[:32].tolist()) for clip in (*episode.support, *episode.query)}
    assert len(clips) == len(episode.support) + len(episode.query) == 5 * 6
    assert np.bincount(found.labels).tolist() == [4] * 5
    assert len(set(found.texts)) == 5
    assert set(found.texts) < {name.upper() for name in store.classes("test")}


def test_a_clip_is_the_mean_of_its_frames_before_the_method_and_after_it(
    store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.build().float()
    episodes = asked(model, monkeypatch)
    found = vectors(store, model)
    np.testing.assert_allclose(found.tower, episodes[0].query.mean(dim=1).numpy(), rtol=1e-6)
    with torch.no_grad():
        modulated, _ = model.method.modulate(episodes[0])
    assert found.method is not None
    np.testing.assert_allclose(found.method, modulated.query.mean(dim=1).numpy(), rtol=1e-5)
    assert found.what.startswith("f^SPM")
    assert not np.allclose(found.method, found.tower)


@pytest.mark.parametrize("name", ["otam", "strm"])
def test_a_method_that_names_no_features_has_the_towers_alone(store: FrameStore, name: str) -> None:
    """STRM takes maps: their means over positions too."""
    from tests.methods.small import small

    found = vectors(store, models.build(method=name, **small(name)).float())
    assert found.method is None
    assert found.tower.ndim == 2


def test_of_many_clips_forty_are_mapped_and_the_seed_draws_classes(store: FrameStore) -> None:
    model = models.build(method="otam").float()
    every = np.concatenate(list(store.classes("test").values()))
    many = {name: np.resize(every, 60) for name in store.classes("test")}
    assert np.bincount(vectors(store, model, classes=many).labels).tolist() == [40] * 5
    drawn = {tuple(vectors(store, model, seed=seed).texts) for seed in range(4)}
    assert len(drawn) > 1


def clusters(*, apart: float) -> ClipVectors:
    """Three classes of ten clips; the method's features are as far apart as is said."""
    rng = np.random.default_rng(0)
    labels = np.arange(3).repeat(10)
    noise = rng.normal(size=(30, 8)).astype(np.float32)
    centres = np.eye(3, 8, dtype=np.float32)[labels]
    return ClipVectors(["a", "b", "c"], labels, noise, noise + apart * centres, "so")


@pytest.mark.slow  # UMAP compiles
def test_the_silhouette_is_of_the_features_and_not_of_the_picture() -> None:
    tower, after = feature_maps(clusters(apart=20), method="OTAM", seed=0)
    assert (tower.title, after.title) == ("features of the tower", "after OTAM")
    assert abs(tower.silhouette) < 0.2
    assert after.silhouette > 0.9
    assert tower.points.shape == after.points.shape == (30, 2)


@pytest.mark.slow  # UMAP compiles
def test_too_few_clips_make_no_map() -> None:
    """A clip of each class, or of one class alone; two of one and three of another are enough."""
    assert _made(0, 1, 2, 3, 4) == _made(0, 0, 0, 0, 0) == _made(0, 0, 0, 1, 2) == 0
    assert _made(0, 0, 1, 1, 1) == 2


def _made(*labels: int) -> int:
    """The number of maps of clips of these classes."""
    clips = np.random.default_rng(0).normal(size=(len(labels), 8)).astype(np.float32)
    texts = [str(label) for label in sorted({*labels})]
    shown = ClipVectors(texts, np.array(labels), clips, clips, "so")
    return len(feature_maps(shown, method="OTAM", seed=0))


@pytest.mark.slow  # UMAP compiles
def test_torch_has_as_many_threads_as_before() -> None:
    """The tests run with one; numba takes one for each core."""
    assert torch.get_num_threads() == 1
    feature_maps(clusters(apart=20), method="OTAM", seed=0)
    assert torch.get_num_threads() == 1


@pytest.mark.slow  # UMAP compiles
def test_the_figure_has_a_column_a_kind_and_a_colour_a_class() -> None:
    shown = replace(clusters(apart=20), texts=["_a", "b", "c"])
    maps = feature_maps(shown, method="OTAM", seed=0)
    figure = map_figure(maps, labels=shown.labels, texts=shown.texts)
    for axes, each in zip(figure.axes, maps, strict=True):
        assert axes.get_title() == f"{each.title}\nsilhouette {each.silhouette:.2f}"
        points = np.concatenate([found.get_offsets() for found in axes.collections])
        np.testing.assert_array_equal(points, each.points)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_a", "b", "c"]


SAVED = """
from pathlib import Path
from spm.report.feature_map import feature_maps, map_figure
from spm.report.figures import save
from tests.report.test_maps import clusters
shown = clusters(apart=2)
maps = feature_maps(shown, method="OTAM", seed=int({seed}))
save(map_figure(maps, labels=shown.labels, texts=shown.texts), Path({path!r}))
"""


@pytest.mark.slow
def test_the_same_seed_is_the_same_picture_in_another_process(tmp_path: Path) -> None:
    pictures = []
    for number, seed in enumerate((0, 0, 1)):
        path = tmp_path / f"{number}.png"
        code = SAVED.format(seed=seed, path=str(path))
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
