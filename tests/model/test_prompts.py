"""Prompt features: every template with every class, stored per template, by a frozen tower."""

import importlib.util
import itertools
import json
import re

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spm.base.errors import ConfigError, DataError
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.config.prompts import CONTROLS, PromptsConfig, TextControl
from spm.model.prompts import PromptFeatures
from spm.model.text_controls import controlled
from spm.model.text_tower import build_tower, encode_classes, encode_sentences, read_alike
from spm.model.towers.clip_text import tokenizer_of
from stages import prompts as stage
from stages.shared import params, paths
from tests import tiny_clip

TEXTS = {"push": "pushing something", "fall": "something falling"}


def _backbone(**changes) -> BackboneConfig:
    return BackboneConfig(
        **read_yaml(params.PARAMS)["backbone"] | {"name": tiny_clip.CONV, "weights": None} | changes
    )


def _encode(*, num_templates: int = 3, **backbone) -> PromptFeatures:
    prompts = PromptsConfig(
        **read_yaml(params.PARAMS)["prompts"] | {"num_templates": num_templates}
    )
    return encode_classes(TEXTS, prompts=prompts, backbone=_backbone(**backbone))


def test_every_template_is_filled_with_every_class_text():
    features = _encode()
    assert features.classes == ["fall", "push"]
    assert features.texts == ["something falling", "pushing something"]
    assert features.features.shape == (3, 2, 16)
    sentence = "A picture of action pushing something"  # the second template of Table 6
    alone = encode_sentences([sentence], backbone=_backbone())[0]
    np.testing.assert_allclose(features.features[1, 1], alone.numpy(), atol=1e-5)


LONG = "very slowly and with great care, " * 20


def _alike(texts: dict[str, str], **changes) -> list[list[str]]:
    values = read_yaml(params.PARAMS)["prompts"] | changes
    return read_alike(texts, prompts=PromptsConfig(**values), backbone=_backbone())


def test_long_texts_that_begin_alike_are_one_to_the_tower():
    texts = {"a": f"{LONG} pushing", "b": f"{LONG} falling", "c": f"pushing {LONG}"}
    assert _alike(texts) == [["a", "b"]]
    assert _alike(TEXTS | {"Push": "Pushing  something"}) == [["Push", "push"]]
    assert _alike(TEXTS, num_templates=1) == []


@pytest.fixture
def run_stage(tmp_path, monkeypatch):
    """Runs the stage on a manifest of these classes: name -> (text, split); on another tower."""
    document = read_yaml(params.PARAMS)
    document["runtime"]["tracking"] = False
    document["prompts"]["num_templates"] = 1
    monkeypatch.chdir(tmp_path)
    paths.MANIFEST.parent.mkdir()

    def run(_backbone: dict[str, object] | None = None, **classes: tuple[str, str]) -> None:
        document["backbone"] |= _backbone or {}
        params.PARAMS.write_text(json.dumps(document))
        rows = [
            {"class": name, "class_text": text, "split": split, "status": "ok"}
            for name, (text, split) in classes.items()
        ]
        pq.write_table(pa.Table.from_pylist(rows), paths.MANIFEST)
        stage.main()

    return run


@pytest.mark.parametrize("other", ["train", "test"])
def test_the_stage_warns_of_them_in_one_split_and_refuses_them_in_two(run_stage, capsys, other):
    classes = {"push": (f"{LONG} push", "train"), "fall": (f"{LONG} fall", other)}
    said = rf"'fall' \({other}\), 'push' \(train\) have prompts that are the same tokens"
    if other == "test":
        with pytest.raises(DataError, match=said):
            run_stage(**classes)
    else:
        run_stage(**classes)
        assert re.search(rf"warning: classes {said}", capsys.readouterr().out)
        assert PromptFeatures.load(paths.PROMPTS).classes == ["fall", "push"]


def test_the_stage_leaves_equal_texts_to_the_manifest(run_stage, capsys):
    run_stage(open_door=("open door", "train"), OpenDoor=("Open  door", "train"))
    assert "warning: classes" not in capsys.readouterr().out


def test_the_ensemble_is_taken_at_use():
    features = _encode()
    np.testing.assert_allclose(features.ensemble("sum"), features.features.sum(0), rtol=1e-5)
    np.testing.assert_allclose(features.ensemble("mean"), features.features.mean(0), rtol=1e-5)
    swapped = features.of(["push", "fall"], how="sum", control="none")
    assert torch.equal(swapped, features.ensemble("sum").flip(0))


def test_fewer_templates_are_the_first_of_more():
    np.testing.assert_allclose(_encode(num_templates=1).features, _encode().features[:1], atol=1e-5)


def test_a_random_tower_tells_classes_apart_and_says_that_it_is_untrained():
    features = _encode()
    assert (features.trained, features.text) == (False, "untrained")
    push, fall = features.of(["push", "fall"], how="sum", control="none")
    assert torch.cosine_similarity(push, fall, dim=0) < 0.99


def test_pretrained_text_weights_are_used(tmp_path, monkeypatch):
    models = tmp_path / "models"
    models.mkdir()
    tiny_clip.register(monkeypatch, models, {tiny_clip.NAME: tiny_clip.CONFIG})
    whole = open_clip.create_model(tiny_clip.NAME).eval()
    torch.save(whole.state_dict(), tmp_path / "clip.pt")
    backbone = {"name": tiny_clip.NAME, "image_size": None}
    features = _encode(**backbone, weights=str(tmp_path / "clip.pt"))
    assert (features.trained, features.text) == (True, "trained")
    tokens = open_clip.get_tokenizer("RN50")(["A photo of action something falling"])
    with torch.no_grad():
        expected = whole.encode_text(tokens)[0]
    np.testing.assert_allclose(features.features[0, 0], expected, atol=1e-5)
    torch.save(whole.visual.state_dict(), tmp_path / "visual.pt")
    with pytest.raises(ConfigError, match=r"visual\.pt does not hold the model's text tower"):
        _encode(**backbone, weights=str(tmp_path / "visual.pt"))


