"""TA2N: its equations pair by pair, without its shortcuts; maps of other sizes; shots in order.

Shapes: `K` supports of a class, `T` frames, `C` channels, `H` = `W` of maps.
"""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import spm.methods
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures, prepare
from spm.methods.registry import released_layout
from spm.methods.ta2n.mask import mask
from spm.methods.ta2n.method import Ta2n
from spm.methods.ta2n.warp import interpolation

C, T, WIDTHS = 8, 4, [4, 6]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def head(**values: Any) -> Ta2n:
    """With weights far from their initial ones, and statistics that BatchNorm has seen."""
    model = spm.methods.build("ta2n", channels=C, num_frames=T, widths=WIDTHS, **values)
    assert isinstance(model, Ta2n)
    model = model.double().eval()
    with torch.no_grad():
        for number, (name, value) in enumerate(model.state_dict().items()):
            if value.is_floating_point():
                noise = 0.5 * draw(*value.shape, seed=number)
                value.add_(noise.abs() if name.endswith("running_var") else noise)
    return model


def episode(*leading: int, shots: int, side: int = 4) -> EpisodeFeatures:
    labels = torch.tensor([1, 0] * shots)
    return EpisodeFeatures(
        draw(*leading, 2 * shots, T, C, side, side),
        labels.expand(*leading, -1),
        draw(*leading, 3, T, C, side, side, seed=1),
        None,
        num_classes=2,
    )


def weights_of(model: Ta2n) -> dict[str, Tensor]:
    state = model.state_dict()
    return {theirs: state[ours] for theirs, (ours, _) in released_layout(model).items()}


def blocks(x: Tensor, w: dict[str, Tensor], name: str, pool: tuple[int, int, int]) -> Tensor:
    """[channels, T, H, W]: convolution, BatchNorm, pooling of at most its sides, ReLU; twice."""
    x = x[None]
    for conv, norm in ((0, 1), (4, 5)):
        x = F.conv3d(x, w[f"{name}.{conv}.weight"], w[f"{name}.{conv}.bias"], padding=1)
        of_norm = [w[f"{name}.{norm}.{key}"] for key in ("running_mean", "running_var")]
        x = F.batch_norm(x, *of_norm, w[f"{name}.{norm}.weight"], w[f"{name}.{norm}.bias"])
        sides = [min(one, side) for one, side in zip(pool, x.shape[2:], strict=True)]
        x = F.relu(F.max_pool3d(x, sides))
    return x[0]


def warped(clip: Tensor, w: dict[str, Tensor]) -> Tensor:
    """[C, T, H, W] -> the clip at a τ + b, by torch's own sampling of a grid."""
    name = "align.firststage.locnet"
    x = blocks(clip, w, name, (2, 2, 2)).amax(dim=(1, 2, 3))
    x = F.relu(F.linear(x, w[f"{name}.10.weight"], w[f"{name}.10.bias"]))
    a, b = torch.tanh(F.linear(x, w[f"{name}.12.weight"], w[f"{name}.12.bias"]))
    x_of_one_column = torch.zeros(T, dtype=torch.float64)
    grid = torch.stack(
        [x_of_one_column, a * torch.linspace(-1, 1, T, dtype=torch.float64) + b], dim=-1
    )
    image = clip.transpose(0, 1).flatten(1).T[None, :, :, None]  # [1, C H W, T, 1]
    sampled = F.grid_sample(image, grid[None, :, None], align_corners=True)
    return sampled[0, :, :, 0].T.reshape(T, *clip.shape[:1], *clip.shape[2:]).transpose(0, 1)


