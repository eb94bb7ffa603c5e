"""The model against the independent reference of the paper (tests/reference.py), in float64."""

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spm.methods.registry import build_method
from spm.model.backbone import Backbone, build_backbone
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.model.spec import ModelSpec
from spm.nn.consistency import consistency_distance
from spm.nn.otam import sequence_distances
from tests import reference
from tests.models import losses_of, spec

TOLERANCE = 1e-9  # of the value, or absolute below 1
ERRORS: list[float] = []
"""Of each comparison so far: three a case."""

NAMES = [
    ("lambda3_scale", "lambda3.scale"),
    ("hsmr.mfe.conv", "phi."),
    ("fusion.gate_visual.0", "psi_v.1"),
    ("fusion.gate_visual.2", "psi_v.2"),
    ("fusion.gate_prompt.0", "psi_p.1"),
    ("fusion.gate_prompt.2", "psi_p.2"),
    ("spm.generator.layers.0", "upsilon.1"),
    ("spm.generator.layers.3", "upsilon.2"),
    ("fusion.transformer.", "sf."),
    ("padm.transformer.", "padm."),
    ("attention.norm", "norm"),
    ("attention.to_", ""),
    ("feed_forward.0", "up"),
    ("feed_forward.3", "down"),
]
"""The model's names of its weights, and the reference's."""

COMPONENTS = [
    {"hsmr": hsmr, "spm": spm, "padm": padm}
    for hsmr in (True, False)
    for spm in (True, False)
    for padm in (True, False)
]
WEIGHT = st.floats(0, 2)
SWITCHES = {
    "fusion": st.sampled_from(["concat", "sum+concat", "gate+sum+concat"]),
    "consistency": st.sampled_from(["none", "support", "query", "both"]),
    "text_ensemble": st.sampled_from(["sum", "mean"]),
    "motion_reduction": st.sampled_from(["sum", "mean"]),
    "prompt_visual_mean": st.sampled_from(["time", "time+channels"]),
    "distance": st.sampled_from(["euclidean", "squared"]),
    "consistency_reduction": st.sampled_from(["sum", "mean"]),
    "lambda1": WEIGHT,
    "lambda2": WEIGHT,
    "lambda3": WEIGHT,
    "learn_lambda3": st.booleans(),
    "lambda4": WEIGHT,
    "alpha": st.floats(-1, 1),
    "otam_lambda": st.floats(0.05, 2),
    "gate_slope": st.floats(0, 0.5),
    "heads": st.integers(1, 3),
}


@pytest.fixture(scope="module", autouse=True)
def _report():
    """With `pytest -s`: the numbers that docs/fidelity.md quotes."""
    yield
    print(f"\n{len(ERRORS)} comparisons, largest error {max(ERRORS, default=0):.2g}")


