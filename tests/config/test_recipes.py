"""docs/training.md: every recipe there is a section `train` that the project takes."""

import re

import pytest
from ruamel.yaml import YAML

from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.train import TrainConfig
from spm.training.learning_rate import lr_factor
from stages.shared import params
from tests.import_closure import ROOT

PAGE = (ROOT / "docs/training.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^\| (.+?) \| `(\{.+\})` \|$", PAGE, re.MULTILINE))


def _recipe(system: str) -> TrainConfig:
    given = YAML(typ="safe").load(RECIPES[system])
    values = read_yaml(params.PARAMS)["train"]
    assert given.keys() <= values.keys()
    return validate(TrainConfig, values | given, name="train")


@pytest.mark.parametrize("system", RECIPES)
def test_a_recipe_is_valid(system):
    assert _recipe(system).episodes >= 5000


@pytest.mark.parametrize(
    ("system", "rates"),
    [
        ("TEAM, ResNet-50", {0: 1e-3, 2999: 1e-3, 3000: 5e-4, 5000: 1e-4, 7000: 1e-5}),
        ("HyRSM on SSv2-Full", {0: 2e-5, 1500: 6e-5, 3000: 1e-4, 9000: 1e-5, 15000: 1e-6}),
        ("CLIP-FSAR on HMDB51", {700: 1e-5, 1399: 1e-5, 1400: 1e-6, 2100: 1e-7}),
        ("ARN's script", {49999: 1e-3, 50000: 5e-4}),
    ],
)
def test_a_recipe_has_the_published_rates(system, rates):
    config = _recipe(system)
    found = {episodes: config.lr * lr_factor(config, episodes=episodes) for episodes in rates}
    assert found == pytest.approx(rates)
