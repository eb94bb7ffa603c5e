"""The layout of weights on a GPU: of images' convolutions with the channels last."""

import pytest
import torch

from spm.config.model import method_names
from spm.episodes.device import set_channels_last
from tests.training.test_recorded_method import _model


@pytest.mark.parametrize("name", method_names())
def test_every_method_can_be_given_channels_last(name):
    """MoLo and TA2N have weights of five dimensions, which torch would refuse."""
    model = _model(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    set_channels_last(model)
    after = model.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    images = [value for value in model.parameters() if value.dim() == 4]
    assert images
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in images)
