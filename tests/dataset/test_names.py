"""spm.dataset.names: what looks the same is the same."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from spm.dataset.benchmarks import normalised
from spm.dataset.names import composed, look_alikes

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
