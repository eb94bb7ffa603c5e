"""MoLo: its equations clip by clip, its terms, maps of other sizes, and what training alone needs.

Shapes: `T` frames, `C` channels, `H` = `W` of maps.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import spm.methods
from spm.base.errors import ConfigError
from spm.methods.base import EpisodeFeatures, EpisodePixels, Losses, prepare
from spm.methods.molo.method import Molo
from spm.methods.registry import released_layout

C, T, SIDE = 16, 4, 2
LABELS = torch.tensor([2, 0, 1, 1, 0, 2])


def head(**values: Any) -> Molo:
    given = {"heads": 2, "hidden_dim": 24, "dropout": 0.0} | values
    train_classes = given.pop("train_classes", 7)
    built = spm.methods.build(
        "molo", channels=C, num_frames=T, train_classes=train_classes, **given
    )
    assert isinstance(built, Molo)
    return built.double().eval()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def episode(*leading: int, side: int = SIDE, labels: Tensor = LABELS) -> EpisodeFeatures:
    support = draw(*leading, len(labels), T, C, side, side)
    query = draw(*leading, 4, T, C, side, side, seed=1)
    return EpisodeFeatures(support, labels.expand(*leading, -1), query, None, num_classes=3)


QUERY_LABELS, CLASSES = torch.tensor([0, 2, 1, 0]), torch.tensor([6, 0, 3])


def pixels(*, size: int = 32) -> EpisodePixels:
    return EpisodePixels(
        draw(len(LABELS), T, 3, size, size, seed=2), draw(4, T, 3, size, size, seed=3)
    )


def losses(model: Molo, drawn: EpisodeFeatures, **given: Any) -> Losses:
    given = {"classes": CLASSES, "pixels": pixels()} | given
    return model.losses(drawn, QUERY_LABELS, **given)


def sequence(stream: Any, frames: np.ndarray) -> np.ndarray:
    """One clip's frames [L, C] -> [1 + L, C], step by step."""
    weights = {name: value.detach().numpy() for name, value in stream.state_dict().items()}
    x = np.concatenate([weights["token"][0], frames]) * np.sqrt(C / 10)
    for t in range(len(x)):
        for i in range(0, C, 2):
            x[t, i] += np.sin(t / 10000 ** (2 * i / C))
            x[t, i + 1] += np.cos(t / 10000 ** (2 * (i + 1) / C))
    normed = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    normed = normed * weights["attention.norm.weight"] + weights["attention.norm.bias"]
    q, k, v = np.split(normed @ weights["attention.to_qkv.weight"].T, 3, axis=1)
    heads = []
    for h in range(0, C, C // 2):
        part = slice(h, h + C // 2)
        scores = np.exp(q[:, part] @ k[:, part].T / np.sqrt(C // 2))
        heads.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
    joined = np.concatenate(heads, axis=1)
    x = x + joined @ weights["attention.to_out.weight"].T + weights["attention.to_out.bias"]
    fed = x @ weights["feed_forward.0.weight"].T + weights["feed_forward.0.bias"]
    fed = F.gelu(torch.from_numpy(fed)).numpy()
    x = x + fed @ weights["feed_forward.3.weight"].T + weights["feed_forward.3.bias"]
    return np.maximum(x, 0)


def sequences(model: Molo, clip: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """One clip's maps [T, C, H, W] -> b [1 + T, C], m [T, C]."""
    differences = model.differences
    with torch.no_grad():
        r = differences.reduce(clip.transpose(0, 1)[None])[0].transpose(0, 1)
        d = [differences.conv(r[t + 1][None])[0] - r[t] for t in range(T - 1)]
        motion = [F.relu(differences.up(each[None])[0]).mean(dim=(1, 2)).numpy() for each in d]
    frames = clip.mean(dim=(2, 3)).numpy()
    return sequence(model.appearance, frames), sequence(model.motion, np.array(motion))


def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
    return 1 - x @ y.T / (norms + 0.01)


@pytest.mark.parametrize("side", [4, 7, 2])
@pytest.mark.parametrize("labels", [LABELS, torch.tensor([0, 2, 1, 1, 1, 2])])
def test_logits_and_contrast_are_the_equations(side: int, labels: Tensor) -> None:
    model, drawn = head(reconstruction_weight=0.0), episode(side=side, labels=labels)
    with torch.no_grad():
        model.scale.fill_(1.5)
        model.scale_motion.fill_(0.5)
    supports = [sequences(model, clip) for clip in drawn.support]
    logits, contrasts = np.zeros((4, 3)), np.zeros((4, 4, 3))
    for q, clip in enumerate(drawn.query):
        query = sequences(model, clip)
        for n in range(3):
            for stream, (weight, scale) in enumerate([(1.0, 1.5), (0.3, 0.5)]):
                of_class = [
                    each[stream] for each, label in zip(supports, labels, strict=True) if label == n
                ]
                x, prototype = query[stream], np.mean(of_class, axis=0)
                d = distance(x[1:], prototype[1:])
                logits[q, n] -= weight * (d.min(axis=0).sum() + d.min(axis=1).sum())
                s2q, q2s = distance(x[:1], prototype[1:]), distance(x[1:], prototype[:1])
                contrasts[2 * stream, q, n] = -scale * s2q.sum()
                contrasts[2 * stream + 1, q, n] = -scale * q2s.sum()
    found = losses(model, drawn)
    np.testing.assert_allclose(found.logits.detach(), logits, rtol=0, atol=1e-10)
    expected = sum(F.cross_entropy(torch.from_numpy(each), QUERY_LABELS) for each in contrasts)
    torch.testing.assert_close(found.terms["L_contrast"], expected, rtol=0, atol=1e-10)


def test_the_class_loss_is_of_all_clips_and_all_training_classes() -> None:
    model, drawn = head(reconstruction_weight=0.0), episode()
    clips = torch.cat([drawn.support, drawn.query])
    means = [sum(each.mean(axis=0) for each in sequences(model, clip)) for clip in clips]
    logits = model.classifier(torch.from_numpy(np.array(means)))
    expected = F.cross_entropy(logits, CLASSES[torch.cat([LABELS, QUERY_LABELS])])
    torch.testing.assert_close(losses(model, drawn).terms["L_class"], expected)
    without = losses(model, drawn, classes=None).terms["L_class"]
    assert without == 0
    assert head(train_classes=None).classifier is None
    assert head(class_weight=0.0).classifier is None


@pytest.mark.parametrize(("side", "size"), [(7, 224), (4, 50), (2, 64), (2, 30)])
def test_the_decoder_has_the_pixels_size_whatever_the_maps(side: int, size: int) -> None:
    model, drawn = head(), episode(side=side, labels=torch.tensor([0]))
    drawn = drawn._replace(query=drawn.query[:1], num_classes=1)
    seen = EpisodePixels(draw(1, T, 3, size, size, seed=2), draw(1, T, 3, size, size, seed=3))
    with torch.no_grad():
        found = model.losses(drawn, torch.tensor([0]), pixels=seen).terms["L_reconstruct"]
        maps = torch.cat([drawn.support, drawn.query])
        x = model.differences(maps).flatten(end_dim=1)
        for stage, factor in zip(model.decoder.stages, (2, 4, 4), strict=True):
            sides = (x.shape[-1] * factor,) * 2
            x = F.interpolate(x, size=sides, mode="bilinear", align_corners=True)
            x = F.relu(stage.norm(F.conv2d(x, stage.conv.weight, padding=1)))
        assert x.shape[-1] == 32 * side
        x = F.conv2d(x, model.decoder.out.weight, model.decoder.out.bias)
        if size != 32 * side:
            x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=True)
    images = torch.cat(seen)
    target = (images[:, 1:] - images[:, :-1]).flatten(end_dim=1)
    torch.testing.assert_close(found, F.mse_loss(x, target))


def test_the_total_weighs_the_terms_and_only_reconstruction_is_not_divided() -> None:
    weights = {"class_weight": 0.7, "contrast_weight": 0.2, "reconstruction_weight": 0.3}
    found = losses(head(**weights), episode())
    terms = found.terms
    torch.testing.assert_close(found.regularizers, 0.3 * terms["L_reconstruct"])
    expected = terms["L_CE"] + 0.7 * terms["L_class"] + 0.2 * terms["L_contrast"]
    torch.testing.assert_close(found.total, expected + found.regularizers)
    assert all(value > 0 for value in terms.values())


def test_without_pixels_reconstruction_is_an_error_and_without_its_weight_none_are_needed() -> None:
    with pytest.raises(ValueError, match=r"no pixels came.*model.reconstruction_weight to 0"):
        losses(head(), episode(), pixels=None)
    model = head(reconstruction_weight=0.0)
    assert model.decoder is None
    found = losses(model, episode(), pixels=None)
    assert found.terms["L_reconstruct"] == found.regularizers == 0


def test_prepared_clips_give_the_same_logits() -> None:
    model, drawn = head(), episode()
    prepared = prepare(model, drawn.support, None)
    prepared = prepared._replace(query=prepare(model, drawn.query, None).query)
    nothing = torch.full_like(drawn.support, torch.nan), torch.full_like(drawn.query, torch.nan)
    again = EpisodeFeatures(nothing[0], LABELS, nothing[1], None, 3, prepared)
    torch.testing.assert_close(model.classify(again), model.classify(drawn), rtol=0, atol=1e-12)


@pytest.mark.parametrize("leading", [(2,), (2, 3)])
def test_a_stack_of_episodes_is_each_of_them(leading: tuple[int, ...]) -> None:
    model, drawn = head(), episode(*leading)
    found = model.classify(drawn)
    last = tuple(size - 1 for size in leading)
    one = drawn._replace(
        support=drawn.support[last], support_labels=LABELS, query=drawn.query[last]
    )
    torch.testing.assert_close(found[last], model.classify(one), rtol=0, atol=1e-10)


def test_the_explanation_pairs_the_nearest_frames_of_appearance() -> None:
    found = head(motion_weight=0.0).explain(episode())
    assert found.distance.shape == found.weights.shape == (4, 3, T, T)
    logits = head(motion_weight=0.0).classify(episode())
    torch.testing.assert_close((found.distance * found.weights).sum(dim=(-1, -2)), -logits)


def test_a_released_file_fills_it_with_or_without_what_serves_training() -> None:
    whole = head()
    state = {
        theirs: torch.ones(shape) * len(theirs)
        for theirs, (_, shape) in released_layout(whole).items()
    }
    for name in (
        "class_token_motion",
        "temporal_atte_before_motion.layers.0.0.fn.to_qkv.weight",
        "temporal_atte_before.layers.0.1.net.3.bias",
        "motion_up.weight",
        "classification_layer.bias",
        "up2.conv.double_conv.1.running_var",
        "outc.conv.weight",
        "scale_motion",
    ):
        assert name in state
    small = head(train_classes=None, reconstruction_weight=0.0)
    for model in (whole, small):
        spm.methods.load_released(model, state | {"backbone.conv1.weight": torch.ones(1)})
        for theirs, (ours, _) in released_layout(model).items():
            assert torch.equal(model.state_dict()[ours].float(), state[theirs].float()), ours


def test_the_number_of_parameters_is_that_of_the_release() -> None:
    with torch.device("meta"):
        model = spm.methods.build("molo", channels=512, num_frames=8, train_classes=64)
    assert sum(each.numel() for each in model.parameters()) == 7_404_117


def test_heads_divide_the_channels() -> None:
    with pytest.raises(ConfigError, match=r"model.heads = 3: .* 16 channels .* to 2 or 4"):
        head(heads=3)
