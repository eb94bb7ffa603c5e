"""What a method prepares of a clip, and that no query gets the text of its own class by it."""

import pytest
import torch
from torch import Tensor

from spm.base.errors import ConfigError
from spm.methods.base import Method, prepare

CLIPS, TEXTS = torch.zeros(3, 4, 5), torch.ones(3, 5)


class OneSided(Method):
    """Prepares the frames' means, and of a support its class's text too."""

    def prepare_query(self, features: Tensor) -> Tensor:
        return features.mean(dim=1)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        assert texts is not None
        return as_query + texts


class InTheQuery(OneSided):
    """Adds the text to what stands for the query too."""

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        return as_query.add_(texts)


class InTheClip(OneSided):
    """Adds the text to the clip's own features, of which `classify` makes the query."""

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        return features.add_(texts[:, None]).mean(dim=1)


def test_the_text_of_a_clip_is_in_the_support_alone() -> None:
    found = prepare(OneSided(), CLIPS.clone(), TEXTS)
    assert found is not None
    assert found.support.eq(1).all()
    assert found.query.eq(0).all()


def test_a_method_that_prepares_nothing_prepares_no_support() -> None:
    assert prepare(Method(), CLIPS, TEXTS) is None


@pytest.mark.parametrize("method", [InTheQuery(), InTheClip()])
def test_a_text_that_would_reach_the_query_is_refused(method: Method) -> None:
    said = rf"{type(method).__name__}.prepare_support changes its arguments in place.*x = x \+ y"
    with torch.no_grad(), pytest.raises(ConfigError, match=said):
        prepare(method, CLIPS.clone(), TEXTS)
