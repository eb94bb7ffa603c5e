"""The head's properties, and what its public functions promise."""

import inspect
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import spm
from spm.base.errors import DataError
from spm.config.model import ModelConfig, Needs
from spm.methods.base import Method
from spm.model.backbone import build_backbone
from spm.model.calibration import Calibration, Fit
from spm.model.model import FewShotModel, build_model, load_weights
from spm.nn.consistency import consistency_distance
from spm.nn.otam import sequence_distance
from tests.models import Features, build, features, losses_of, spec

COMPONENTS = [
    {"hsmr": hsmr, "spm": spm_on, "padm": padm}
    for hsmr in (True, False)
    for spm_on in (True, False)
    for padm in (True, False)
]
SHOTS = st.lists(st.integers(1, 3), min_size=2, max_size=4)


@pytest.mark.parametrize("components", COMPONENTS)
@given(shots=SHOTS, seed=st.integers(0, 99), data=st.data())
@settings(max_examples=8, deadline=None)
def test_logits_permute_with_the_classes(components, shots, seed, data):
    model, episode = build(**components), features(shots=shots, seed=seed)
    order = torch.tensor(data.draw(st.permutations(range(len(shots)))))
    renamed = torch.argsort(order)  # class order[i] becomes class i
    with torch.no_grad():
        before = model.classify(*episode.for_classify())
        after = model.classify(
            episode.support,
            renamed[episode.support_labels],
            episode.query,
            episode.class_text[order],
        )
    torch.testing.assert_close(after, before[:, order], rtol=0, atol=1e-10)


@pytest.mark.parametrize("components", COMPONENTS)
@given(shots=SHOTS, seed=st.integers(0, 99), data=st.data())
@settings(max_examples=8, deadline=None)
def test_the_order_of_supports_does_not_matter(components, shots, seed, data):
    model, episode = build(**components), features(shots=shots, seed=seed)
    order = torch.tensor(data.draw(st.permutations(range(sum(shots)))))
    with torch.no_grad():
        before = model.classify(*episode.for_classify())
        after = model.classify(
            episode.support[order],
            episode.support_labels[order],
            episode.query,
            episode.class_text,
        )
    torch.testing.assert_close(after, before, rtol=0, atol=1e-10)


@given(seed=st.integers(0, 99), data=st.data())
@settings(max_examples=10, deadline=None)
def test_logits_permute_with_the_queries(seed, data):
    model, episode = build(), features(shots=[1, 2, 1], seed=seed)
    order = torch.tensor(data.draw(st.permutations(range(len(episode.query)))))
    with torch.no_grad():
        before = model.classify(*episode.for_classify())
        after = model.classify(
            episode.support, episode.support_labels, episode.query[order], episode.class_text
        )
    torch.testing.assert_close(after, before[order], rtol=0, atol=1e-10)


def test_padm_is_transductive_and_the_rest_is_not():
    episode = features(shots=[1, 1, 1])
    for padm in (True, False):
        model = build(padm=padm)
        with torch.no_grad():
            together = model.classify(*episode.for_classify())
            alone = model.classify(
                episode.support, episode.support_labels, episode.query[:1], episode.class_text
            )
        assert torch.allclose(together[:1], alone, atol=1e-10) == (not padm)


@pytest.mark.parametrize("components", COMPONENTS)
def test_a_batch_of_episodes_equals_one_by_one(components):
    model = build(**components)
    episodes = [features(shots=[1, 2], seed=seed) for seed in range(3)]
    logits = model.classify(*_stacked(episodes, Features.for_classify))
    losses = losses_of(model, *_stacked(episodes, Features.for_losses))
    for number, episode in enumerate(episodes):
        alone = losses_of(model, *episode.for_losses())
        torch.testing.assert_close(logits[number], model.classify(*episode.for_classify()))
        torch.testing.assert_close(losses.total[number], alone.total)
        torch.testing.assert_close(losses.terms["L_H"][number], alone.terms["L_H"])
        torch.testing.assert_close(losses.terms["L_S"][number], alone.terms["L_S"])


def _stacked(episodes, arguments):
    return [torch.stack(parts) for parts in zip(*map(arguments, episodes), strict=True)]


