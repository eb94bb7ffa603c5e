"""The texts of an episode's classes and clips."""

import pytest
import torch

from spm.nn.class_text import required, texts_of


def test_an_episode_without_texts_is_an_error_that_names_the_method() -> None:
    texts = torch.ones(2, 3)
    assert required(texts, by="CLIP-FSAR") is texts
    with pytest.raises(ValueError, match=r"^CLIP-FSAR takes class texts, .*\[\.\.\., N, C\]"):
        required(None, by="CLIP-FSAR")


def test_a_clip_has_the_text_of_its_class() -> None:
    texts = torch.randn(2, 3, 4)
    labels = torch.tensor([[2, 0], [1, 1]])
    found = texts_of(texts, labels)
    assert found.shape == (2, 2, 1, 4)
    assert torch.equal(found[0, :, 0], texts[0, [2, 0]])
    assert torch.equal(found[1, :, 0], texts[1, [1, 1]])
    assert torch.equal(texts_of(texts[0], labels)[1, :, 0], texts[0, [1, 1]])  # of all episodes
