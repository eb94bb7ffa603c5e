"""The interface that every method keeps, and the two doors to them."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import spm.methods
from spm.base.errors import ConfigError, DataError
from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.model import ModelConfig, method_names, method_values, read_values
from spm.config.sections import check_all
from spm.methods.base import EpisodeFeatures, Method
from spm.methods.clip_spm import released
from spm.methods.registry import baselines
from stages.shared import params
from tests import models
from tests.methods.small import small
from tests.released.test_convert import head as released_head

NAMES = method_names()


def build(name: str, **values: Any) -> Method:
    head = spm.methods.build(
        name, channels=16, num_frames=4, train_classes=7, **small(name) | values
    )
    return head.double().eval()


def episode(*, shots: list[int], seed: int = 0) -> EpisodeFeatures:
    drawn = models.features(shots=shots, seed=seed)
    return EpisodeFeatures(
        drawn.support, drawn.support_labels, drawn.query, drawn.class_text, len(shots)
    )


def stacked(episodes: list[EpisodeFeatures]) -> EpisodeFeatures:
    *parts, _, _ = zip(*episodes, strict=True)
    return EpisodeFeatures(*map(torch.stack, parts), episodes[0].num_classes)


def test_there_are_these() -> None:
    assert {"clip_spm", "mean_pooled_cosine", "otam", "protonet", "zero_shot"} <= set(NAMES)
    assert [each.method for each in baselines()] == ["mean_pooled_cosine", "zero_shot"]


@pytest.mark.parametrize("name", NAMES)
def test_values_are_a_section_that_names_its_method(name: str) -> None:
    values = method_values(name)
    section = validate(ModelConfig, values, name="model")
    assert section.model_dump() == values
    assert section.method == name
    assert type(section).title


def test_params_yaml_holds_the_values_of_its_method() -> None:
    section = read_yaml(params.PARAMS)["model"]
    assert section == method_values(section["method"])


@pytest.mark.parametrize("name", NAMES)
def test_logits_permute_with_the_classes(name: str) -> None:
    method, drawn = build(name), episode(shots=[1, 3, 2])
    order = torch.tensor([2, 0, 1])
    renamed = drawn._replace(
        support_labels=torch.argsort(order)[drawn.support_labels],
        class_text=drawn.class_text[order],
    )
    before, after = method.classify(drawn), method.classify(renamed)
    torch.testing.assert_close(after, before[:, order], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_episodes_equals_one_by_one(name: str) -> None:
    method = build(name)
    drawn = [episode(shots=[2, 1, 2], seed=seed) for seed in range(3)]
    for ask in (method.classify, method.classify_each):
        each = torch.stack([ask(one) for one in drawn])
        torch.testing.assert_close(ask(stacked(drawn)), each, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_each_query_alone_is_what_it_is_whatever_the_others_are(name: str) -> None:
    method, drawn = build(name), episode(shots=[2, 1])
    each = method.classify_each(drawn)
    first = drawn._replace(query=drawn.query[:1])
    torch.testing.assert_close(each[:1], method.classify(first), rtol=0, atol=1e-10)
    together = method.classify(drawn)
    assert torch.allclose(together, each, rtol=0, atol=1e-10) == (not method.transductive)
    assert method.protocol(queries=4, shot=1).startswith("transductive") == method.transductive


@pytest.mark.parametrize("name", NAMES)
def test_losses_have_the_terms_that_the_method_names_and_reach_the_features(name: str) -> None:
    method, drawn = build(name), episode(shots=[1, 1])
    drawn.query.requires_grad_()
    labels = torch.tensor([0, 0, 1, 1])
    losses = method.losses(drawn, labels)
    assert tuple(losses.terms) == method.terms
    torch.testing.assert_close(losses.logits, method.classify(drawn))
    expected = torch.nn.functional.cross_entropy(losses.logits, labels)
    torch.testing.assert_close(losses.terms["L_CE"], expected)
    torch.testing.assert_close(losses.total, losses.terms["L_CE"] + losses.regularizers)
    losses.total.backward()
    assert drawn.query.grad.abs().sum() > 0
    weights = read_values(name, **small(name)).weights
    weighted = sum(weight * losses.terms[term] for term, (_, weight) in weights.items())
    torch.testing.assert_close(losses.regularizers, torch.as_tensor(weighted).to(losses.total))


@pytest.mark.parametrize("name", NAMES)
def test_what_needs_no_text_gives_the_same_without(name: str) -> None:
    method, drawn = build(name), episode(shots=[1, 1])
    without = drawn._replace(class_text=None)
    if read_values(name).needs.text:
        with pytest.raises(ValueError, match="class texts"):
            method.classify(without)
    else:
        assert torch.equal(method.classify(without), method.classify(drawn))


@pytest.mark.parametrize("name", NAMES)
def test_no_label_of_a_query_is_asked_for_by_classify(name: str) -> None:
    for ask in (type(build(name)).classify, type(build(name)).classify_each):
        assert list(inspect.signature(ask).parameters) == ["self", "episode"]


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_has_a_pair_of_frames_in_each_place(name: str) -> None:
    found = build(name).explain(episode(shots=[2, 1]))
    if name in ("clip_spm", "otam"):
        assert found is not None
        assert found.distance.shape == found.weights.shape == (4, 2, 4, 4)
        # Both directions of the alignment enter and leave every frame of one clip once or more.
        assert (found.weights.sum(dim=(-1, -2)) >= 4).all()
    else:
        assert found is None


def test_without_its_components_clip_spm_is_otam_at_one_shot() -> None:
    off = {"hsmr": False, "spm": False, "padm": False, "lambda2": 1.0, "otam_lambda": 0.3}
    plain, otam = build("clip_spm", **off), build("otam", otam_lambda=0.3)
    one_shot, two_shot = episode(shots=[1, 1, 1]), episode(shots=[2, 2, 2])
    torch.testing.assert_close(
        plain.classify(one_shot), otam.classify(one_shot), rtol=0, atol=1e-12
    )
    # A mean of features is not a mean of distances: at K = 2 they part.
    assert not torch.allclose(plain.classify(two_shot), otam.classify(two_shot), atol=1e-3)


def test_a_name_that_is_no_method_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"model.method = 'otma' is not a method.*'otam'"):
        spm.methods.build("otma", channels=16, num_frames=4)
    with pytest.raises(ConfigError, match=r"otam.lam is not a parameter.*otam_lambda"):
        spm.methods.build("otam", channels=16, num_frames=4, lam=0.1)


def _of(name: str, **changed: Any) -> dict[str, Any]:
    return method_values(name) | changed


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            _of("clip_spm", method="otam"),
            r"model.method is otam, and the section holds values of .*clip_spm.* \(alpha, .*…\): "
            r"`clip-spm preset otam` sets the section to otam's values",
        ),
        (_of("otam", method="protonet"), r"holds values of clip_spm and otam \(otam_lambda\): "),
        (_of("otam", method="clip_spm"), r"holds values|missing"),
        (_of("zero_shot", method="otam"), r"holds none of otam's values \(otam_lambda\): "),
        (_of("clip_spm", variant="cosine"), r"holds values of protonet \(variant\): "),
        (_of("clip_spm", method="clipspm"), r"'clipspm' is not a method.*clip_spm"),
        (_of("clip_spm", method=None), r"None is not a method. There are: clip_spm, "),
        (_of("clip_spm", aplha=1.0), r"model.aplha is not a parameter.*'alpha'"),
        (
            {"init_from": None, "seed": 0},
            r"model.method is missing; there are: clip_spm, .*`clip-spm preset clip_spm` writes",
        ),
        (
            _of("clip_spm", text_ensemble="mean"),
            r"model.text_ensemble stands in the section prompts now: move the line",
        ),
    ],
)
def test_a_section_of_another_method_is_an_error_with_the_remedy(
    section: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check_all(read_yaml(params.PARAMS) | {"model": section})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "clip_spm"}, "method = 'clip_spm': a method is built by its name"),
        ({"init_from": "models/x"}, "init_from = 'models/x'"),
        ({"channels": 0}, "channels = 0, num_frames = 4: both must be 1 or more"),
    ],
)
def test_build_refuses_what_it_does_not_heed(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spm.methods.build("otam", **{"channels": 16, "num_frames": 4} | values)


def test_a_head_is_filled_from_its_release() -> None:
    sizes = {"heads": 8, "head_dim": 6, "hidden_dim": 10}
    gates = {"gate_visual_ratio": 0.5, "gate_prompt_ratio": 1.5}
    state = released_head(channels=24, hidden=10)
    head = spm.methods.build(
        "clip_spm", channels=24, num_frames=4, learn_lambda3=True, **sizes, **gates
    )
    wrapped = {f"module.{name}": value for name, value in state.items()}
    spm.methods.load_released(head, wrapped)
    for name, value in head.state_dict().items():
        assert torch.equal(value, state[released.released_name(name)]), name

    del state["motion_conv1.bias"]
    with pytest.raises(DataError, match=r"does not fit ClipSPM: 1 missing \(motion_conv1.bias\)"):
        spm.methods.load_released(head, state)


def test_building_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, other = build("clip_spm", seed=5), build("clip_spm", seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    for (name, mine), theirs in zip(
        one.state_dict().items(), other.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