def test_with_weights_open_clip_says_nothing_and_without_it_does(tmp_path, monkeypatch, caplog):
    """It says that nothing was loaded, before its own code has loaded nothing: ours does."""
    (tmp_path / "models").mkdir()
    tiny_clip.register(monkeypatch, tmp_path / "models", {tiny_clip.NAME: tiny_clip.CONFIG})
    torch.save(open_clip.create_model(tiny_clip.NAME).state_dict(), tmp_path / "clip.pt")
    backbone = {"name": tiny_clip.NAME, "image_size": None}
    caplog.clear()
    _encode(**backbone, weights=str(tmp_path / "clip.pt"))
    assert caplog.messages == []
    _encode(**backbone)
    assert any("No pretrained weights loaded" in message for message in caplog.messages)


WITHOUT_TEXT = {"name": "timm/test_vit.r160_in1k", "weights": None, "image_size": None}


@pytest.mark.parametrize("name", ["roberta-ViT-B-32", "ViT-B-16-SigLIP"])
def test_a_text_tower_of_a_package_that_is_not_there_is_one_sentence(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", _without("transformers"))
    backbone = _backbone(name=name)
    with pytest.raises(ConfigError, match=f"^{name} reads texts by the package transformers, wh"):
        build_tower(backbone)
    with pytest.raises(ConfigError, match="pip install transformers"):
        _encode(name=name)
    with pytest.raises(ConfigError, match="pip install transformers"):
        tokenizer_of(backbone)


def _without(package):
    found = importlib.util.find_spec
    return lambda name, *args: None if name == package else found(name, *args)


def test_a_tower_without_text_has_classes_and_texts_and_no_features(tmp_path):
    _encode(**WITHOUT_TEXT).save(tmp_path / "prompts.h5")
    features = PromptFeatures.load(tmp_path / "prompts.h5")
    assert features.features.shape == (3, 2, 0)
    assert (features.classes, features.texts[1]) == (["fall", "push"], "pushing something")
    assert (features.trained, features.text) == (False, "none")
    assert features.of(["push", "fall"], how="sum", control="none") is None
    assert _encode(**WITHOUT_TEXT | {"weights": "pretrained"}).text == "none"
    with pytest.raises(ConfigError, match=r"test_vit\.r160_in1k has no text tower: take an open"):
        encode_sentences(["pushing"], backbone=_backbone(**WITHOUT_TEXT))


def test_the_stage_writes_classes_without_features_where_the_tower_has_no_text(run_stage, capsys):
    run_stage(_backbone=WITHOUT_TEXT, push=(f"{LONG} push", "train"), fall=(f"{LONG} fall", "test"))
    assert "1 templates × 2 classes, C = 0; text: none: the tower has no" in capsys.readouterr().out
    assert PromptFeatures.load(paths.PROMPTS).features.shape == (1, 2, 0)


def test_round_trip_is_byte_stable(tmp_path):
    features = _encode()
    features.save(tmp_path / "a.h5")
    PromptFeatures.load(tmp_path / "a.h5").save(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    loaded = PromptFeatures.load(tmp_path / "b.h5")
    np.testing.assert_array_equal(loaded.features, features.features)
    assert (loaded.classes, loaded.texts) == (features.classes, features.texts)


def test_a_damaged_file_names_the_command_that_rebuilds_it(tmp_path):
    (tmp_path / "prompts.h5").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"prompts\.h5 is damaged .*: dvc repro -f -s prompts$"):
        PromptFeatures.load(tmp_path / "prompts.h5")
    with pytest.raises(DataError, match=r"no\.h5 is missing: build it with dvc repro prompts$"):
        PromptFeatures.load(tmp_path / "no.h5")


def test_the_stage_refuses_weights_of_another_model_first(tmp_path, monkeypatch):
    """Before it reads the manifest, which is not there."""
    _project(tmp_path, monkeypatch, name="RN50", weights="openai")
    with pytest.raises(ConfigError, match=r"set backbone\.name: RN50-quickgelu$"):
        stage.main()


def test_the_stage_warns_where_the_activation_is_doubtful(tmp_path, monkeypatch, capsys):
    _project(tmp_path, monkeypatch, name="RN50-quickgelu", weights="openai")
    monkeypatch.setattr(stage, "doubt", lambda backbone: "nothing tells")
    with pytest.raises(DataError, match=r"manifest\.parquet is missing: build it with dvc repro"):
        stage.main()
    assert "warning: nothing tells" in capsys.readouterr().err


def _project(folder, monkeypatch, **backbone) -> None:
    document = read_yaml(params.PARAMS)
    document["backbone"] |= backbone
    document["runtime"]["tracking"] = False
    monkeypatch.chdir(folder)
    params.PARAMS.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_does_not_depend_on_the_order_of_the_classes(control: TextControl) -> None:
    names = ["a", "b", "c", "d"]
    drawn = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    features = PromptFeatures(drawn, [*names, "of another split"], names, True)
    ordered = features.of(names, how="mean", control=control)
    assert torch.equal(ordered, controlled(torch.from_numpy(drawn.mean(axis=0)[:4]), control))
    for order in itertools.permutations(range(4)):
        found = features.of([names[number] for number in order], how="mean", control=control)
        assert torch.equal(found, ordered[list(order)])
