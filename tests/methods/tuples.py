"""What the methods on frame tuples are tested with: episodes, and the equations' small parts."""

from itertools import combinations

import numpy as np
import torch

from spm.methods.base import EpisodeFeatures, Method, Prepared, prepare
from tests import models

Weights = dict[str, np.ndarray]


def episode(
    *, shots: list[int], frames: int = 4, channels: int = 16, maps: int | None = None, seed: int = 0
) -> EpisodeFeatures:
    """Random frames; with `maps`, random feature maps of that side."""
    drawn = models.features(shots=shots, frames=frames, channels=channels, seed=seed)
    support, query = drawn.support, drawn.query
    if maps is not None:
        rng = torch.Generator().manual_seed(seed)
        support, query = (
            torch.rand(*each.shape, maps, maps, generator=rng, dtype=torch.float64)
            for each in (support, query)
        )
    return EpisodeFeatures(support, drawn.support_labels, query, None, num_classes=len(shots))


def stacked(episodes: list[EpisodeFeatures]) -> EpisodeFeatures:
    support, labels, query = (torch.stack(each) for each in list(zip(*episodes, strict=True))[:3])
    return EpisodeFeatures(support, labels, query, None, episodes[0].num_classes)


def prepared(method: Method, drawn: EpisodeFeatures) -> EpisodeFeatures:
    """`drawn` with the result of `prepare` for each of its clips."""
    sides = []
    for number, clips in enumerate((drawn.support, drawn.query)):
        leading = drawn.support_labels.dim()
        of_clips = prepare(method, clips.flatten(0, leading - 1), None)
        assert of_clips is not None
        sides.append(of_clips[number].unflatten(0, clips.shape[:leading]))
    return drawn._replace(prepared=Prepared(*sides))


def randomized(method: Method, *, seed: int = 1) -> Weights:
    """Fills the method with random weights; returns them by their names in the release."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in method.parameters():
            value.copy_(torch.randn(value.shape, generator=rng, dtype=value.dtype) * 0.4)
    return {
        method.released_name(name): value.detach().numpy()
        for name, value in method.named_parameters()
    }


def positioned(frames: np.ndarray) -> np.ndarray:
    """PE-T: frames [T, C] + 0.1 P."""
    length, channels = frames.shape
    table = np.zeros_like(frames)
    for t in range(length):
        for c in range(channels):
            angle = t * 10000.0 ** (-(c - c % 2) / channels)
            table[t, c] = np.cos(angle) if c % 2 else np.sin(angle)
    return frames + 0.1 * table


def tuples(frames: np.ndarray, size: int) -> np.ndarray:
    """[T, C] -> [L, size · C]."""
    return np.array([np.concatenate(each) for each in combinations(frames, size)])


def linear(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return normed * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def trx_logits(
    classes: list[list[np.ndarray]], query: np.ndarray, weights: Weights, prefixes: dict[int, str]
) -> list[float]:
    """TRX's logits of one query [T, C]: classes hold supports [T, C]; prefixes: size -> name."""
    found = []
    for supports in classes:
        of_sizes = []
        for size, prefix in prefixes.items():

            def key(frames: np.ndarray, size: int = size, prefix: str = prefix) -> np.ndarray:
                out = linear(tuples(positioned(frames), size), weights, f"{prefix}k_linear")
                return layer_norm(out, weights, f"{prefix}norm_k")

            def value(frames: np.ndarray, size: int = size, prefix: str = prefix) -> np.ndarray:
                return linear(tuples(positioned(frames), size), weights, f"{prefix}v_linear")

            keys = np.concatenate([key(each) for each in supports])
            values = np.concatenate([value(each) for each in supports])
            attention = softmax(key(query) @ keys.T / np.sqrt(keys.shape[1]))
            difference = value(query) - attention @ values
            of_sizes.append(-(difference**2).sum() / len(difference))
        found.append(float(np.mean(of_sizes)))
    return found


def of_classes(drawn: EpisodeFeatures) -> list[list[np.ndarray]]:
    """The supports of each class."""
    return [
        list(drawn.support[drawn.support_labels == number].numpy())
        for number in range(drawn.num_classes)
    ]
