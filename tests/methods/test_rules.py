"""Rules that every method of the registry keeps; a new folder of spm/methods is asked too."""

import inspect
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from spm.config.model import method_config, method_names, read_values
from spm.methods.base import EpisodeFeatures, Method, prepare
from spm.model.model import load_model, save_model
from tests import models
from tests.methods.drawn import build, episode, losses, needs, stacked
from tests.methods.small import small

NAMES = method_names()


def shots_of(name: str, *shots: int) -> list[int]:
    """Unequal shots where the method takes them; else as many for each class as the first has."""
    return list(shots) if type(build(name)).unequal_shots else [shots[0]] * len(shots)


def same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def reordered(drawn: EpisodeFeatures, order: Tensor) -> EpisodeFeatures:
    """With the supports in another order."""
    labels = drawn.support_labels[order]
    return drawn._replace(support=drawn.support[order], support_labels=labels)


@pytest.mark.parametrize("name", NAMES)
def test_logits_permute_with_the_classes(name: str) -> None:
    method, drawn = build(name), episode(name, shots=shots_of(name, 1, 3, 2))
    order = torch.tensor([2, 0, 1])
    renamed = drawn._replace(
        support_labels=torch.argsort(order)[drawn.support_labels],
        class_text=drawn.class_text[order],
    )
    same(method.classify(renamed), method.classify(drawn)[:, order])


