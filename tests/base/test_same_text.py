"""spm.base.same_text: one action under two names, in two splits or in one."""

import pytest

from spm.base.errors import DataError
from spm.base.same_text import check_texts, same_texts, warnings
from spm.config.dataset import BENCHMARKS
from spm.dataset.benchmarks import load_benchmark
from spm.dataset.class_text import class_text, class_texts


@pytest.mark.parametrize(
    "names",
    [
        ("Walk", "walk"),
        ("Open Door", "OpenDoor", "open_door"),
        ("Moving [something]", "moving something"),
        ("café", "Cafe\u0301"),
        ("it doesn’t fall", "it doesn't fall"),
        ("ｗａｖｅ", "wave"),
        ("tai  chi", "tai chi "),
        ("a & b", "a &amp; b", "a &amp;amp; b"),
        ("cafe&#769;", "caf&eacute;", "café"),
    ],
)
def test_names_that_become_one_text(names):
    texts = {name: class_text(name) for name in names}
    assert same_texts(texts | {"other": "other"}) == [sorted(names)]


@pytest.mark.parametrize("names", [("open-door", "open door"), ("walk", "walks"), ("cafe", "café")])
def test_names_that_stay_apart(names):
    assert same_texts({name: class_text(name) for name in names}) == []


def test_across_splits_it_is_an_error_with_the_remedy():
    texts = {"Walk": "walk", "walk": "walk", "run": "run"}
    with pytest.raises(DataError) as error:
        check_texts(texts, splits={"Walk": "train", "walk": "test", "run": "test"})
    assert "classes 'Walk' (train), 'walk' (test) have the same text, 'walk'" in str(error.value)
    assert "dataset.class_texts" in str(error.value)


def test_within_a_split_it_is_a_warning():
    texts = {"Walk": "walk", "walk": "walk", "run": "run"}
    splits = {"Walk": "test", "walk": "test", "run": "train"}
    check_texts(texts, splits=splits)
    (warning,) = warnings(texts, splits=splits)
    assert "'Walk' (test), 'walk' (test) have the same text, 'walk'. If it is one" in warning


def test_a_class_in_no_split_does_not_matter():
    texts = {"Walk": "walk", "walk": "walk"}
    check_texts(texts, splits={"walk": "test"})
    assert warnings(texts, splits={"walk": "test"}) == []


@pytest.mark.parametrize("name", BENCHMARKS)
@pytest.mark.parametrize("released", [False, True])
def test_no_benchmark_has_such_classes(name, released):
    benchmark = load_benchmark(name)
    overrides = benchmark.released_texts() if released else {}
    texts = class_texts(benchmark.splits(), overrides=overrides)
    check_texts(texts, splits=benchmark.splits())
    assert warnings(texts, splits=benchmark.splits()) == []