@pytest.mark.parametrize("components", COMPONENTS)
@given(shots=SHOTS, seed=st.integers(0, 99), which=st.integers(0, 3))
@settings(max_examples=8, deadline=None)
def test_each_query_alone_is_what_it_is_whatever_the_others_are(components, shots, seed, which):
    model, episode = build(**components), features(shots=shots, seed=seed)
    support, labels, query, text = episode.for_classify()
    others = features(shots=shots, seed=seed + 1).query
    others[which] = query[which]
    with torch.no_grad():
        each = model.classify_each(support, labels, query, text)
        among_others = model.classify_each(support, labels, others, text)
        alone = model.classify(support, labels, query[which : which + 1], text)
        together = model.classify(support, labels, query, text)
    torch.testing.assert_close(among_others[which], each[which], rtol=0, atol=1e-10)
    torch.testing.assert_close(alone[0], each[which], rtol=0, atol=1e-10)
    assert torch.allclose(together, each, rtol=0, atol=1e-10) == (not components["padm"])


def test_no_query_label_reaches_classify():
    parameters = list(inspect.signature(spm.FewShotModel.classify).parameters)
    assert parameters == ["self", "support", "support_labels", "query", "class_text"]
    model, episode = build(), features(shots=[1, 1, 1])
    logits = losses_of(model, *episode.for_losses()).logits
    episode.query_labels = episode.query_labels.flip(0)
    torch.testing.assert_close(losses_of(model, *episode.for_losses()).logits, logits)


