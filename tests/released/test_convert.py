"""Released checkpoints: read, used and written back, on synthetic ones with the released names."""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import spm
from spm.base.errors import ConfigError, DataError
from spm.base.yaml_file import read_yaml
from spm.convert import main as convert
from spm.model.backbone import WEIGHTS_FILE
from spm.model.calibration import NOT_CALIBRATED, save_calibration
from spm.model.model import build_model, load_weights
from spm.released.convert import EXTRAS_FILE, from_released, to_released
from stages.shared import params
from tests import models, reference, tiny_clip
from tests.machines import told
from tests.model.test_torch_file import WritesAFile, renamed
from tests.towers import RESNET

C, HEADS, HIDDEN = 24, 8, 40

# What each tensor of a released head does, in the names of tests/reference.py.
MEANING = {
    "motion_conv1": "phi.1",
    "motion_conv2": "phi.2",
    "token_tr.mlp.net.0": "upsilon.1",
    "token_tr.mlp.net.3": "upsilon.2",
    "gate_vision.0": "psi_v.1",
    "gate_vision.2": "psi_v.2",
    "gate_text.0": "psi_p.1",
    "gate_text.2": "psi_p.2",
} | {
    f"{context}.layers.0.{part}": f"{transformer}.{name}"
    for context, transformer in (("context1", "padm"), ("context2", "sf"))
    for part, name in {
        "0.norm": "norm",
        "0.fn.to_q": "q",
        "0.fn.to_k": "k",
        "0.fn.to_v": "v",
        "0.fn.to_out.0": "out",
        "1.net.0": "up",
        "1.net.3": "down",
    }.items()
}


