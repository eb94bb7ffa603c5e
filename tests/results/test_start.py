"""What a table says of the weights before the training."""

import pytest

from spm.results.start import start_in_words
from tests import models


@pytest.mark.parametrize(
    ("backbone", "init_from", "said"),
    [
        ({"weights": None}, None, "random weights"),
        (
            {"name": "RN50-quickgelu", "weights": "openai"},
            None,
            "the weights openai of RN50-quickgelu",
        ),
        (
            {"name": "builtin-clip", "weights": "built-in"},
            None,
            "the weights built-in of builtin-clip, made of rendered frames with captions",
        ),
        ({"name": "RN50-quickgelu", "weights": "openai"}, "models/mine", "the model models/mine"),
    ],
)
def test_it_names_the_weights_that_were_loaded(backbone, init_from, said) -> None:
    spec = models.build().config
    spec = spec.model_copy(
        update={
            "backbone": spec.backbone.model_copy(update=backbone),
            "model": spec.model.model_copy(update={"init_from": init_from}),
        }
    )
    assert start_in_words(spec) == said
