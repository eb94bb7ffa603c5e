"""spm.base.on_disk: a path is found whatever form of Unicode its names have."""

import pytest

from spm.base.on_disk import as_on_disk

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


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