@pytest.fixture(autouse=True)
def _tiny_model(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    wide = tiny_clip.CONFIG | {"embed_dim": 512}
    models = {tiny_clip.NAME: tiny_clip.CONFIG, "tiny-512": wide}
    tiny_clip.register(monkeypatch, tmp_path_factory.mktemp("models"), models)


def head(
    *, channels: int = C, head_dim: int = 6, hidden: int = HIDDEN, gates: tuple[int, int] = (12, 36)
) -> dict[str, Tensor]:
    """Random tensors under the names that a released checkpoint has, the tower left out."""
    rng = torch.Generator().manual_seed(0)
    width = HEADS * head_dim
    state = {"scale": torch.tensor([1.5]), "mo_alpha1": torch.tensor(0.7)}

    def linear(name: str, entering: int, leaving: int, *, bias: bool = True) -> None:
        state[f"{name}.weight"] = torch.randn(leaving, entering, generator=rng) / entering**0.5
        if bias:
            state[f"{name}.bias"] = torch.randn(leaving, generator=rng)

    for name in ("motion_conv1", "motion_conv2"):
        linear(name, 3 * channels, channels)
        state[f"{name}.weight"] = state[f"{name}.weight"].reshape(channels, channels, 3)
    for name, between in (("gate_vision.", gates[0]), ("gate_text.", gates[1])):
        linear(f"{name}0", channels, between)
        linear(f"{name}2", between, channels)
    for name in ("token_tr.mlp.net.", "context1.layers.0.1.net.", "context2.layers.0.1.net."):
        linear(f"{name}0", channels, hidden)
        linear(f"{name}3", hidden, channels)
    for name in ("context1.layers.0.0.", "context2.layers.0.0."):
        state[f"{name}norm.weight"] = 1 + 0.1 * torch.randn(channels, generator=rng)
        state[f"{name}norm.bias"] = torch.randn(channels, generator=rng)
        for which in "qkv":
            linear(f"{name}fn.to_{which}", channels, width, bias=False)
        linear(f"{name}fn.to_out.0", width, channels)
    return state


def checkpoint(
    path: Path, *, tower: str = tiny_clip.NAME, wrapped: bool = False, half: bool = False, **sizes
) -> dict[str, Tensor]:
    """Writes a whole released checkpoint; returns its tensors."""
    torch.manual_seed(1)
    visual = open_clip.create_model(tower).visual
    if half:
        visual = visual.half()
    prefix = "backbone.module." if wrapped else "backbone."
    state = head(**sizes) | {prefix + name: value for name, value in visual.state_dict().items()}
    torch.save({"model_state_dict": state, "epoch": 7}, path)
    return state


@pytest.mark.parametrize(("wrapped", "half"), [(False, False), (True, False), (False, True)])
def test_there_and_back_is_exact(tmp_path: Path, wrapped: bool, half: bool) -> None:
    state = checkpoint(tmp_path / "best.pt", wrapped=wrapped, half=half)
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    to_released(tmp_path / "model", tmp_path / "back.pt")
    back = torch.load(tmp_path / "back.pt", weights_only=True)["model_state_dict"]
    assert back.keys() == state.keys()
    for name, value in state.items():
        assert back[name].dtype == value.dtype, name
        assert torch.equal(back[name], value), name


def test_ours_there_and_back_is_exact(tmp_path: Path) -> None:
    backbone = {"name": tiny_clip.NAME, "image_size": None}
    model = models.build(backbone=backbone, heads=HEADS, learn_lambda3=True).float()
    torch.nn.init.constant_(model.method.lambda3_scale, 0.3)
    spm.save_model(model, tmp_path / "first")
    to_released(tmp_path / "first", tmp_path / "there.pt")
    from_released(tmp_path / "there.pt", tmp_path / "second", backbone=tiny_clip.NAME)
    first, second = (tmp_path / which / "model.safetensors" for which in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_converted_model_is_not_calibrated_whatever_the_folder_held(tmp_path: Path) -> None:
    checkpoint(tmp_path / "best.pt")
    save_calibration(models.calibrated(classify=2.0, classify_each=2.0), tmp_path / "model")
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    assert spm.load_model(tmp_path / "model").calibration == NOT_CALIBRATED


def test_a_fixed_weight_is_written_as_the_scalar_one(tmp_path: Path) -> None:
    backbone = {"name": tiny_clip.NAME, "image_size": None}
    spm.save_model(models.build(backbone=backbone).float(), tmp_path / "model")
    to_released(tmp_path / "model", tmp_path / "there.pt")
    state = torch.load(tmp_path / "there.pt", weights_only=True)["model_state_dict"]
    assert torch.equal(state["mo_alpha1"], torch.ones(()))
    assert torch.equal(state["scale"], torch.ones(1))


def test_the_whole_head_means_what_the_released_one_does(tmp_path: Path) -> None:
    """At the size of ViT-B/16's, against the plain reference, which knows nothing of our names."""
    sizes = {"channels": 512, "head_dim": 256, "hidden": 2048, "gates": (256, 768)}
    state = checkpoint(tmp_path / "best.pt", tower="tiny-512", **sizes)
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone="tiny-512", alpha=0.353)
    model = spm.load_model(tmp_path / "model").double()
    weights = {
        f"{MEANING[layer]}.{kind}": value.double().numpy()
        for layer, kind, value in (
            (*name.rsplit(".", 1), value) for name, value in state.items() if "." in name
        )
        if layer in MEANING
    }
    switches = reference.Switches(
        text_ensemble="mean",
        motion_reduction="mean",
        prompt_visual_mean="time+channels",
        distance="squared",
        consistency_reduction="mean",
        lambda4=0.0,
        alpha=0.353,
    )
    episode = models.features(shots=[1, 1], query=1, frames=3, channels=512)
    expected = reference.train(
        episode.support.numpy(),
        episode.support_labels.tolist(),
        episode.query.numpy(),
        episode.query_labels.tolist(),
        episode.class_text.numpy()[None],
        weights,
        switches,
    )
    losses = models.losses_of(model, *episode.for_losses())
    logits = model.classify(*episode.for_classify()).detach().numpy()
    np.testing.assert_allclose(logits, expected["logits"], rtol=0, atol=1e-8)
    assert losses.terms["L_H"].item() == pytest.approx(float(expected["L_H"]), rel=1e-12)
    scaled = expected["L_CE"] + 0.001 * float(state["mo_alpha1"]) * expected["L_H"]
    assert losses.total.item() == pytest.approx(float(scaled), rel=1e-12)


def test_the_tower_is_openais(tmp_path: Path) -> None:
    state = checkpoint(tmp_path / "best.pt")
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    model = spm.load_model(tmp_path / "model")
    tower = open_clip.create_model(tiny_clip.NAME).visual.eval()
    tower.load_state_dict(
        {k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone.")}
    )
    pixels = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():  # the release does not normalise
        expected = tower(pixels.permute(0, 3, 1, 2).float() / 255)
        torch.testing.assert_close(model.encode_video(pixels), expected)


def test_sizes_come_from_shapes_and_the_rest_from_options(tmp_path: Path) -> None:
    checkpoint(tmp_path / "best.pt", gates=(10, 24))
    spec = from_released(
        tmp_path / "best.pt",
        tmp_path / "model",
        backbone=tiny_clip.NAME,
        heads=4,
        gate_slope=0.054,
        num_frames=16,
    )
    found = spec.model
    assert (found.heads, found.head_dim, found.hidden_dim) == (4, 12, HIDDEN)
    assert (found.gate_visual_ratio, found.gate_prompt_ratio) == (10 / 24, 1.0)
    assert (found.alpha, found.gate_slope, spec.frames.num_segments) == (0.2, 0.054, 16)
    assert spm.load_model(tmp_path / "model").config == spec
    assert spec.selection == "test"


def test_a_model_can_start_from_it(tmp_path: Path) -> None:
    state = checkpoint(tmp_path / "best.pt", half=True)
    spec = from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    model = build_model(spec, load_backbone_weights=False)
    load_weights(model, tmp_path / "model")
    assert torch.equal(model.backbone.visual.proj, state["backbone.proj"].float())
    assert model.method.lambda3_scale.item() == pytest.approx(0.7)


@pytest.mark.parametrize("tower", ["RN50-quickgelu", "ViT-B-16-quickgelu"])
def test_both_towers_of_the_release_are_told_apart_by_their_names(
    tmp_path: Path, tower: str
) -> None:
    """Of the wrong sizes, so that the test stays small: the error is about shapes alone."""
    with torch.device("meta"):
        visual = open_clip.create_model(tower, device="meta").visual
    state = {f"backbone.{name}": torch.zeros(1) for name in visual.state_dict()}
    torch.save({"model_state_dict": head() | state}, tmp_path / "best.pt")
    with pytest.raises(
        DataError, match=r"(?s)do not fit together.*of another shape \(backbone\.\w+.*: \[1\], must"
    ):
        from_released(tmp_path / "best.pt", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_unknown_and_missing_keys_are_said_in_a_line(tmp_path: Path) -> None:
    state = checkpoint(tmp_path / "best.pt")
    del state["gate_text.2.bias"], state["backbone.conv1.weight"], state["scale"]
    state["text_encoder.weight"] = torch.zeros(1)
    torch.save({"model_state_dict": state}, tmp_path / "best.pt")
    with pytest.raises(DataError) as error:
        from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    assert str(error.value) == (
        f"{tmp_path / 'best.pt'} does not have the parameters of a released CLIP-SPM: 1 unknown "
        "(text_encoder.weight), 3 missing (backbone.conv1.weight, gate_text.2.bias, scale)"
    )


@pytest.mark.parametrize("tower", ["RN50-quickgelu", "ViT-B-16-quickgelu"])
def test_a_wholly_different_checkpoint_is_a_line_that_says_where_it_belongs(
    tmp_path: Path, tower: str
) -> None:
    with torch.device("meta"):
        names = open_clip.create_model(tower, device="meta").state_dict()
    state = {name: torch.zeros(1) for name in names}
    torch.save({"model_state_dict": state}, tmp_path / "best.pt")
    with pytest.raises(DataError, match=told("CLIP's own weights, to convert").pattern) as error:
        from_released(tmp_path / "best.pt", tmp_path / "model")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("spelling", ["numpy._core.multiarray", "numpy.core.multiarray"])
def test_what_training_leaves_beside_the_weights_is_passed_over(
    tmp_path: Path, spelling: str
) -> None:
    """The release's `acc` is a NumPy scalar, in the words of NumPy 1 or 2."""
    state = checkpoint(tmp_path / "best.pt", half=True)
    content = {
        "model_state_dict": state,
        "acc": np.array([70.0, 76.0]).mean(),
        "args": argparse.Namespace(dataset="hmdb51", out=Path("runs")),
        "optimizer": torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    written = renamed(buffer, "numpy._core.multiarray", spelling, archive=True)
    (tmp_path / "best.pt").write_bytes(written)
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    saved = load_file(tmp_path / "model" / WEIGHTS_FILE)
    assert torch.equal(
        saved["padm.transformer.attention.norm.weight"], state["context1.layers.0.0.norm.weight"]
    )


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
@pytest.mark.parametrize("wrapped", [True, False])
def test_what_stands_before_every_key_is_left_out(
    tmp_path: Path, prefix: str, wrapped: bool
) -> None:
    state = checkpoint(tmp_path / "best.pt", wrapped=wrapped)
    from_released(tmp_path / "best.pt", tmp_path / "plain", backbone=tiny_clip.NAME)
    state = {prefix + name: value for name, value in state.items()}
    torch.save({"model_state_dict": state}, tmp_path / "best.pt")
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    for file in (WEIGHTS_FILE, EXTRAS_FILE, "config.json"):
        assert (tmp_path / "model" / file).read_bytes() == (tmp_path / "plain" / file).read_bytes()


def test_a_prefix_before_some_of_the_keys_is_a_line(tmp_path: Path) -> None:
    state = checkpoint(tmp_path / "best.pt")
    mixed = {("" if "context" in name else "module.") + name: state[name] for name in state}
    torch.save({"model_state_dict": mixed}, tmp_path / "best.pt")
    with pytest.raises(DataError, match=told("`module.` before some tensors").pattern) as error:
        from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {}}, r"has no 'model_state_dict' with tensors by name; it has: state_dict"),
        *(
            ({"model_state_dict": state}, r"has no 'model_state_dict' with tensors by name")
            for state in ({"scale": 1.0}, {}, Path("x"), {1: torch.ones(1)})
        ),
        ({f"layer{number}": 0 for number in range(9)}, r"it has: layer0, .*layer4, and 4 more"),
        ([torch.ones(1)], r"it is a list"),
    ],
)
def test_what_is_no_released_checkpoint_says_so(tmp_path: Path, content, message: str) -> None:
    torch.save(content, tmp_path / "best.pt")
    with pytest.raises(DataError, match=message):
        from_released(tmp_path / "best.pt", tmp_path / "model")
    with pytest.raises(DataError, match=r"nothing\.pt cannot be read: No such file"):
        from_released(tmp_path / "nothing.pt", tmp_path / "model")
    (tmp_path / "page.pt").write_text("<!DOCTYPE html>", encoding="utf-8")
    with pytest.raises(DataError, match=r"page\.pt is a web page"):
        from_released(tmp_path / "page.pt", tmp_path / "model")
    save_file({"scale": torch.ones(1)}, tmp_path / "best.safetensors")
    with pytest.raises(DataError, match=r"it is no torch file"):
        from_released(tmp_path / "best.safetensors", tmp_path / "model")


