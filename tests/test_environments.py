"""docs/reliability.md on environments: each sentence is one that a test has seen printed."""

import ast
import re

import pytest

from tests.import_closure import ROOT
from tests.machines import rows


def test_no_case_is_told_twice():
    cases = [case for case, *_ in rows()]
    assert len(cases) == len(set(cases))


@pytest.mark.parametrize(("case", "said", "test"), rows(), ids=[row[0] for row in rows()])
def test_each_case_has_a_test_that_looks_for_its_sentence(case, said, test):
    file, name = test.strip("`").split("::")
    code = _code((ROOT / "tests" / file).read_text(encoding="utf-8"), name=name)
    assert said.startswith("nothing: ") or _looks_for(case, code)


def _code(text: str, *, name: str) -> str:
    """A test's, with what it is parametrized by."""
    (found,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    first = min(node.lineno for node in (found, *found.decorator_list))
    return "\n".join(text.splitlines()[first - 1 : found.end_lineno])


def _looks_for(case: str, code: str) -> bool:
    named = re.findall(r'told\(f?"(.*?)"\)', code)
    return any(re.fullmatch(re.sub(r"\{\w+\}", ".*", name), case) for name in named)
