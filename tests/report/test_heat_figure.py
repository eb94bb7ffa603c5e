"""The picture of heat: frames, heat and both, under a scale that says what it means."""

from pathlib import Path

import numpy as np

from spm.report.figures import save
from spm.report.heat_figure import heat_figure, overlay

FRAMES = np.random.default_rng(0).integers(0, 255, size=(3, 8, 8, 3), dtype=np.uint8)
HEAT = np.zeros((3, 8, 8), dtype=np.float32)
HEAT[1, 2, 5] = 1


def test_three_rows_in_time_and_a_scale() -> None:
    figure = heat_figure(FRAMES, HEAT, title="why")
    frames, heat, both, scale = figure.axes
    assert [axes.get_ylabel() for axes in (frames, heat, both)] == ["frame", "heat", "both"]
    assert scale.get_ylabel() == "share of the hottest place"
    assert scale.get_ylim() == (0, 1)
    assert figure.get_suptitle() == "why"
    np.testing.assert_array_equal(frames.images[0].get_array(), np.concatenate(FRAMES, axis=1))
    shown = np.asarray(heat.images[0].get_array()).sum(axis=-1)
    assert np.unravel_index(shown.argmax(), shown.shape) == (2, 8 + 5)


def test_cold_places_are_grey_and_the_hottest_is_not() -> None:
    both = overlay(FRAMES, HEAT).astype(int)
    spread = both.max(axis=-1) - both.min(axis=-1)
    assert spread[1, 2, 5] > 50
    spread[1, 2, 5] = 0
    assert not spread.any()


def test_the_same_heat_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(heat_figure(FRAMES, HEAT), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
