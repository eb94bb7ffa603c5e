"""A method that breaks a promise is refused in a sentence; none of the shipped ones is."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import spm.methods
from spm.base.errors import ConfigError
from spm.config.model import method_names, read_values
from spm.methods.base import EpisodeFeatures, Losses, Method
from spm.methods.promises import Sizes, check_logits, check_losses
from spm.nn.prototypes import mean_over_class
from tests.machines import told
from tests.methods.drawn import CHANNELS, FRAMES, SIDE, TRAIN_CLASSES
from tests.methods.small import small

SIZES = Sizes(num_frames=FRAMES, frame=(CHANNELS,), text=CHANNELS)


class Good(Method):
    """Scaled dot products of mean frames, with everything that a check could disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(CHANNELS)
        self.drop = nn.Dropout(0.1)

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        query = self.drop(self.norm(episode.query.mean(dim=-2).mT).mT)
        support, labels = episode.support.mean(dim=-2), episode.support_labels
        classes = episode.num_classes
        return mean_over_class(query @ support.mT, labels, num_classes=classes)


def changed(change: Callable[[Tensor, EpisodeFeatures], Any]) -> Method:
    """Good with other logits."""

    class Bad(Good):
        def classify(self, episode: EpisodeFeatures) -> Any:
            return change(super().classify(episode), episode)

    return Bad()


def by_place(logits: Tensor, episode: EpisodeFeatures) -> Tensor:
    """Right in every episode whose queries stand in the order of their labels."""
    places = torch.arange(logits.shape[1]) // (logits.shape[1] // episode.num_classes)
    return torch.nn.functional.one_hot(places, episode.num_classes).expand_as(logits) + 0.0 * logits


def in_place(logits: Tensor, episode: EpisodeFeatures) -> Tensor:
    episode.query.mul_(2)
    return logits


class OtherPrepared(Good):
    """What it prepared of queries is not what it makes of them itself."""

    def prepare_query(self, features: Tensor) -> Tensor:
        return 2 * features

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        if episode.prepared is None:
            return super().classify(episode)
        flipped = episode.prepared.query.flip(-1)
        return super().classify(episode._replace(query=flipped))


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (changed(lambda logits, _: logits.mT), told("logits of another shape")),
        (changed(lambda logits, _: logits.mT), r"shape \[2, 3, 9\]: it must be .*here \[2, 9, 3\]"),
        (changed(lambda logits, _: logits[..., 1:]), r"shape \[2, 9, 2\]"),
        (changed(lambda logits, _: logits.long()), "logits of torch.int64: .*floats"),
        (changed(lambda logits, _: None), "classify returns None"),
        (changed(lambda logits, _: logits / 0), "not finite"),
        (changed(by_place), told("a method that reads the place of a query")),
        (changed(in_place), told("a method that changes its inputs")),
        (changed(in_place), r"x = x \+ y"),
        (
            changed(lambda logits, _: logits - logits.mean(dim=1, keepdim=True)),
            told("a transductive method that says it is none"),
        ),
        (OtherPrepared(), "EpisodeFeatures.prepared"),
    ],
)
def test_logits_that_break_a_promise(method: Method, said: str | re.Pattern[str]) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        check_logits(method, SIZES, name="mine")
    assert str(raised.value).startswith("the method mine: ")


def other_losses(change: Callable[[Losses], Any]) -> Method:
    """Good with other losses."""

    class Bad(Good):
        def losses(self, *args: Any, **given: Any) -> Any:
            return change(super().losses(*args, **given))

    return Bad()


def root_at_0(found: Losses) -> Losses:
    """The same values, and a gradient of 0 · ∞."""
    return found._replace(total=found.total + (found.total - found.total.detach()).sqrt())


class TwoTerms(Good):
    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_more")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (other_losses(lambda found: found._replace(total=found.total.mean())), r"shape \[\] as to"),
        (
            other_losses(lambda found: found._replace(total=found.total.detach())),
            "without a gradient",
        ),
        (
            other_losses(lambda found: found._replace(total=found.total / 0)),
            "total that is not",
        ),
        (other_losses(lambda found: found._replace(logits=found.logits.mT)), r"shape \[2, 3, 9\]"),
        (other_losses(lambda found: None), "losses returns None"),
        (other_losses(lambda found: tuple(found)), "losses returns tuple"),
        (other_losses(root_at_0), "gradient of losses' total is not finite"),
        (changed(in_place), "losses changes what it is given in place"),
        (TwoTerms(), "the class names its terms L_CE, L_more"),
    ],
)
def test_losses_that_nothing_can_be_trained_with(method: Method, said: str) -> None:
    with pytest.raises(ConfigError, match=f"the method mine: .*{said}"):
        check_losses(method, SIZES, name="mine")


def test_asking_changes_neither_the_method_nor_a_random_number() -> None:
    method = Good().train()
    state, kept = torch.get_rng_state(), {k: v.clone() for k, v in method.state_dict().items()}
    check_logits(method, SIZES, name="mine")
    check_losses(method, SIZES, name="mine")
    assert torch.equal(torch.get_rng_state(), state)
    assert method.training
    assert all(torch.equal(value, kept[key]) for key, value in method.state_dict().items())
    assert all(value.grad is None for value in method.parameters())


def test_a_method_that_says_it_is_transductive_may_be() -> None:
    method = changed(lambda logits, _: logits - logits.mean(dim=1, keepdim=True))
    method.transductive = True
    check_logits(method, SIZES, name="mine")


OTHERWISE: list[tuple[str, dict[str, Any]]] = [
    ("clip_spm", {"hsmr": False, "spm": False, "padm": False}),
    ("clip_spm", {"fusion": "concat"}),
    ("clip_fsar", {"supports": "mean"}),
    ("clip_fsar", {"test_text": "product"}),
    ("clip_m2df", {"prompts": "draw"}),
    ("protonet", {"variant": "cosine"}),
    ("bi_mhm", {"frame_reduction": "mean"}),
    ("dpn", {"similarity_axis": "tuples"}),
]


@pytest.mark.parametrize("shot", [1, 2])
@pytest.mark.parametrize(("name", "values"), [*((name, {}) for name in method_names()), *OTHERWISE])
def test_every_shipped_method_keeps_all_of_them(
    name: str, values: dict[str, Any], shot: int
) -> None:
    chosen = small(name) | values
    needs = read_values(name, **chosen).needs
    sizes = Sizes(
        num_frames=FRAMES,
        frame=(CHANNELS, SIDE, SIDE) if needs.features == "maps" else (CHANNELS,),
        text=CHANNELS,
        shot=shot,
        image_size=8 * SIDE if needs.pixels else 0,
    )
    built = {"channels": CHANNELS, "num_frames": FRAMES, "map_size": SIDE}
    method = spm.methods.build(name, **built, train_classes=TRAIN_CLASSES, **chosen)
    check_logits(method, sizes, name=name)
    check_losses(method, sizes, name=name, train_classes=TRAIN_CLASSES)
