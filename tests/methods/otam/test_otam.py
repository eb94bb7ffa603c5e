"""OTAM: what it sees. Its equations are those of reference.py, in test_reference.py."""

import torch

import spm.methods
from spm.methods.base import EpisodeFeatures
from tests import models


def test_it_sees_the_order_of_frames_and_learns_nothing() -> None:
    given = models.features(shots=[1, 1])
    drawn = EpisodeFeatures(given.support, given.support_labels, given.query, None, num_classes=2)
    head = spm.methods.build("otam", channels=16, num_frames=4)
    turned = drawn._replace(query=drawn.query.flip(-2))
    assert not torch.allclose(head.classify(turned), head.classify(drawn), atol=1e-3)
    assert list(head.parameters()) == []
