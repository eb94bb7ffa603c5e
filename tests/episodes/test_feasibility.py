"""spm.episodes.feasibility: what an episode takes against what there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm.base.errors import DataError
from spm.episodes.feasibility import check_feasible, shortfall


def test_exactly_enough_is_enough():
    check_feasible({"val": {"jump": 5, "run": 6}}, way=2, shot=1, query=4, split="val")


def test_too_few_classes_says_how_many_there_are():
    with pytest.raises(DataError, match=r"the val split has 2 classes.*takes 5 \(episode.way\)"):
        check_feasible({"val": {"jump": 9, "run": 9}}, way=5, shot=1, query=4, split="val")


def test_small_classes_are_named_with_their_numbers():
    counts = {"test": {"walk": 9, "run": 4, "jump": 0}}
    with pytest.raises(
        DataError, match=r"6 clips of a class.*test split.*: jump \(0\), run \(4\)\."
    ):
        check_feasible(counts, way=2, shot=2, query=4, split="test")


def test_other_splits_do_not_matter():
    check_feasible({"train": {}, "test": {"a": 2, "b": 2}}, way=2, shot=1, query=1, split="test")


def test_an_absent_split_has_no_classes():
    with pytest.raises(
        DataError, match=r"the test split has 0 classes.*: put classes into the split"
    ):
        check_feasible({}, way=2, shot=1, query=1, split="test")


@given(
    counts=st.dictionaries(st.text(max_size=3), st.integers(0, 6), max_size=6),
    way=st.integers(2, 5),
    shot=st.integers(1, 3),
    query=st.integers(1, 3),
)
def test_passes_exactly_where_every_draw_works(counts, way, shot, query):
    size = {"way": way, "shot": shot, "query": query, "split": "test"}
    works = len(counts) >= way and all(count >= shot + query for count in counts.values())
    if works:
        check_feasible({"test": counts}, **size)
        assert shortfall(counts, **size) is None
    else:
        with pytest.raises(DataError) as error:
            check_feasible({"test": counts}, **size)
        assert str(error.value).startswith(shortfall(counts, **size))
