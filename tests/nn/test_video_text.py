"""L_text, and the weight of it where the authors weigh sums."""

import torch
from torch.nn import functional as F

from spm.nn.cosine import cosine
from spm.nn.video_text import text_loss, weight_of_sum

RNG = torch.Generator().manual_seed(0)
CLIPS = torch.randn(2, 4, 3, 8, generator=RNG, dtype=torch.float64)
TEXTS = torch.randn(6, 8, generator=RNG, dtype=torch.float64)
LABELS = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 1]])
CLASSES = torch.tensor([[5, 2], [0, 3]])
SCALE = torch.tensor([1.7], dtype=torch.float64)


def loss(**changed: torch.Tensor | None) -> torch.Tensor:
    training = {"classes": CLASSES, "all_text": TEXTS} | changed
    return text_loss(CLIPS, LABELS, **training, scale=SCALE, like=torch.ones(2))


def test_a_clip_s_mean_frame_is_classified_among_the_training_classes() -> None:
    meant = torch.tensor([[5, 2, 2, 5], [3, 0, 0, 3]])
    expected = [
        F.cross_entropy(1.7 * cosine(clips.mean(dim=1), TEXTS), right)
        for clips, right in zip(CLIPS, meant, strict=True)
    ]
    torch.testing.assert_close(loss(), torch.stack(expected))


def test_without_the_training_classes_it_is_0() -> None:
    assert loss(classes=None).tolist() == [0, 0]
    assert loss(all_text=None).tolist() == [0, 0]


def test_the_weight_makes_a_mean_over_clips_the_sum_over_them_a_query() -> None:
    support_labels, query_labels = torch.zeros(2, 5), torch.zeros(2, 10)
    weight = weight_of_sum(0.3, support_labels=support_labels, query_labels=query_labels)
    assert weight == 0.3 * 15 / 10