def fused(shots: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    key, query, value = (
        w[f"align.{one}net_multi.weight"][..., 0] for one in ("key", "query", "value")
    )
    first = query @ shots[0].mean(dim=(2, 3))
    aligned = []
    for shot in shots:
        a = ((key @ shot.mean(dim=(2, 3))).T @ first / C**0.5).softmax(dim=0)
        values = torch.einsum("dc,cthw->dthw", value, shot)
        aligned.append(torch.einsum("xy,cxhw->cyhw", a, values))
    return torch.stack(aligned).mean(dim=0)


def window(z: float, side: int) -> float:
    return 1.0 if abs(z) < 1 else max(0.0, 1 - (abs(z) - 1) * (side - 1) / 2)


def masked(clip: Tensor, offsets: list[list[float]], shifts: bool) -> Tensor:
    """[C, T, H, W] -> [T, C], position by position."""
    side, out = clip.shape[-1], torch.zeros(T, C, dtype=torch.float64)
    grid = torch.linspace(-1, 1, side, dtype=torch.float64).tolist()
    around = (-0.2, 0.0, 0.2) if shifts else (0.0,)
    for t, (x, y) in enumerate(offsets):
        for dx in around:
            for dy in around:
                rows, columns = (
                    torch.tensor([window(g + o, side) for g in grid], dtype=torch.float64)
                    for o in (y + dy, x + dx)
                )
                one = rows[:, None] * columns
                out[t] += (one / one.sum() * clip[:, t]).sum(dim=(1, 2)) / len(around) ** 2
    return out


def logit(s: Tensor, q: Tensor, w: dict[str, Tensor], shifts: bool) -> float:
    """Of a class's maps and a query's maps, [C, T, H, W] both."""
    name = "align.secondstage"
    key, query, value = (w[f"{name}.{one}net.weight"][..., 0] for one in ("key", "query", "value"))
    v_s, v_q = s.mean(dim=(2, 3)), q.mean(dim=(2, 3))
    a = ((key @ v_s).T @ (query @ v_q) / C**0.5).softmax(dim=1)
    s = s + (value @ v_s)[..., None, None]
    q = q + (value @ v_q @ a.T)[..., None, None]
    x = blocks(torch.cat([s, q]), w, f"{name}.mvnet", (1, 2, 2)).amax(dim=(2, 3))
    x = w[f"{name}.mvnet.10.weight"][..., 0] @ x + w[f"{name}.mvnet.10.bias"][:, None]
    x = w[f"{name}.mvnet.12.weight"][..., 0] @ F.relu(x) + w[f"{name}.mvnet.12.bias"][:, None]
    offset = 0.75 * torch.tanh(x).T
    of_class = masked(s, offset.tolist(), shifts)
    of_query = masked(q, (-offset).tolist(), shifts)
    return -float((1 - F.cosine_similarity(of_class, of_query)).sum())


@pytest.mark.parametrize("side", [7, 4, 2, 1])
@pytest.mark.parametrize(("shots", "shifts"), [(1, True), (2, True), (3, False)])
def test_logits_are_the_equations_at_every_size_of_map(side: int, shots: int, shifts: bool) -> None:
    model, drawn = head(shifts=shifts), episode(shots=shots, side=side)
    w = weights_of(model)
    supports = [warped(clip.transpose(0, 1), w) for clip in drawn.support]
    expected = torch.zeros(3, 2, dtype=torch.float64)
    for n in range(2):
        of_class = [
            one for one, label in zip(supports, drawn.support_labels, strict=True) if label == n
        ]
        s = of_class[0] if shots == 1 else fused(of_class, w)
        for number, clip in enumerate(drawn.query):
            q = warped(clip.transpose(0, 1), w)
            if shots > 1:
                q = torch.einsum("dc,cthw->dthw", w["align.valuenet_multi.weight"][..., 0], q)
            expected[number, n] = logit(s, q, w, shifts)
    assert expected.std() > 1e-3
    torch.testing.assert_close(model.classify(drawn).detach(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shots", [1, 3])
def test_prepared_clips_give_the_same_logits(shots: int) -> None:
    model, drawn = head(), episode(shots=shots)
    prepared = prepare(model, drawn.support, None)
    prepared = prepared._replace(query=prepare(model, drawn.query, None).query)
    nothing = (torch.full_like(each, torch.nan) for each in (drawn.support, drawn.query))
    support, query = nothing
    again = drawn._replace(support=support, query=query, prepared=prepared)
    torch.testing.assert_close(model.classify(again), model.classify(drawn), rtol=0, atol=1e-12)


@pytest.mark.parametrize("leading", [(2,), (2, 3)])
@pytest.mark.parametrize("shots", [1, 2])
def test_a_stack_of_episodes_is_each_of_them(leading: tuple[int, ...], shots: int) -> None:
    model, drawn = head(), episode(*leading, shots=shots)
    last = tuple(size - 1 for size in leading)
    one = EpisodeFeatures(*(each[last] for each in drawn[:3]), None, num_classes=2)
    found = model.classify(drawn)
    torch.testing.assert_close(found[last], model.classify(one), rtol=0, atol=1e-10)


def test_the_first_support_of_a_class_is_the_reference_whatever_the_classes_order() -> None:
    model, drawn = head(), episode(shots=3)
    before = model.classify(drawn)

    def reordered(*order: int) -> Tensor:
        rows = torch.tensor(order)
        labels = drawn.support_labels[rows]
        return model.classify(drawn._replace(support=drawn.support[rows], support_labels=labels))

    torch.testing.assert_close(reordered(1, 3, 5, 0, 2, 4), before, rtol=0, atol=1e-12)
    torch.testing.assert_close(reordered(0, 1, 4, 5, 2, 3), before, rtol=0, atol=1e-12)
    assert not torch.allclose(reordered(2, 3, 0, 1, 4, 5), before, atol=1e-4)


def test_classes_need_as_many_supports_as_the_others() -> None:
    drawn = episode(shots=2)
    labels = torch.tensor([0, 1, 1, 1])
    with pytest.raises(ValueError, match="as many supports"):
        head().classify(drawn._replace(support_labels=labels))


def test_dropout_and_batch_norm_act_in_training_alone() -> None:
    drawn = episode(shots=1)
    model = head(dropout=0.0)
    before = model.classify(drawn)
    statistics = model.coordination.first.norm.running_mean.clone()
    assert not torch.allclose(model.train().classify(drawn), before, atol=1e-4)
    assert not torch.equal(model.coordination.first.norm.running_mean, statistics)
    model = head()
    assert torch.equal(model.classify(drawn), before)
    torch.manual_seed(0)
    first = model.train().classify(drawn)
    assert not torch.allclose(model.classify(drawn), first, atol=1e-4)


def test_the_warp_begins_near_the_clip_itself_and_is_zero_beyond_its_ends() -> None:
    model = spm.methods.build("ta2n", channels=C, num_frames=T, widths=WIDTHS).double().eval()
    affine = model.warp.affine(draw(3, T, C, 4, 4))
    torch.testing.assert_close(affine, torch.tensor([[0.9640275801, 0.0]] * 3, dtype=torch.float64))
    same = interpolation(torch.tensor([1.0, 0.0]).double(), num_frames=T)
    torch.testing.assert_close(same, torch.eye(T).double())
    # One frame later, half of it from the next: the last result lies a whole frame beyond the end.
    late = interpolation(torch.tensor([1.0, 1.0]).double(), num_frames=3)
    assert late.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    half = interpolation(torch.tensor([1.0, 0.5]).double(), num_frames=3)
    assert half.tolist() == [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 0.5]]


@pytest.mark.parametrize("shifts", [True, False])
def test_masks_sum_to_one_and_move_with_the_offset(shifts: bool) -> None:
    offset = torch.tensor([[0.0, 0.0], [0.7, 0.0], [0.0, -0.7]]).double()
    found = mask(offset, height=5, width=7, shifts=shifts)
    assert found.shape == (3, 5, 7)
    torch.testing.assert_close(found.sum(dim=(-2, -1)), torch.ones(3).double())
    if not shifts:
        torch.testing.assert_close(found[0], torch.full((5, 7), 1 / 35).double())
    # +x moves the window to the left columns, −y to the lower rows.
    columns, rows = found[1].sum(dim=0), found[2].sum(dim=1)
    assert columns[0] > columns[-1]
    assert rows[-1] > rows[0]


def test_the_number_of_parameters_and_the_names_are_those_of_the_release() -> None:
    with torch.device("meta"):
        model = spm.methods.build("ta2n", channels=512, num_frames=8)
    assert sum(each.numel() for each in model.parameters()) == 6_674_020
    shapes = {name: tuple(shape) for name, (_, shape) in released_layout(model).items()}
    assert len(shapes) == 42
    for name, shape in {
        "align.firststage.locnet.0.weight": (64, 512, 3, 3, 3),
        "align.firststage.locnet.5.running_var": (128,),
        "align.firststage.locnet.10.weight": (32, 128),
        "align.firststage.locnet.12.bias": (2,),
        "align.secondstage.keynet.weight": (512, 512, 1),
        "align.secondstage.mvnet.0.weight": (128, 1024, 3, 3, 3),
        "align.secondstage.mvnet.1.num_batches_tracked": (),
        "align.secondstage.mvnet.10.weight": (64, 128, 1),
        "align.secondstage.mvnet.12.weight": (2, 64, 1),
        "align.querynet_multi.weight": (512, 512, 1),
    }.items():
        assert shapes[name] == shape


def test_tables_tell_the_variant() -> None:
    assert read_values("ta2n").full_title == "TA2N"
    assert read_values("ta2n", shifts=False).full_title == "TA2N (one mask)"
