"""docs/reliability.md on environments: each sentence is one that a test has seen printed."""

import re

import pytest

from tests.import_closure import ROOT
from tests.machines import rows


@pytest.mark.parametrize(("case", "said", "test"), rows(), ids=[row[0] for row in rows()])
def test_each_case_has_a_test_that_looks_for_its_sentence(case, said, test):
    file, name = test.strip("`").split("::")
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    (body,) = re.findall(rf"^def {name}\(.*?(?=^\S(?<!\))|\Z)", text, re.MULTILINE | re.DOTALL)
    assert said.startswith("nothing: ") or _looks_for(case, body)


def _looks_for(case: str, body: str) -> bool:
    named = re.findall(r'told\(f?"(.*?)"\)', body)
    return any(re.fullmatch(re.sub(r"\{\w+\}", ".*", name), case) for name in named)
