"""YAML that a person wrote: what is wrong with it, in a sentence."""

import pytest

from spm.base.errors import ConfigError
from spm.base.yaml_file import parse_yaml


def test_a_key_that_stands_twice_is_named_without_advice_to_suppress_the_check():
    with pytest.raises(ConfigError) as error:
        parse_yaml("a: 1\nb: 2\na: 3\n", name="params.yaml")
    said = str(error.value)
    assert said.startswith('params.yaml: line 3: found duplicate key "a" with value "3"')
    assert "suppress" not in said
    assert said.endswith("remove one of the two")


@pytest.mark.parametrize("opened", ["[", "{a: "])
def test_what_is_nested_too_deeply_is_a_sentence(opened):
    with pytest.raises(ConfigError, match=r"^params\.yaml is nested too deeply to be read"):
        parse_yaml("a: " + 5000 * opened, name="params.yaml")
