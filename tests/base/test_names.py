"""spm.base.names: what looks the same is the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm.base.names import as_on_disk, composed, look_alikes
from spm.dataset.benchmarks import normalised

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@given(st.text(max_size=9))
def test_every_form_of_a_name_is_composed_to_one(name):
    forms = {composed(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")}
    assert forms == {composed(name)}


def test_look_alikes_are_grouped():
    assert look_alikes([COMPOSED, "run", DECOMPOSED, "run"]) == [[DECOMPOSED, COMPOSED]]
    assert look_alikes([COMPOSED, COMPOSED, "cafe"]) == []


def test_a_benchmarks_class_is_known_in_either_form():
    assert normalised(DECOMPOSED) == normalised(COMPOSED) != normalised("cafe")


@pytest.mark.parametrize(("there", "asked"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_path_is_found_in_the_form_that_is_on_disk(tmp_path, there, asked):
    (tmp_path / there / there).mkdir(parents=True)
    assert as_on_disk(tmp_path / asked / asked) == tmp_path / there / there
    assert as_on_disk(tmp_path / there / "none") == tmp_path / there / "none"
    assert as_on_disk(tmp_path / "none" / asked) == tmp_path / "none" / asked


def test_of_both_forms_on_one_disk_the_one_that_is_asked_for_is_taken(tmp_path):
    for name in (COMPOSED, DECOMPOSED):
        (tmp_path / name).mkdir()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system composes names itself")
    assert as_on_disk(tmp_path / COMPOSED) == tmp_path / COMPOSED
    assert as_on_disk(tmp_path / DECOMPOSED) == tmp_path / DECOMPOSED
