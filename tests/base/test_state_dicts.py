"""Tensors by name, from elsewhere: wrappers before the names, and what does not fit, in a line."""

import re

import pytest
import torch

from spm.base.state_dicts import damage, misfit, misnamed, unwrapped

STATE = {"visual.proj": torch.ones(2), "logit_scale": torch.ones(())}


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "model.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.module.",
    ],
)
def test_what_stands_before_every_name_is_taken_off(prefix: str) -> None:
    found = unwrapped({prefix + name: value for name, value in STATE.items()})
    assert found == STATE


def test_compiled_parts_have_their_names_back() -> None:
    assert list(unwrapped({"visual._orig_mod.proj": STATE["visual.proj"]})) == ["visual.proj"]


@pytest.mark.parametrize(
    "names",
    [
        ["module.visual.proj", "logit_scale"],  # which belong together cannot be told
        ["backbone.module.conv1", "backbone.module.proj"],  # not before the name
        ["visual._orig_mod.proj", "visual.proj"],  # two would get one name
    ],
)
def test_what_is_ambiguous_stays(names: list[str]) -> None:
    assert list(unwrapped({name: torch.ones(1) for name in names})) == names


def test_nothing_is_said_of_what_fits() -> None:
    assert misfit(STATE, {name: value.shape for name, value in STATE.items()}) == ""


def test_a_few_names_are_all_said() -> None:
    state = {"a": torch.ones(2), "b": torch.ones(3)}
    expected = {"b": torch.Size([4]), "c": torch.Size([1]), "d": torch.Size([1])}
    assert (
        misfit(state, expected)
        == "1 of another shape (b: [3], must be [4]), 1 unknown (a), 2 missing (c, d)"
    )


def test_of_many_names_it_is_said_how_they_begin() -> None:
    wrapped = {f"net.layer{i}.{part}" for i in range(150) for part in ("weight", "bias")}
    wanted = {f"{start}.{i}" for i in range(20) for start in "abcdefgh"} | {"scale"}
    said = misnamed(wrapped, wanted)
    assert said == (
        "300 unknown (net.… 300), 161 missing (a.… 20, b.… 20, c.… 20, d.… 20, e.… 20, f.… 20, "
        "and 3 more)"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("vision_model.embeddings.weight", "Hugging Face's names"),
        ("motion_conv1.weight", r"python -m spm\.convert"),
        ("backbone.visual.0.weight", r"model\.init_from"),
        ("visual.proj", r"backbone\.weights of an open_clip tower takes it"),
    ],
)
def test_what_is_known_by_its_names_is_told_where_it_belongs(name: str, hint: str) -> None:
    assert re.search(hint, misnamed([name], ["a"]))
    assert not re.search(hint, misnamed([name], [f"{name}.more"]))  # it is in the right place


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_value_that_is_not_finite_is_named(value, dtype):
    state = {"a": torch.ones(3, dtype=dtype), "b": torch.tensor([1, value, 1], dtype=dtype)}
    assert damage(state) == "1 with values that are not finite (b)"


def test_a_sum_that_leaves_the_type_is_no_damage():
    half, single = torch.full((9,), 6e4).half(), torch.full((9,), 3e38)
    assert damage({"half": half, "single": single, "e": torch.ones(2).to(torch.float8_e5m2)}) == ""


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_what_is_no_float_is_named(dtype):
    name = str(dtype).removeprefix("torch.")
    assert damage({"a": torch.ones(3, dtype=dtype)}) == f"1 of another type (a: {name})"


def test_integers_are_where_they_belong():
    assert damage({"a": torch.ones(2).long()}, integers=["a"]) == ""
    assert damage({"a": torch.ones(2)}, integers=["a"]) == "1 of another type (a: float32)"