@pytest.fixture(autouse=True)
def _one_thread():
    """The tensors are tiny: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Case:
    """A model with random weights, and an episode, for both sides."""

    def __init__(self, *, shots, query, frames, channels, templates, scale, seed, **model):
        sizes = {"head_dim": 3, "hidden_dim": 7, "gate_prompt_ratio": 1.5}
        dropout = {"attention_dropout": 0.0, "dropout": 0.0}
        self.model = _model(channels, **sizes | dropout | model)
        self.rng = np.random.default_rng(seed)
        self._draw_weights(scale)
        num_clips = (sum(shots), query * len(shots))
        self.support, self.query = (
            self.rng.normal(size=(n, frames, channels)) * scale for n in num_clips
        )
        self.templates = self.rng.normal(size=(templates, len(shots), channels))
        labels = np.arange(len(shots))
        self.support_labels = self.rng.permutation(labels.repeat(shots)).tolist()
        self.query_labels = self.rng.permutation(labels.repeat(query)).tolist()

    def _draw_weights(self, scale):
        for value in self.model.method.parameters():
            fan_in = value[0].numel() if value.ndim > 1 else 1
            drawn = self.rng.normal(size=tuple(value.shape)) * scale / fan_in**0.5
            value.data = torch.as_tensor(drawn)

    @property
    def switches(self) -> reference.Switches:
        config = self.model.config.model
        values = config.model_dump() | {"text_ensemble": self.model.config.prompts.text_ensemble}
        names = {field.name for field in fields(reference.Switches)} - {"num_heads", "drop"}
        chosen = {name: values[name] for name in names}
        return reference.Switches(**chosen, num_heads=config.heads)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        state = self.model.method.state_dict().items()
        return {_renamed(name): value.numpy() for name, value in state}

    @property
    def class_text(self) -> torch.Tensor:
        classes = [str(number) for number in range(self.templates.shape[1])]
        prompts = PromptFeatures(self.templates, classes, classes, trained=False)
        return prompts.ensemble(self.model.config.prompts.text_ensemble)

    def for_classify(self):
        labels = torch.tensor(self.support_labels)
        support, query = torch.from_numpy(self.support), torch.from_numpy(self.query)
        return support, labels, query, self.class_text

    def for_losses(self):
        support, labels, query, class_text = self.for_classify()
        return support, labels, query, torch.tensor(self.query_labels), class_text

    def expected(self, **changes) -> dict[str, np.ndarray]:
        return reference.train(
            self.support,
            self.support_labels,
            self.query,
            self.query_labels,
            self.templates,
            self.weights,
            replace(self.switches, **changes),
        )


@cache
def _project_spec() -> ModelSpec:
    """Read once: reading params.yaml takes longer than a case."""
    return spec()


@cache
def _backbone() -> Backbone:
    """No case asks it for features."""
    return build_backbone(_project_spec().backbone)


def _model(channels, **changes) -> FewShotModel:
    document = _project_spec().model_dump()
    ensemble = changes.pop("text_ensemble", document["prompts"]["text_ensemble"])
    document["prompts"]["text_ensemble"] = ensemble
    document["model"] |= changes
    config = ModelSpec(**document)
    method = build_method(config.model, channels=channels, num_frames=config.frames.num_segments)
    return FewShotModel(_backbone(), method, config=config).double()


def _renamed(name):
    for ours, theirs in NAMES:
        name = name.replace(ours, theirs)
    return name


@contextmanager
def recorded_calls(model):
    """What the model's parts return while it works, in the order of the calls.

    Keyed by the path of the callers: "hsmr/fusion" is SF as HSMR calls it.
    """
    calls, path, hooks = defaultdict(list), [], []

    def leave(_module, _args, result):
        calls["/".join(path)].append(result)
        path.pop()

    def enter(name):
        return lambda _module, _args: path.append(name)

    def recorded(name, function):
        def call(*args, **kwargs):
            calls[name].append(function(*args, **kwargs))
            return calls[name][-1]

        return call

    for name, module in model.method.named_modules():
        if name in ("hsmr", "hsmr.mfe", "fusion", "spm", "spm.generator", "padm"):
            hooks.append(module.register_forward_pre_hook(enter(name.split(".")[-1])))
            hooks.append(module.register_forward_hook(leave))
    with (
        patch.object(model.method, "modulate", recorded("modulate", model.method.modulate)),
        patch(
            "spm.methods.clip_spm.method.sequence_distances",
            recorded("SeqDis", sequence_distances),
        ),
        patch(
            "spm.methods.clip_spm.modulation.consistency_distance",
            recorded("ConDis", consistency_distance),
        ),
    ):
        yield calls
    for hook in hooks:
        hook.remove()


def found_in_classify(calls, logits):
    """The paper's names for what `classify` did."""
    ((d_spm, *d_padm),) = calls["SeqDis"]
    found = {"logits": logits, "p": logits.softmax(dim=-1), "d_spm": d_spm}
    ((modulated, _),) = calls["modulate"]
    found |= {"f_S^SPM": modulated.support, "f_Q^SPM": modulated.query}
    for prompts in calls["spm/generator"]:
        found["prompt_Q"] = prompts[:, 0]
    for dual in calls["padm"]:
        found |= {"P'": dual.prototypes, "A'": dual.anchor[0]}
        found |= {"f_S'": dual.support, "f_Q'": dual.query}
        found["d_padm"] = sum(d_padm)
    return found


def found_in_losses(calls, losses, consistency):
    """The same for `losses`."""
    found = found_in_classify(calls, losses.logits)
    found |= {"L": losses.total} | losses.terms
    for d_h in calls["hsmr"]:
        found |= {"m^s": calls["hsmr/fusion"][0][0][:, 0], "m^d": calls["hsmr/mfe"][1][:, 0]}
        found["d_h"] = d_h
    sides = {"none": "", "support": "S", "query": "Q", "both": "SQ"}[consistency]
    if calls["spm"]:
        for number, side in enumerate(sides):
            found[f"d^tp_{side}"], found[f"d^v_{side}"] = calls["ConDis"][2 * number :][:2]
        if "S" in sides:
            found["prompt_S"] = calls["generator"][0][:, 0]
    return found


def largest_error(found, expected):
    """Over all that was found; of the value, absolute below 1."""
    errors = {}
    for name, value in found.items():
        value, wanted = value.detach().numpy(), expected[name]
        assert value.shape == wanted.shape, name
        errors[name] = float(np.max(np.abs(value - wanted) / np.maximum(1, np.abs(wanted))))
    worst = max(errors, key=errors.get)
    assert errors[worst] < TOLERANCE, f"{worst} is off by {errors[worst]:.3g}; all: {errors}"
    return errors[worst]


