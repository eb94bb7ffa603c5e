"""CLIP-M2DF: its prompts, its views, its distillation, and that no label reaches a logit."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import spm.methods
from spm.base.errors import ConfigError
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures, prepare
from spm.methods.clip_m2df.distillation import Compared, distillation
from spm.methods.clip_m2df.method import ClipM2DF
from spm.methods.clip_m2df.prompts import draw, nearest_frames, similarity
from spm.methods.clip_m2df.views import GlobalContext
from spm.nn.otam import sequence_distance
from tests import models
from tests.methods.small import small

CHANNELS, FRAMES, TRAIN_CLASSES = 16, 4, 7


def build(**values: Any) -> ClipM2DF:
    head = spm.methods.build(
        "clip_m2df", channels=CHANNELS, num_frames=FRAMES, **small("clip_m2df") | values
    )
    return head.double().eval()


def episode(*, shots: list[int], query: int = 2) -> tuple[EpisodeFeatures, Tensor]:
    drawn = models.features(shots=shots, query=query)
    features = EpisodeFeatures(
        drawn.support, drawn.support_labels, drawn.query, drawn.class_text, len(shots)
    )
    return features, drawn.query_labels


def cos(x: Tensor, y: Tensor) -> Tensor:
    return x @ y / (x.norm() * y.norm() + 0.01)


def test_logits_are_the_equations_clip_by_clip() -> None:
    head, (drawn, _) = build(), episode(shots=[1, 2])
    given = torch.tensor([0, 1, 1, 0])
    head.given_classes = given
    expected = torch.zeros(len(drawn.query), 2, dtype=torch.float64)
    for view in (head.local_view, head.global_view):

        def fused(f: Tensor, text: Tensor, view: torch.nn.Module = view) -> Tensor:
            """As the release: the text before the context too, and dropped afterwards."""
            context = view.context(f[None])[0]
            tokens = torch.cat([text[None], context]), torch.cat([text[None], f])
            return view.transformer(*tokens)[1:]

        for n, text in enumerate(drawn.class_text):
            of_class = drawn.support[drawn.support_labels == n]
            prototype = torch.stack([fused(f, text) for f in of_class]).mean(dim=0)
            for q, f in enumerate(drawn.query):
                query = fused(f, drawn.class_text[given[q]])
                expected[q, n] -= sequence_distance(query[None], prototype[None], lam=0.5)[0, 0]
    torch.testing.assert_close(head.classify(drawn), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("prompts", ["argmax", "draw"])
def test_no_label_of_a_query_reaches_a_logit(prompts: str) -> None:
    head, (drawn, labels) = build(prompts=prompts, temperature=1.0), episode(shots=[1, 1, 1])
    logits = head.classify(drawn)
    for order in (labels, labels.flip(0), torch.zeros_like(labels)):
        assert torch.equal(head.losses(drawn, order).logits, logits)


# Prompts


def test_similarity_is_that_of_the_nearest_frames() -> None:
    drawn, _ = episode(shots=[1, 1, 1])
    found = similarity(drawn.query, drawn.class_text, count=3)
    for q, n in product(range(6), range(3)):
        by_frame = sorted(float(cos(frame, drawn.class_text[n])) for frame in drawn.query[q])
        assert found[q, n].item() == pytest.approx(sum(by_frame[1:]) / 3, abs=1e-12)


def test_the_nearest_frames_are_those_of_each_clips_text() -> None:
    frames = torch.eye(4, dtype=torch.float64)[None].repeat(2, 1, 1)
    text = torch.tensor([[[0.1, 0.4, 0.2, 0.3]], [[0.4, 0.1, 0.3, -0.9]]]).double()
    chosen = nearest_frames(frames, text, count=2)
    assert chosen.argmax(dim=-1).tolist() == [[1, 3], [0, 2]]


def draws(head: ClipM2DF, drawn: EpisodeFeatures) -> Tensor:
    return head.query_classes(drawn.query, drawn.class_text)


def test_a_draw_is_a_function_of_the_query_and_the_seed() -> None:
    """Not of the other queries, the order of the classes, the random state or the batch."""
    head, (drawn, _) = build(prompts="draw", temperature=1.0), episode(shots=[1] * 5, query=6)
    found = draws(head, drawn)
    assert len(found.unique()) == 5
    assert not torch.equal(draws(build(prompts="draw", temperature=1.0, seed=1), drawn), found)

    torch.manual_seed(8)
    assert torch.equal(draws(head, drawn), found)
    order = torch.tensor([29, *range(29)])
    assert torch.equal(draws(head, drawn._replace(query=drawn.query[order])), found[order])
    for number in range(30):
        alone = drawn._replace(query=drawn.query[number : number + 1])
        assert torch.equal(draws(head, alone), found[number : number + 1])
    classes = torch.tensor([3, 1, 4, 0, 2])
    renamed = drawn._replace(class_text=drawn.class_text[classes])
    assert torch.equal(classes[draws(head, renamed)], found)
    twice = (torch.stack([drawn.query, drawn.query.flip(0)]), drawn.class_text.expand(2, -1, -1))
    assert torch.equal(head.query_classes(*twice), torch.stack([found, found.flip(0)]))
    alone, together = drawn._replace(query=drawn.query[3:4]), head.classify(drawn)
    torch.testing.assert_close(head.classify(alone)[0], together[3], rtol=0, atol=1e-12)


def test_draws_follow_the_probabilities() -> None:
    rng = torch.Generator().manual_seed(0)
    query = torch.randn(4000, 1, 3, generator=rng)
    probabilities = torch.tensor([0.1, 0.6, 0.0, 0.3]).double()
    found = draw(probabilities.expand(4000, -1), query, seed=0)
    shares = F.one_hot(found, 4).double().mean(dim=0)
    torch.testing.assert_close(shares, probabilities, rtol=0, atol=0.03)
    assert shares[2] == 0
    assert torch.equal(draw(probabilities.expand(4000, -1), query.double(), seed=0), found)
    assert (draw(torch.zeros(4000, 2), query, seed=0) < 2).all()


def test_a_high_temperature_draws_the_most_similar_class() -> None:
    drawn, _ = episode(shots=[1] * 5, query=6)
    likeliest = draws(build(), drawn)
    expected = similarity(drawn.query, drawn.class_text, count=4).argmax(dim=-1)
    assert torch.equal(likeliest, expected)
    assert torch.equal(draws(build(prompts="draw", temperature=1e9), drawn), likeliest)


def test_classes_that_are_handed_in_prompt_the_queries() -> None:
    head, (drawn, _) = build(prompts="draw", temperature=1.0), episode(shots=[1] * 5)
    expected, other = head.classify(drawn), build()
    assert not torch.allclose(other.classify(drawn), expected)
    other.given_classes = draws(head, drawn)
    torch.testing.assert_close(other.classify(drawn), expected)


def test_predictions_depend_on_the_seed_so_that_a_model_is_refused_with_another() -> None:
    values = read_values("clip_m2df")
    assert "seed" not in values.without_effect
    assert "compare_text" in values.without_effect
    assert read_values("clip_m2df", prompts="draw").full_title == "CLIP-M2DF (drawn prompts)"


# Contexts


def test_the_global_context_is_the_last_step_of_causal_convolutions() -> None:
    context = GlobalContext(3, dropout=0.5).double().eval()
    state = context.state_dict()
    for name, value in state.items():
        if "original0" in name:  # g is not ‖v‖ after training
            value.mul_(torch.arange(1, 4).reshape(-1, 1, 1))
    f = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def conv(x: Tensor, layer: str, dilation: int) -> Tensor:
        g, v = (state[f"{layer}.parametrizations.weight.original{part}"] for part in (0, 1))
        weight = torch.stack([g[c, 0, 0] * v[c] / v[c].norm() for c in range(3)])
        out = state[f"{layer}.bias"].repeat(len(x), 1)
        for t, tap in product(range(len(x)), range(3)):
            before = t - dilation * (2 - tap)
            if before >= 0:
                out[t] += weight[:, :, tap] @ x[before]
        return out

    x = f
    for number, dilation in enumerate((1, 2, 4)):
        first = conv(x, f"network.{number}.conv1", dilation).relu()
        x = (x + conv(first, f"network.{number}.conv2", dilation).relu()).relu()
    torch.testing.assert_close(context(f[None])[0], f + x[-1], rtol=0, atol=1e-12)


# Losses


def compared(distance: Tensor, first: Tensor) -> Compared:
    """A view with these distances, whose first frames have the cosines `first` with prototypes."""
    query = torch.cat([first, torch.zeros(len(first), 2).double()], dim=1)[:, None]
    prototypes = torch.eye(first.shape[1] + 2, dtype=torch.float64)[: first.shape[1], None]
    return Compared(query, prototypes, distance)


LOCAL = compared(
    torch.tensor([[1.0, 9.0], [4.0, 5.0], [1.0, 9.0], [4.0, 5.0]]).double(),
    torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [1.0, 0.0]]).double(),
)
GLOBAL = compared(
    torch.tensor([[2.0, 3.0], [7.0, 1.0], [3.0, 2.0], [7.0, 1.0]]).double(),
    torch.tensor([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]).double(),
)
"""Local wins query 0 by both comparisons, global query 1; in 2 and 3 the comparisons disagree."""
UP = {(True, True): [0], (True, False): [0, 3], (False, True): [0, 2]}
DOWN = {(True, True): [1], (True, False): [1, 2], (False, True): [1, 3]}


def kl(teacher: Compared, student: Compared, q: int) -> Tensor:
    x, y = (F.softmax(-each.distance[q], dim=0) for each in (teacher, student))
    return (x * (x / y).log()).sum()


def confidence(view: Compared, q: int) -> Tensor:
    similar = torch.stack([cos(view.query[q, 0], p[0]) for p in view.prototypes])
    return F.softmax(-view.distance[q], dim=0).max() + F.softmax(similar, dim=0).max()


def taught(teacher: Compared, student: Compared, queries: list[int]) -> Tensor:
    weights = [confidence(teacher, q) for q in queries]
    parts = [w * kl(teacher, student, q) for w, q in zip(weights, queries, strict=True)]
    return sum(parts) / sum(weights)


@pytest.mark.parametrize("flags", list(UP))
def test_the_view_that_wins_a_query_by_all_comparisons_teaches(flags: tuple[bool, bool]) -> None:
    chosen = {"compare_text": flags[0], "compare_distance": flags[1]}
    up, down = taught(LOCAL, GLOBAL, UP[flags]), taught(GLOBAL, LOCAL, DOWN[flags])
    for direction, expected in {"down2up": up, "up2down": down, "bid": up + down}.items():
        found = distillation(LOCAL, GLOBAL, direction=direction, **chosen)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


BOTH = {"compare_text": True, "compare_distance": True}


def test_without_comparisons_both_views_teach_all_queries() -> None:
    neither = dict.fromkeys(BOTH, False)
    found = distillation(LOCAL, GLOBAL, direction="bid", **neither)
    expected = sum(kl(LOCAL, GLOBAL, q) + kl(GLOBAL, LOCAL, q) for q in range(4))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_view_that_wins_no_query_teaches_nothing() -> None:
    """Not the global view of a query that the local one wins, nor of a tie. Slopes are finite."""
    distances = [LOCAL.distance[:1].clone(), GLOBAL.distance[:1].clone()]
    local_view, global_view = (
        Compared(view.query[:1], view.prototypes, distance.requires_grad_())
        for view, distance in zip((LOCAL, GLOBAL), distances, strict=True)
    )
    found = distillation(local_view, global_view, direction="up2down", **BOTH)
    assert found == 0
    found.backward()
    assert all(distance.grad.isfinite().all() for distance in distances)
    tied = GLOBAL._replace(query=LOCAL.query)
    by_text = {"compare_text": True, "compare_distance": False}
    assert distillation(LOCAL, tied, direction="up2down", **by_text) == 0
    tied = GLOBAL._replace(distance=LOCAL.distance + 1)
    by_distance = {"compare_text": False, "compare_distance": True}
    assert distillation(LOCAL, tied, direction="up2down", **by_distance) == 0


@pytest.mark.parametrize("direction", ["up2down", "down2up"])
def test_both_views_learn_from_the_distillation(direction: str) -> None:
    views = [
        view._replace(distance=view.distance.clone().requires_grad_()) for view in (LOCAL, GLOBAL)
    ]
    distillation(*views, direction=direction, **BOTH).backward()
    assert all(view.distance.grad.any() for view in views)


def test_sums_over_clips_are_the_authors_loss() -> None:
    """λ0 Σ CE(u) + Σ CE + λ2 distillation, as `train.loss: sum` makes it; u of selected frames."""
    weights = {"text_weight": 0.6, "distillation_weight": 0.3}
    head, (drawn, labels) = build(selected_frames=2, **weights), episode(shots=[1, 2, 1])
    head.scale.data.fill_(1.7)
    rng = torch.Generator().manual_seed(5)
    all_text = torch.randn(TRAIN_CLASSES, CHANNELS, dtype=torch.float64, generator=rng)
    classes = torch.tensor([5, 1, 2])
    losses = head.losses(drawn, labels, classes=classes, all_text=all_text)

    guessed = similarity(drawn.query, drawn.class_text, count=2).argmax(dim=-1)
    assert not torch.equal(guessed, labels)
    clips = torch.cat([drawn.support, drawn.query])
    nearest_to = drawn.class_text[torch.cat([drawn.support_labels, guessed])]
    ids = classes[torch.cat([drawn.support_labels, labels])]
    by_text = torch.zeros((), dtype=torch.float64)
    for clip, text, number in zip(clips, nearest_to, ids, strict=True):
        nearest = sorted(clip, key=lambda frame, text=text: -float(cos(frame, text)))[:2]
        mean = torch.stack(nearest).mean(dim=0)
        u = 1.7 * torch.stack([cos(mean, other) for other in all_text])
        by_text += F.cross_entropy(u, number)
    by_logits = F.cross_entropy(losses.logits, labels, reduction="sum")
    distilled = losses.terms["L_distillation"]
    assert distilled > 0
    torch.testing.assert_close(
        losses.total * len(labels), by_logits + 0.6 * by_text + 0.3 * distilled
    )
    assert losses.regularizers == 0
    assert head.losses(drawn, labels).terms["L_text"] == 0


# The interface


@pytest.mark.parametrize("prompts", ["argmax", "draw"])
@pytest.mark.parametrize("shots", [[1, 1], [3, 1, 2]])
def test_what_was_prepared_gives_the_same_logits(shots: list[int], prompts: str) -> None:
    head, (drawn, _) = build(prompts=prompts, temperature=1.0), episode(shots=shots)
    with pytest.raises(ValueError, match="takes class texts"):
        prepare(head, drawn.support, None)
    of_support = prepare(head, drawn.support, drawn.class_text[drawn.support_labels])
    of_query = prepare(head, drawn.query, torch.zeros(len(drawn.query), CHANNELS).double())
    prepared = drawn._replace(prepared=of_support._replace(query=of_query.query))
    torch.testing.assert_close(head.classify(prepared), head.classify(drawn), rtol=0, atol=1e-12)


def test_the_explanation_is_of_both_views() -> None:
    head, (drawn, _) = build(), episode(shots=[2, 1])
    found = head.explain(drawn)
    assert found.distance.shape == found.weights.shape == (4, 2, FRAMES, FRAMES)
    assert (found.weights.sum(dim=(-1, -2)) >= FRAMES).all()


def test_an_episode_without_texts_is_an_error() -> None:
    head, (drawn, _) = build(), episode(shots=[1, 1])
    with pytest.raises(ValueError, match="CLIP-M2DF takes class texts"):
        head.classify(drawn._replace(class_text=None))


def test_sizes_that_do_not_fit_are_errors_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"model.heads = 3: .* 16 channels"):
        build(heads=3)


def _transformer(name: str, c: int, hidden: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.layers.0.0.norm.weight": (c,),
        f"{name}.layers.0.0.norm.bias": (c,),
        **{f"{name}.layers.0.0.fn.to_{part}.weight": (c, c) for part in "qkv"},
        f"{name}.layers.0.0.fn.to_out.0.weight": (c, c),
        f"{name}.layers.0.0.fn.to_out.0.bias": (c,),
        f"{name}.layers.0.1.net.0.weight": (hidden, c),
        f"{name}.layers.0.1.net.0.bias": (hidden,),
        f"{name}.layers.0.1.net.3.weight": (c, hidden),
        f"{name}.layers.0.1.net.3.bias": (c,),
    }


def _released(c: int, hidden: int) -> dict[str, tuple[int, ...]]:
    convolutions = [f"tcn.network.{block}.conv{part}" for block in range(3) for part in (1, 2)]
    return {
        "scale": (1,),
        **{f"context_conv{number}.weight": (c, c, 3) for number in (1, 2)},
        **{f"context_conv{number}.bias": (c,) for number in (1, 2)},
        **{f"{name}.weight_g": (c, 1, 1) for name in convolutions},
        **{f"{name}.weight_v": (c, c, 3) for name in convolutions},
        **{f"{name}.bias": (c,) for name in convolutions},
        **_transformer("context2", c, hidden),
        **_transformer("context_local", c, hidden),
    }


def test_it_is_filled_from_the_release() -> None:
    head, layout = build().float(), _released(CHANNELS, 24)
    state = {name: torch.randn(shape) for name, shape in layout.items()}
    unused = ["context_conv11.weight", "context_conv22.bias", "backbone.class_embedding"]
    unused += [f"tcn.network.{block}.net.{part}.weight_v" for block in range(3) for part in (0, 4)]
    spm.methods.load_released(head, state | {name: torch.zeros(3) for name in unused})
    assert {head.released_name(name) for name in head.state_dict()} == set(layout)
    for name, value in head.state_dict().items():
        assert torch.equal(value, state[head.released_name(name)]), name


@pytest.mark.parametrize(("channels", "parameters"), [(512, 12_598_273), (1024, 41_969_665)])
def test_it_has_as_many_live_parameters_as_the_release(channels: int, parameters: int) -> None:
    with torch.device("meta"):
        head = spm.methods.build("clip_m2df", channels=channels, num_frames=8)
    assert sum(each.numel() for each in head.parameters()) == parameters