def test_losses_are_the_weighted_sum():
    model, episode = build(lambda3=0.3, lambda4=0.7), features(shots=[2, 1])
    losses = losses_of(model, *episode.for_losses())
    expected = losses.terms["L_CE"] + 0.3 * losses.terms["L_H"] + 0.7 * losses.terms["L_S"]
    torch.testing.assert_close(losses.total, expected)
    cross_entropy = torch.nn.functional.cross_entropy(losses.logits, episode.query_labels)
    torch.testing.assert_close(losses.terms["L_CE"], cross_entropy)
    assert losses.terms["L_H"] > 0
    assert losses.terms["L_S"] > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_distances_do_not_see_an_autocast(dtype):
    x, y = torch.randn(2, 3, 4, 8, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
    outside = sequence_distance(x.float(), y.float(), lam=0.5), _distance(x.float(), y.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = sequence_distance(x, y, lam=0.5), _distance(x, y)
    for one, other in zip(outside, inside, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


_distance = partial(consistency_distance, kind="euclidean")


def test_a_learnable_scalar_on_lambda3_starts_at_one_and_can_only_shrink():
    episode = features(shots=[2, 1])
    fixed, learned = build(lambda3=0.3), build(lambda3=0.3, learn_lambda3=True)
    losses = losses_of(learned, *episode.for_losses())
    torch.testing.assert_close(losses.total, losses_of(fixed, *episode.for_losses()).total)
    losses.total.backward()
    scale = learned.method.lambda3_scale
    torch.testing.assert_close(scale.grad, 0.3 * losses.terms["L_H"].detach())
    torch.nn.init.constant_(scale, 0.25)
    shrunk = losses_of(learned, *episode.for_losses())
    expected = 0.25 * 0.3 * shrunk.terms["L_H"] + learned.config.model.lambda4 * shrunk.terms["L_S"]
    torch.testing.assert_close(shrunk.regularizers, expected)
    torch.testing.assert_close(shrunk.total, shrunk.terms["L_CE"] + expected)
    torch.testing.assert_close(shrunk.terms["L_H"], losses.terms["L_H"])


def test_without_hsmr_there_is_no_scalar_to_learn():
    assert not hasattr(build(hsmr=False, learn_lambda3=True).method, "lambda3_scale")


@pytest.mark.parametrize("components", COMPONENTS)
def test_every_parameter_of_the_head_is_used_and_none_is_left_of_what_is_off(components):
    model, episode = build(**components), features(shots=[1, 1])
    episode.query.requires_grad_()  # with all off there is nothing to train but the backbone
    losses_of(model, *episode.for_losses()).total.backward()
    head = dict(model.method.named_parameters())
    unused = [name for name, parameter in head.items() if parameter.grad is None]
    assert unused == []
    modules = {name.split(".")[0] for name in head}
    expected = {
        "hsmr": components["hsmr"],
        "spm": components["spm"],
        "padm": components["padm"],
        "fusion": components["hsmr"] or components["spm"],
    }
    assert modules == {name for name, on in expected.items() if on}


@pytest.mark.parametrize("fusion", ["concat", "sum+concat", "gate+sum+concat"])
def test_gates_exist_where_the_fusion_has_them(fusion):
    names = [name for name, _ in build(fusion=fusion).named_parameters()]
    assert any("gate" in name for name in names) == (fusion == "gate+sum+concat")


@pytest.mark.parametrize(
    ("consistency", "clips"), [("none", 0), ("support", 3), ("query", 4), ("both", 7)]
)
def test_consistency_selects_the_clips(consistency, clips):
    """With all d_s equal to one clip's, L_S counts the clips."""
    model = build(consistency=consistency, consistency_reduction="sum")
    episode = features(shots=[3], query=4)
    episode.support = episode.support[:1].expand(3, -1, -1)
    episode.query = episode.support[:1].expand(4, -1, -1)
    one = losses_of(
        build(consistency="support", consistency_reduction="sum"), *_single(episode)
    ).terms["L_S"]
    torch.testing.assert_close(losses_of(model, *episode.for_losses()).terms["L_S"], clips * one)


def _single(episode: Features):
    zero = torch.zeros(1, dtype=torch.int64)
    return episode.support[:1], zero, episode.query[:1], zero, episode.class_text


def test_hsmr_changes_no_logit():
    episode = features(shots=[1, 1])
    with_it, without = build(hsmr=True), build(hsmr=False)
    without.load_state_dict(with_it.state_dict(), strict=False)
    torch.testing.assert_close(
        with_it.classify(*episode.for_classify()), without.classify(*episode.for_classify())
    )


def test_a_saved_model_needs_no_other_file_and_is_byte_stable(tmp_path):
    model, episode = build().float(), features(shots=[1, 1])
    spm.save_model(model, tmp_path / "first")
    spm.save_model(model, tmp_path / "second")
    loaded = spm.load_model(tmp_path / "first").double()
    torch.testing.assert_close(
        loaded.classify(*episode.for_classify()),
        model.double().classify(*episode.for_classify()),
    )
    for name in ("model.safetensors", "config.json"):
        first, second = (tmp_path / which / name for which in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_what_is_no_model_folder_says_so(tmp_path):
    with pytest.raises(DataError, match=r"has no config\.json"):
        spm.load_model(tmp_path)
    spm.save_model(build(), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(DataError, match=r"model.safetensors holds no weights"):
        spm.load_model(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1", "is git-lfs's pointer"),
        (b"<html>", "is a web page"),
        (b"", "is empty"),
    ],
)
def test_what_came_in_place_of_the_weights_is_named(tmp_path, content, message):
    spm.save_model(build(), tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=f"model.safetensors {message}"):
        spm.load_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(DataError, match=r"model.safetensors is damaged or cut short .* copy the"):
        spm.load_model(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "calibration.json"])
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("data/model", "`dvc repro train` restores it, or trains it again$"),
        ("kitchen", "copy the recognizer again from where it is whole, or enroll it again$"),
        ("other", "copy the folder again from where it is whole, or give another model folder$"),
    ],
)
def test_a_damaged_model_says_how_to_have_it_again(tmp_path, name, place, said):
    folder = tmp_path / place
    model = build()
    fit = Fit(temperature=1.5, episodes=2, way=2, shot=1, query=1, nll_before=1.0, nll=0.9)
    model.calibration = Calibration(classify=fit, classify_each=fit, reason=None)
    spm.save_model(model, folder)
    if place == "kitchen":
        (folder / "recognizer.json").write_text("{}")
    for content in (b"", (folder / name).read_bytes()[:-20]):
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name} is .*{said}"):
            spm.load_model(folder)
    if name != "calibration.json":
        (folder / name).unlink()
        with pytest.raises(DataError, match=f"is not a model folder: it has no {name}; {said}"):
            spm.load_model(folder)