def check(case):
    """Training without dropout; then evaluation, where dropout that is set must not act."""
    expected = case.expected()
    consistency = case.model.config.model.consistency
    for mode in (True, False):
        case.model.train(mode)
        with torch.no_grad(), recorded_calls(case.model) as calls:
            losses = losses_of(case.model, *case.for_losses())
        found = found_in_losses(calls, losses, consistency)
        assert set(expected) - set(found) <= {"text", "d_s_S", "d_s_Q"}
        ERRORS.append(largest_error(found, expected))
        for module in case.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.5
    with torch.no_grad(), recorded_calls(case.model) as calls:
        logits = case.model.classify(*case.for_classify())
    assert not calls["hsmr"]
    ERRORS.append(largest_error(found_in_classify(calls, logits), expected))


@pytest.mark.parametrize("components", COMPONENTS, ids=lambda on: "+".join(k for k in on if on[k]))
@given(
    episode=st.fixed_dictionaries(
        {
            "shots": st.lists(st.integers(1, 3), min_size=1, max_size=4),
            "query": st.integers(1, 2),
            "frames": st.integers(2, 5),
            "channels": st.integers(2, 6),
            "templates": st.integers(1, 3),
            "scale": st.sampled_from([0.3, 1.0, 3.0]),
            "seed": st.integers(0, 2**32 - 1),
        }
    ),
    switches=st.fixed_dictionaries(SWITCHES),
)
@settings(max_examples=75, deadline=None, phases=[Phase.generate])  # shrinking takes minutes
def test_every_intermediate_agrees(components, episode, switches):
    check(Case(**episode, **components, **switches))


RELEASE = {
    "text_ensemble": "mean",
    "motion_reduction": "mean",
    "prompt_visual_mean": "time+channels",
    "distance": "squared",
    "consistency_reduction": "mean",
}
SMALL = {"shots": [2, 1], "query": 1, "frames": 3, "channels": 4, "templates": 2, "scale": 1.0}


@pytest.mark.parametrize("switches", [{}, RELEASE], ids=["paper", "release"])
def test_dropout_has_the_places_and_probabilities_of_the_release(switches):
    """Dropout is replaced by a function of values and probability, on both sides.

    After the attention's output projection; after GELU and after the second linear layer, in both
    Transformers and in PG. Nowhere else: any other place, or another probability, changes L.
    """

    def drop(x, probability):
        return x + probability * x * x

    def torch_drop(x, p=0.5, training=True, inplace=False):
        assert training
        return drop(x, p)

    for seed in range(5):
        case = Case(**SMALL, seed=seed, **switches, attention_dropout=0.2, dropout=0.05)
        case.model.train()
        expected = case.expected(drop=drop)
        with (
            patch("torch.nn.functional.dropout", torch_drop),
            torch.no_grad(),
            recorded_calls(case.model) as calls,
        ):
            losses = losses_of(case.model, *case.for_losses())
        largest_error(found_in_losses(calls, losses, "both"), expected)
        assert abs(expected["L"] - case.expected()["L"]) > 1e-5


@pytest.mark.parametrize("switches", [{}, RELEASE], ids=["paper", "release"])
def test_gradients_are_the_slopes_of_the_reference(switches):
    """Of L with respect to every feature; central differences of the reference."""
    weights = {"lambda3": 0.1, "lambda4": 0.1}
    case = Case(**SMALL, seed=0, **switches, **weights)
    support, labels, query, query_labels, class_text = case.for_losses()
    support.requires_grad_(), query.requires_grad_()
    losses_of(case.model, support, labels, query, query_labels, class_text).total.backward()
    for tensor, values in ((support, case.support), (query, case.query)):
        slopes = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            slopes[place] = _slope(case, values, place)
        difference = np.linalg.norm(tensor.grad.numpy() - slopes) / np.linalg.norm(slopes)
        assert difference < 1e-6


def _slope(case, values, place, step=1e-5):
    """`values` is the case's own array: it is moved and put back."""
    ends, before = [], values[place]
    for move in (step, -step):
        values[place] = before + move
        ends.append(case.expected()["L"])
    values[place] = before
    return (ends[0] - ends[1]) / (2 * step)


@pytest.mark.parametrize("padm", [True, False])
def test_the_inductive_answer_is_that_of_each_query_alone(padm):
    case = Case(**SMALL | {"query": 3}, seed=0, padm=padm)
    with torch.no_grad():
        found = case.model.classify_each(*case.for_classify()).numpy()
    rows = [
        reference.classify(
            case.support,
            case.support_labels,
            one[None],
            case.templates,
            case.weights,
            case.switches,
        )["logits"]
        for one in case.query
    ]
    np.testing.assert_allclose(found, np.concatenate(rows), rtol=0, atol=TOLERANCE)
