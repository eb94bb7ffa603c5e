"""python -m bench.readers: its verdicts are true, its tables have all columns."""

import os
import time

import pytest

from bench import noticed_damage, reader_speed, readers, right_frames
from bench.catalogue import CATALOGUE
from bench.moving import Moving

FEW = [s for s in CATALOGUE if s.name in ("h264.mp4", "hevc-open.mp4", "mpeg4-over-declared.avi")]


@pytest.mark.slow
def test_outcomes(tmp_path, monkeypatch):
    monkeypatch.setattr(right_frames, "CATALOGUE", FEW)
    rows = {row["file"]: row for row in right_frames.outcomes(tmp_path)}
    assert [rows[s.name]["`auto`"] for s in FEW] == ["right", "right", "refused"]
    assert [rows[s.name]["`decord`"] for s in FEW] == ["right", "refused", "refused"]
    bare = [rows[s.name]["decord, bare"] for s in FEW]
    assert bare[0::2] == ["right", "not noticed"]
    assert bare[1].startswith("wrong: ")
    assert len(readers.table(list(rows.values())).splitlines()) == 2 + len(FEW)


@pytest.mark.parametrize(
    ("misbehave", "outcome"),
    [(lambda: time.sleep(60), "hangs"), (lambda: os._exit(1), "crashes"), (lambda: "x", "x")],
)
def test_readers_that_do_not_return(monkeypatch, misbehave, outcome):
    monkeypatch.setattr(right_frames, "_SECONDS", 1)
    assert right_frames.isolated(misbehave) == outcome


def test_speeds_compare_with_the_fastest_that_is_right(tmp_path, monkeypatch):
    clips = [Moving("a.mp4", (128, 96), 40, 12), Moving("b.avi", (128, 96), 40, 12, "mpeg4")]
    monkeypatch.setattr(reader_speed, "CLIPS", clips)
    monkeypatch.setattr(reader_speed, "SEGMENTS", (4,))
    mp4, avi = reader_speed.speeds(tmp_path, rounds=1)
    assert "decord" in mp4
    assert "decord" not in avi  # wrong there
    for row in (mp4, avi):
        assert row["ratio"] == row[row["fastest"]] / row["auto"] > 0
        assert row["open"] < row["auto"]
    words = readers._in_words(avi)
    assert words["decord"] == "wrong"
    assert set(words) >= {"`auto`", "PyAV seeking", "`auto` / fastest", "resizing", "opening"}


@pytest.mark.slow
def test_damage_is_counted_for_each_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(noticed_damage, "CLIPS", noticed_damage.CLIPS[1:2])
    rows = {row["reader"]: row for row in noticed_damage.damage_table(tmp_path, variants=8)}
    for row in rows.values():
        assert sum(row[outcome] for outcome in noticed_damage.OUTCOMES) == 8
    assert rows["`pyav`"]["noticed"] > rows["PyAV in sequence, bare"]["noticed"]