def test_weights_of_another_model_are_one_line(tmp_path):
    spm.save_model(build(padm=False, hidden_dim=40), tmp_path)
    with pytest.raises(
        DataError, match=r"6 of another shape \(.* and 3 more\), 11 missing \(padm"
    ) as error:
        load_weights(build(), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(tmp_path, value):
    model = build().float()
    name = next(name for name, each in model.state_dict().items() if each.is_floating_point())
    model.state_dict()[name].view(-1)[0] = value
    spm.save_model(model, tmp_path)
    said = rf"model\.safetensors is damaged: 1 with values that are not finite \({name}\)"
    with pytest.raises(DataError, match=said):
        spm.load_model(tmp_path)


def test_encode_video_takes_any_leading_dimensions():
    model = build().float()
    pixels = torch.randint(0, 256, (2, 3, 4, 32, 32, 3), dtype=torch.uint8)
    encoded = model.encode_video(pixels)
    assert encoded.shape == (2, 3, 4, 16)
    torch.testing.assert_close(encoded[1, 2], model.encode_video(pixels[1, 2]))


@pytest.mark.parametrize(
    "pixels", [torch.zeros(4, 31, 32, 3, dtype=torch.uint8), torch.zeros(4, 32, 32, 3)]
)
def test_encode_video_refuses_other_pixels(pixels):
    with pytest.raises(ValueError, match=r"expected uint8 pixels \[..., 32, 32, 3\]; got"):
        build().encode_video(pixels)


def test_classify_refuses_a_class_without_support():
    episode = features(shots=[1, 1])
    episode.class_text = torch.cat([episode.class_text, episode.class_text[:1]])
    with pytest.raises(ValueError, match="each of the 3 classes needs a support clip"):
        build().classify(*episode.for_classify())


@pytest.mark.parametrize("label", [-1, 2])
def test_classify_refuses_a_label_of_no_class(label):
    episode = features(shots=[1, 1])
    episode.support_labels[0] = label
    with pytest.raises(ValueError, match="support labels must be 0 to 1"):
        build().classify(*episode.for_classify())


def test_dropout_acts_in_training_only():
    model, episode = build(attention_dropout=0.5), features(shots=[1, 1])
    arguments = episode.for_classify()
    assert torch.equal(model.classify(*arguments), model.classify(*arguments))
    model.train()
    assert not torch.equal(model.classify(*arguments), model.classify(*arguments))


def test_a_model_of_a_tower_without_text_classifies_without(tmp_path):
    backbone = {"name": "timm/test_resnet.r160_in1k", "image_size": None}
    model = build_model(spec(backbone=backbone, method="otam")).eval()
    spm.save_model(model, tmp_path)
    loaded, size = spm.load_model(tmp_path), model.image_size
    assert spm.encode_classes(["pouring tea"], model=loaded) is None
    pixels = torch.randint(0, 256, (5, 2, size, size, 3), dtype=torch.uint8)
    with torch.no_grad():
        features = loaded.encode_video(pixels)
        logits = loaded.classify(features[:3], torch.tensor([0, 1, 2]), features[3:])
        assert torch.equal(features, model.encode_video(pixels))
    assert features.shape == (5, 2, loaded.channels)
    assert logits.shape == (2, 3)


class TakesMaps(ModelConfig):
    """The section of a method that needs maps."""

    @property
    def needs(self):
        return Needs(features="maps")


def test_a_method_that_needs_maps_gets_them():
    config = TakesMaps(method="of_maps", init_from=None, seed=0)
    plain = spec()
    model = FewShotModel(
        build_backbone(plain.backbone), Method(), config=plain.model_copy(update={"model": config})
    )
    pixels = torch.randint(0, 256, (2, 3, 32, 32, 3), dtype=torch.uint8)
    maps = model.encode_video(pixels)
    assert maps.shape == (2, 3, *model.feature_shape)
    assert torch.equal(maps, model.backbone.maps(pixels))