def test_torchscript_is_refused_before_it_runs(tmp_path: Path) -> None:
    trap = tmp_path / "it_ran"
    torch.jit.save(torch.jit.script(WritesAFile(trap)), tmp_path / "best.pt")
    with pytest.raises(DataError, match=r"best\.pt is a TorchScript archive, which may run code"):
        from_released(tmp_path / "best.pt", tmp_path / "model")
    assert not trap.exists()


def test_a_model_that_is_not_the_releases_cannot_be_written(tmp_path: Path) -> None:
    backbone = {"name": tiny_clip.NAME, "image_size": None}
    spm.save_model(models.build(backbone=backbone, padm=False, fusion="concat"), tmp_path / "part")
    with pytest.raises(DataError, match=r": 19 missing \(context1\.… 11, gate_text\.… 4"):
        to_released(tmp_path / "part", tmp_path / "there.pt")
    resnet = {"name": RESNET}
    spm.save_model(models.build(backbone=resnet, method="otam"), tmp_path / "timm")
    with pytest.raises(DataError, match=f"has the tower '{RESNET}'"):
        to_released(tmp_path / "timm", tmp_path / "there.pt")
    assert not (tmp_path / "there.pt").exists()


@pytest.mark.parametrize("shape", [(), (0, 3)])
@pytest.mark.parametrize(
    "layer", ["motion_conv1", "context1.layers.0.0.fn.to_q", "token_tr.mlp.net.0", "gate_text.0"]
)
def test_a_tensor_that_tells_no_size_is_named(tmp_path: Path, layer: str, shape: Any) -> None:
    state = checkpoint(tmp_path / "best.pt") | {f"{layer}.weight": torch.zeros(shape)}
    torch.save({"model_state_dict": state}, tmp_path / "best.pt")
    with pytest.raises(DataError, match=rf"{layer}\.weight is .*, and no layer's"):
        from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)


