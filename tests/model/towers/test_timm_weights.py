"""Pretrained weights of timm's towers: every form in circulation, or an error that says why."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import save_file

from spm.base.errors import ConfigError
from spm.model.check_weights import REFUSED, check
from tests import tiny_clip
from tests.import_closure import ROOT
from tests.machines import told
from tests.tiny_clip import NAME as TINY
from tests.towers import RESNET, VIT, config, tower

FORMS = ["safetensors", "state_dict", "wrapped", "training checkpoint", "old torch", "no counters"]


@pytest.fixture
def theirs() -> torch.nn.Module:
    """A trained model as timm has it, with its classifier."""
    torch.manual_seed(3)
    return timm.create_model("test_resnet.r160_in1k")


def _saved(model: torch.nn.Module, form: str, folder: Path) -> Path:
    state, path = model.state_dict(), folder / "model.pth"
    if form == "safetensors":
        save_file(state, folder / "model.safetensors")
        return folder / "model.safetensors"
    if form == "wrapped":
        state = {f"module._orig_mod.{name}": value for name, value in state.items()}
    if form == "training checkpoint":
        state = {"state_dict": state, "epoch": 3, "args": argparse.Namespace(model="resnet")}
    if form == "no counters":
        state = {name: value for name, value in state.items() if "num_batches" not in name}
    torch.save(state, path, _use_new_zipfile_serialization=form != "old torch")
    return path


def _holds(backbone: torch.nn.Module, model: torch.nn.Module) -> bool:
    own = backbone.visual.state_dict()
    return all(torch.equal(own[name], model.state_dict()[name]) for name in own)


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_read_from_every_form_in_circulation(theirs, form, tmp_path):
    path = _saved(theirs, form, tmp_path)
    assert _holds(tower(RESNET, weights=str(path)), theirs)
    assert check(config(RESNET, weights=str(path))) == ""


def test_a_vits_positions_are_made_to_fit_another_size(tmp_path):
    theirs = timm.create_model("test_vit.r160_in1k")
    path = _saved(theirs, "safetensors", tmp_path)
    visual = tower(VIT, weights=str(path), image_size=96).visual
    assert visual.pos_embed.shape[1] == 6 * 6 + 1
    expected = timm.layers.resample_abs_pos_embed(theirs.pos_embed, [6, 6])
    torch.testing.assert_close(visual.pos_embed, expected)
    assert torch.equal(visual.blocks[0].attn.qkv.weight, theirs.blocks[0].attn.qkv.weight)


@pytest.mark.slow
def test_dinov2_is_read_as_its_authors_released_it(tmp_path):
    """Trained at 518 pixels, with a token for what was masked; here at 224."""
    name = "vit_small_patch14_dinov2.lvd142m"
    theirs = timm.create_model(name)
    released = theirs.state_dict() | {"mask_token": torch.zeros(1, 384)}
    torch.save(released, tmp_path / "dinov2_vits14_pretrain.pth")
    weights = str(tmp_path / "dinov2_vits14_pretrain.pth")
    backbone = tower(f"timm/{name}", weights=weights, image_size=224)
    assert backbone.visual.pos_embed.shape[1] == 16 * 16 + 1
    last = "blocks.11.mlp.fc2.weight"
    assert torch.equal(backbone.visual.state_dict()[last], theirs.state_dict()[last])


def test_weights_of_another_model_say_which_tensors_do_not_fit(tmp_path):
    path = _saved(timm.create_model("test_vit.r160_in1k"), "state_dict", tmp_path)
    message = (
        rf"^backbone\.weights: .*model\.pth does not hold {RESNET}: .* unknown \(blocks\.… .*\), "
        r".* missing \(layer3\.… "
    )
    for build in (tower, lambda name, **changes: check(config(name, **changes))):
        with pytest.raises(ConfigError, match=message) as error:
            build(RESNET, weights=str(path))
        assert told("weights of another model than the timm tower").match(str(error.value))


def test_a_tensor_of_another_shape_is_named(theirs, tmp_path):
    state = theirs.state_dict() | {"bn1.weight": torch.ones(3)}
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(ConfigError, match=r"1 of another shape \(bn1\.weight: \[3\], must be "):
        tower(RESNET, weights=str(tmp_path / "model.pth"))


def test_a_clip_is_sent_to_its_own_tower(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    tiny_clip.register(monkeypatch, tmp_path / "models", {TINY: tiny_clip.CONFIG})
    state = tower(TINY).visual.state_dict()
    torch.save({f"visual.{name}": value for name, value in state.items()}, tmp_path / "clip.pt")
    with pytest.raises(ConfigError, match=r"backbone\.weights of an open_clip tower takes it"):
        tower(RESNET, weights=str(tmp_path / "clip.pt"))


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return os.system, ("exit 7",)

    torch.save({"state_dict": Runs()}, tmp_path / "model.pth")
    with pytest.raises(ConfigError, match=r"is refused: it names .*system"):
        tower(RESNET, weights=str(tmp_path / "model.pth"))


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        (RESNET, "openai", r"'openai' is neither a file nor 'pretrained'"),
        ("timm/test_mambaout", "pretrained", r"has none on the hub: give a file, or null"),
        ("timm/legacy_seresnet18.in1k", "pretrained", r"has none on the hub: fetch https?://"),
        ("timm/resnt50.tv_in1k", "pretrained", r"is no model of timm; near it"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_fetched(name, weights, message):
    with pytest.raises(ConfigError, match=message):
        check(config(name, weights=weights))


def test_pretrained_is_what_the_tag_publishes(theirs, tmp_path, monkeypatch):
    """In safetensors where the hub has them, or else in torch's form."""
    path, asked = _saved(theirs, "state_dict", tmp_path), []

    def fetch(repository: str, name: str, revision: str | None) -> str:
        asked.append((repository, name))
        if name == "model.safetensors":
            raise EntryNotFoundError("404")
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    assert check(config(RESNET, weights="pretrained")) == ""
    assert asked == []
    assert _holds(tower(RESNET, weights="pretrained"), theirs)
    repository = "timm/test_resnet.r160_in1k"
    assert asked == [(repository, "model.safetensors"), (repository, "pytorch_model.bin")]


def test_weights_that_cannot_be_fetched_say_where_to_put_the_file(monkeypatch):
    def no_network(*args: object, **kwargs: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", no_network)
    message = r"\(OSError\).* put it for example at models/test_resnet\.r160_in1k\.safetensors"
    with pytest.raises(ConfigError, match=message):
        tower(RESNET, weights="pretrained")


@pytest.mark.slow
def test_the_check_in_a_process_of_its_own_says_what_does_not_fit(theirs, tmp_path):
    path = _saved(theirs, "state_dict", tmp_path)

    def ask(name: str) -> subprocess.CompletedProcess[str]:
        asked = config(name, weights=str(path)).model_dump()
        command = [sys.executable, "-m", "spm.model.check_weights", json.dumps(asked)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    right, wrong = ask(RESNET), ask(VIT)
    assert (right.returncode, right.stdout.strip()) == (0, "")
    assert wrong.returncode == REFUSED
    assert "does not hold timm/test_vit.r160_in1k" in wrong.stdout