@pytest.mark.parametrize("name", NAMES)
def test_logits_permute_with_the_queries(name: str) -> None:
    method, drawn = build(name), episode(name, shots=shots_of(name, 2, 1, 2))
    order = torch.tensor([5, 3, 0, 1, 4, 2])
    same(
        method.classify(drawn._replace(query=drawn.query[order])),
        method.classify(drawn)[order],
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_supports_matters_where_the_method_says_so(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[3, 3])
    before = method.classify(drawn)
    classes_mixed = reordered(drawn, torch.tensor([3, 0, 4, 1, 2, 5]))
    same(method.classify(classes_mixed), before)
    shots_mixed = method.classify(reordered(drawn, torch.tensor([2, 0, 1, 5, 4, 3])))
    assert torch.allclose(shots_mixed, before, atol=1e-10) == (not method.ordered_support)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_episodes_equals_one_by_one(name: str) -> None:
    method = build(name)
    drawn = [episode(name, shots=shots_of(name, 2, 1, 2), seed=seed) for seed in range(3)]
    for ask in (method.classify, method.classify_each):
        same(ask(stacked(drawn)), torch.stack([ask(one) for one in drawn]))


@pytest.mark.parametrize("name", NAMES)
def test_the_losses_of_a_batch_are_those_of_its_episodes(name: str) -> None:
    method, labels = build(name), torch.tensor([0, 0, 1, 1])
    first, second = (episode(name, shots=[2, 2], seed=seed) for seed in range(2))
    drawn = [first, second._replace(class_text=first.class_text)]
    each = [losses(name, method, one, labels) for one in drawn]
    together = losses(name, method, stacked(drawn), labels.expand(2, -1))
    same(together.total, torch.stack([one.total for one in each]))
    same(together.regularizers, torch.stack([one.regularizers for one in each]))
    for term in method.terms:
        same(together.terms[term], torch.stack([one.terms[term] for one in each]))


@pytest.mark.parametrize("name", NAMES)
def test_each_query_alone_is_what_it_is_whatever_the_others_are(name: str) -> None:
    method, drawn = build(name), episode(name, shots=shots_of(name, 2, 1))
    each = method.classify_each(drawn)
    same(each[:1], method.classify(drawn._replace(query=drawn.query[:1])))
    together = method.classify(drawn)
    assert torch.allclose(together, each, rtol=0, atol=1e-10) == (not method.transductive)
    assert method.protocol(queries=4, shot=1).startswith("transductive") == method.transductive


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shots", [[1, 1, 1], [3, 3, 3], [5, 5, 5]])
def test_what_was_prepared_once_a_clip_gives_the_same_logits(name: str, shots: list[int]) -> None:
    method, drawn = build(name), episode(name, shots=shots)
    texts = drawn.class_text[drawn.support_labels]
    of_support = prepare(method, drawn.support, texts)
    of_query = prepare(method, drawn.query, drawn.class_text.repeat_interleave(2, dim=0))
    if of_support is None or of_query is None:
        assert of_support is None
        assert of_query is None
        return
    beside = drawn._replace(prepared=of_support._replace(query=of_query.query))
    if needs(name).features == "maps":
        means = (side.mean(dim=(-2, -1)) for side in (drawn.support, drawn.query))
        beside = beside._replace(**dict(zip(("support", "query"), means, strict=True)))
    for ask in (method.classify, method.classify_each):
        same(ask(beside), ask(drawn))


@pytest.mark.parametrize("name", NAMES)
def test_the_features_of_a_query_are_of_it_alone_and_name_no_class(name: str) -> None:
    """They are the same without the other queries, and whichever class each text belongs to."""
    method, drawn = build(name), episode(name, shots=[2, 2, 2])
    found = method.query_features(drawn)
    if found is None:
        return
    assert found.features.shape[:-2] == drawn.query.shape[:1]
    assert found.what
    alone = method.query_features(drawn._replace(query=drawn.query[1:2]))
    same(alone.features, found.features[1:2])
    moved = drawn._replace(class_text=drawn.class_text[[2, 0, 1]])
    same(method.query_features(moved).features, found.features)


def test_the_methods_that_name_the_features_of_a_query() -> None:
    """Of the others, `classify` compares the tower's, tuples, maps, or what a guessed text made."""
    named = [
        name for name in NAMES if type(build(name)).query_features is not Method.query_features
    ]
    assert named == [
        *("clip_cpm2c", "clip_fsar", "clip_mei", "clip_spm", "cmn_embedding", "hyrsm"),
        *("molo", "team"),
    ]


def test_without_spm_the_features_of_a_query_are_the_towers() -> None:
    drawn = episode("clip_spm", shots=[1, 1])
    assert build("clip_spm", spm=False).query_features(drawn) is None
    assert build("clip_spm").query_features(drawn) is not None


@pytest.mark.parametrize("name", NAMES)
def test_shots_may_differ_or_the_method_says_so(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[1, 3])
    if type(method).unequal_shots:
        assert method.classify(drawn).isfinite().all()
    else:
        with pytest.raises(ValueError, match="as many supports"):
            method.classify(drawn)


@pytest.mark.parametrize("name", NAMES)
def test_no_label_of_a_query_reaches_a_logit(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[2, 2])
    for ask in (type(method).classify, type(method).classify_each):
        assert list(inspect.signature(ask).parameters) == ["self", "episode"]
    one, other = (
        losses(name, method, drawn, torch.tensor(labels)).logits
        for labels in ([0, 0, 1, 1], [1, 0, 1, 0])
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_losses_have_the_terms_that_the_method_names_and_reach_the_features(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[1, 1])
    drawn.query.requires_grad_()
    labels = torch.tensor([0, 0, 1, 1])
    found = losses(name, method, drawn, labels)
    assert tuple(found.terms) == method.terms
    assert method.terms[0] == "L_CE"
    expected = torch.nn.functional.cross_entropy(found.logits, labels)
    torch.testing.assert_close(found.terms["L_CE"], expected)
    assert {*read_values(name, **small(name)).weights} <= {*method.terms}
    found.total.backward()
    assert drawn.query.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_parameter_and_none_is_dead(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[2, 2])
    drawn.query.requires_grad_()  # a method without parameters has a loss to differentiate too
    _away_from_its_start(method)
    losses(name, method, drawn, torch.tensor([0, 0, 1, 1])).total.backward()
    without = [
        parameter
        for parameter, value in method.named_parameters()
        if value.requires_grad and (value.grad is None or not value.grad.any())
    ]
    assert without == []


def _away_from_its_start(method: Method) -> None:
    """A layer that starts at 0 lets no gradient through; a step later it does."""
    rng = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for value in method.parameters():
            value += 0.01 * torch.randn(value.shape, dtype=value.dtype, generator=rng)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_logits_and_gradients_are_finite_for_zeros_and_large_features(
    name: str, scale: float
) -> None:
    method = build(name).float()
    drawn = episode(name, shots=[2, 2], scale=scale)
    drawn = EpisodeFeatures(
        *(
            each.float() if isinstance(each, Tensor) and each.is_floating_point() else each
            for each in drawn
        )
    )
    drawn.query.requires_grad_()
    logits = method.classify(drawn)
    assert logits.isfinite().all()
    logits.log_softmax(dim=-1)[:, 0].sum().backward()
    gradients = [drawn.query.grad, *(each.grad for each in method.parameters())]
    assert all(each.isfinite().all() for each in gradients if each is not None)


@pytest.mark.parametrize("name", NAMES)
def test_what_needs_no_text_gives_the_same_without(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[1, 1])
    without = drawn._replace(class_text=None)
    if needs(name).text:
        with pytest.raises(ValueError, match="class texts"):
            method.classify(without)
    else:
        assert torch.equal(method.classify(without), method.classify(drawn))


@pytest.mark.parametrize("name", NAMES)
def test_training_heads_change_no_logit(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[2, 2])
    before = method.classify(drawn)
    for tensor, value in method.state_dict().items():
        if any(fnmatchcase(tensor, head) for head in method.training_heads):
            value.fill_(7)
    assert torch.equal(method.classify(drawn), before)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_that_uses_texts_answers_otherwise_with_others(name: str) -> None:
    method, drawn = build(name), episode(name, shots=[1, 1, 1])
    permuted = drawn._replace(class_text=drawn.class_text.roll(1, dims=0))
    changed = not torch.allclose(method.classify(permuted), method.classify(drawn), atol=1e-9)
    assert changed == needs(name).text


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_has_a_pair_of_frames_in_each_place(name: str) -> None:
    found = build(name).explain(episode(name, shots=[2, 2]))
    if found is not None:
        queries, classes, *frames = found.distance.shape
        assert (queries, classes) == (4, 2)
        assert len(frames) == 2
        assert found.weights.shape == found.distance.shape
        assert (found.weights >= 0).all()
        assert found.weights.sum(dim=(-1, -2)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_answers_as_before(name: str, tmp_path: Path) -> None:
    model = models.build(**_model_values(name)).float()
    folder = tmp_path / "model"
    save_model(model, folder)
    again = load_model(folder)
    frames = model.config.frames.num_segments
    pixels = torch.randint(0, 256, (4, frames, model.image_size, model.image_size, 3))
    with torch.no_grad():
        features = model.encode_video(pixels.to(torch.uint8))
        text = torch.ones(2, model.channels)
        episode = (features[:2], torch.tensor([0, 1]), features[2:], text)
        assert torch.equal(again.classify(*episode), model.classify(*episode))


def _model_values(name: str) -> dict[str, Any]:
    return {"method": name} | small(name)


@pytest.mark.parametrize("name", NAMES)
def test_building_leaves_the_random_state_alone_and_follows_the_seed(name: str) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    states = [build(name, seed=seed).state_dict() for seed in (5, 5, 6)]
    assert torch.equal(torch.get_rng_state(), before)
    one, same_seed, other_seed = states
    assert all(torch.equal(one[key], same_seed[key]) for key in one)
    if name != "cmn_embedding":  # its start is fixed
        weights = [key for key, value in one.items() if value.dim() > 1 and value.any()]
        assert all(not torch.equal(one[key], other_seed[key]) for key in weights)


def test_titles_are_given_and_differ() -> None:
    titles = [method_config(name).title for name in NAMES]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_a_rule_is_broken_by_a_method_that_breaks_it() -> None:
    """The rules' comparison sees what they ask for: a method that looks at its neighbours."""

    class Peeking(Method):
        def classify(self, episode: EpisodeFeatures) -> Tensor:
            logits = build("protonet").classify(episode)
            return logits + logits.mean(dim=-2, keepdim=True)

    drawn = episode("protonet", shots=[1, 1])
    each = Peeking().classify(drawn._replace(query=drawn.query[:1]))
    assert not torch.allclose(Peeking().classify(drawn)[:1], each, atol=1e-10)