def test_heads_that_do_not_divide_the_queries_are_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path / "best.pt")
    with pytest.raises(DataError, match="48 channels, not a multiple of 7 heads"):
        from_released(tmp_path / "best.pt", tmp_path / "m", backbone=tiny_clip.NAME, heads=7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": RESNET}, rf"backbone = '{RESNET}': released checkpoints hold CLIP's"),
        ({"backbone": "RN50"}, r"--backbone RN50 has GELU, .*: --backbone RN50-quickgelu$"),
        ({"backbone": "ViT-B-16"}, r"^--backbone ViT-B-16 has .*: --backbone ViT-B-16-quickgelu$"),
        ({"heads": 0}, r"model\.heads = 0: .*greater than or equal to 1"),
        ({"num_frames": 1}, r"frames\.num_segments = 1: .*greater than or equal to 2"),
    ],
)
def test_options_that_no_model_can_have_are_refused(tmp_path: Path, options, message: str) -> None:
    checkpoint(tmp_path / "best.pt")
    with pytest.raises(ConfigError, match=message):
        from_released(tmp_path / "best.pt", tmp_path / "model", **options)


@pytest.mark.parametrize("file", [WEIGHTS_FILE, EXTRAS_FILE])
def test_a_damaged_folder_is_named(tmp_path: Path, file: str) -> None:
    checkpoint(tmp_path / "best.pt")
    from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    (tmp_path / "model" / file).write_bytes(b"nonsense")
    with pytest.raises(DataError, match=f"{file} holds no weights"):
        to_released(tmp_path / "model", tmp_path / "back.pt")


def test_templates_are_those_of_params_yaml(tmp_path: Path) -> None:
    checkpoint(tmp_path / "best.pt")
    spec = from_released(tmp_path / "best.pt", tmp_path / "model", backbone=tiny_clip.NAME)
    assert spec.prompts.templates == read_yaml(params.PARAMS)["prompts"]["templates"]


def test_on_the_command_line(tmp_path: Path, monkeypatch, capsys) -> None:
    checkpoint(tmp_path / "best.pt")
    source, folder, back = (str(tmp_path / name) for name in ("best.pt", "model", "back.pt"))
    options = ["--backbone", tiny_clip.NAME, "--alpha", "0.86"]
    monkeypatch.setattr(sys, "argv", ["convert", source, folder, *options])
    convert()
    said = capsys.readouterr().out
    assert "8 heads of 6, hidden_dim 40, gate ratios 0.5 and 1.5, alpha 0.86" in said
    monkeypatch.setattr(sys, "argv", ["convert", "--back", folder, back])
    convert()
    assert Path(back).is_file()
    assert load_file(tmp_path / "model" / EXTRAS_FILE)["scale"].tolist() == [1.5]
