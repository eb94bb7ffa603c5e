"""Classifying by a tower as it is: every kind of tower, and what is refused before work starts."""

import shutil
import sys
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch

from pipeline.presets.load_preset import load_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.builtin_clip.model.registered import open_clip
from spm.classify import main
from spm.config.dotted import flatten
from spm.config.model import method_names, read_values
from spm.model.model import save_model
from spm.model.towers import table
from spm.predict import main as predict
from spm.recognition import from_tower
from spm.recognition.by_examples import classify_clips
from spm.recognition.from_tower import model_from_tower
from stages.shared import params
from tests import tiny_clip
from tests.import_closure import ROOT
from tests.machines import told
from tests.recognition.examples import video
from tests.towers import RESNET

BUILT_IN = "builtin-clip"
UNTRAINED = {"bi_mhm", "mean_pooled_cosine", "otam", "protonet", "zero_shot"}
pytestmark = pytest.mark.usefixtures("reads")
CLIPS = ROOT.parent / "shared/clips"
"""Real clips in a folder per class, where a checkout has them."""


@pytest.fixture(autouse=True)
def _nothing_but_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder: two classes and two queries; neither params.yaml nor git."""
    monkeypatch.chdir(tmp_path)
    names = ("support/TurningUp/a", "support/TurningUp/b", "support/fading/c", "q1", "q2")
    for number, name in enumerate(names):
        video(Path(f"{name}.mp4"), seed=number)
    Path("broken.mp4").write_text("no video")


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, support: str | Path = "support"
) -> int:
    given = ["classify", "--support", support, *arguments]
    monkeypatch.setattr(sys, "argv", [*map(str, given)])
    return main()


@pytest.fixture
def tower(request: pytest.FixtureRequest) -> str:
    """NAME or NAME:FILE of a tower of each kind."""
    torch.manual_seed(0)
    if request.param == "open_clip":
        torch.save(open_clip.create_model(tiny_clip.CONV).state_dict(), "a:b.pt")
        return f"{tiny_clip.CONV}:a:b.pt"
    if request.param == "timm":
        torch.save(timm.create_model(RESNET.removeprefix("timm/")).state_dict(), "model.pth")
        return f"{RESNET}:model.pth"
    return BUILT_IN


KINDS = ["builtin", "open_clip", "timm"]


@pytest.mark.parametrize("tower", KINDS, indirect=True)
def test_a_tower_of_every_kind_classifies_clips(
    tower: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--tower", tower, "q1.mp4", "support/fading/c.mp4") == 0
    who, conditions, what, _, *lines = capsys.readouterr().out.splitlines()
    name, _, weights = tower.partition(":")
    assert who.startswith(f"OTAM, not trained, on the weights {weights or 'built-in'} of {name}")
    assert what == "percentages: not calibrated: they rank the classes, and say no more"
    assert conditions == "2 classes, 3 support clips; each clip on its own; text: not used"
    assert lines[0] == "q1.mp4"
    assert lines[4] == "support/fading/c.mp4"
    assert lines[5].split()[0] == "fading"  # a support clip is nearest to itself
    assert sum(float(line.split()[1]) for line in lines[5:]) == pytest.approx(100, abs=0.02)


def test_it_says_that_the_built_in_tower_has_seen_rendered_frames(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--tower", BUILT_IN, "q1.mp4") == 0
    assert "built-in of builtin-clip, made of rendered frames" in capsys.readouterr().out


@pytest.mark.parametrize("method", sorted(UNTRAINED))
def test_every_method_without_parameters_classifies(
    method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--tower", BUILT_IN, "--method", method, "--frames", "4"]
    assert run(monkeypatch, *options, "q1.mp4") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{read_values(method).full_title}, not trained")
    assert f"text: {'trained' if method == 'zero_shot' else 'not used'}" in said


def test_zero_shots_are_the_folders_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clips in the folders change nothing."""
    model = model_from_tower(BUILT_IN, method="zero_shot")
    before = classify_clips(["q1.mp4"], model=model, support="support")
    shutil.copy("support/fading/c.mp4", "support/TurningUp/a.mp4")
    assert classify_clips(["q1.mp4"], model=model, support="support") == before
    Path("support/TurningUp").rename("support/a striped red thing")
    renamed = classify_clips(["q1.mp4"], model=model, support="support")[Path("q1.mp4")]
    assert renamed["fading"] != pytest.approx(before[Path("q1.mp4")]["fading"], abs=1e-4)


def test_a_clip_that_cannot_be_read_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--tower", BUILT_IN, "broken.mp4", "q1.mp4") == 1
    printed = capsys.readouterr()
    assert "\nq1.mp4\n" in printed.out
    assert "broken.mp4: not classified: " in printed.err
    with pytest.raises(ValueError, match=r"^clips that cannot be read:\n  broken\.mp4: .*\n  none"):
        classify_clips(
            ["broken.mp4", "q1.mp4", "none.mp4"],
            model=model_from_tower(BUILT_IN),
            support="support",
        )


def test_python_gives_the_probabilities_that_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--tower", BUILT_IN, "q1.mp4", "q2.mp4") == 0
    answers = classify_clips(
        ["q1.mp4", "q2.mp4"], model=model_from_tower(BUILT_IN), support="support"
    )
    printed = capsys.readouterr().out
    assert list(answers) == [Path("q1.mp4"), Path("q2.mp4")]
    for probability in answers.values():
        assert sum(probability.values()) == pytest.approx(1)
        for name, value in probability.items():
            assert f"  {name:<9}  {100 * value:6.2f} %" in printed


@pytest.mark.parametrize("tower", KINDS, indirect=True)
def test_saved_it_is_a_model_folder_for_predict(
    tower: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--tower", tower, "q1.mp4", "q2.mp4")
    by_tower = capsys.readouterr().out.splitlines()[1:]
    save_model(model_from_tower(tower), Path("model"))
    for path in Path().glob("*.pt*"):
        path.unlink()
    given = ["predict", "--model", "model", "--support", "support", "q1.mp4", "q2.mp4"]
    monkeypatch.setattr(sys, "argv", given)
    assert predict() == 0
    assert capsys.readouterr().out.splitlines() == by_tower


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        (BUILT_IN, "motion"),
        ("ViT-B-16-quickgelu", "hmdb51"),
    ],
)
def test_clips_and_texts_are_prepared_as_by_the_preset_of_the_tower(name: str, preset: str) -> None:
    presets = load_preset(preset, method="otam", dataset=preset)
    expected = flatten(read_yaml(ROOT / params.PARAMS)) | presets
    backbone = from_tower._backbone(f"{name}:{expected['backbone.weights']}")
    spec = from_tower._spec(read_values("otam"), backbone=backbone, num_frames=8)
    of_training = {"frames.num_shards", "frames.storage", "backbone.batch_norm"}
    for section in ("frames", "prompts", "backbone"):
        values = flatten({section: getattr(spec, section).model_dump()})
        assert {key: expected[key] for key in values if key not in of_training} == {
            key: value for key, value in values.items() if key not in of_training
        }


def test_a_method_with_parameters_is_refused_before_weights_are_looked_for() -> None:
    with pytest.raises(ConfigError) as error:
        model_from_tower("ViT-B-16-quickgelu:openai", method="clip_spm")
    assert told("classify, a method that has to be trained").fullmatch(str(error.value))
    assert ", ".join(sorted(UNTRAINED)) in str(error.value)


def test_of_methods_those_without_parameters_are_named() -> None:
    """Whether a method has parameters is seen in the built method: some have them by a switch."""
    switched_off = {"hsmr": False, "spm": False, "padm": False}
    assert not list(
        model_from_tower(BUILT_IN, method="clip_spm", **switched_off).method.parameters()
    )
    for method in set(method_names()) - UNTRAINED:
        with pytest.raises(ConfigError, match=f"^{method} has parameters to train"):
            model_from_tower(BUILT_IN, method=method)


@pytest.mark.parametrize("tower", ["timm"], indirect=True)
def test_a_tower_without_text_is_offered_no_method_that_needs_one(tower: str) -> None:
    with pytest.raises(ConfigError, match=r"zero_shot needs class texts, and timm/\S+ has"):
        model_from_tower(tower, method="zero_shot")
    off = {"spm": False}
    with pytest.raises(ConfigError, match=r"\(bi_mhm, mean_pooled_cosine, otam, protonet\)"):
        model_from_tower(tower, method="clip_spm", **off)


def test_no_weights_are_guessed_where_several_are_published() -> None:
    expected = told("classify, an open_clip tower without weights")
    for colon in ("", ":"):
        with pytest.raises(ConfigError) as error:
            model_from_tower(f"ViT-B-16-quickgelu{colon}")
        assert expected.fullmatch(str(error.value).replace(f"quickgelu{colon}'", "quickgelu'", 1))


def test_a_timm_tower_takes_what_its_tag_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model(RESNET.removeprefix("timm/"))
    torch.save(theirs.state_dict(), "fetched.pth")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *a, **k: "fetched.pth")
    model = model_from_tower(RESNET)
    assert model.config.backbone.weights == "pretrained"
    own = model.backbone.visual.state_dict()
    assert all(torch.equal(own[name], theirs.state_dict()[name]) for name in own)


@pytest.mark.parametrize(
    ("tower", "message"),
    [
        ("timm/resnet50", r"needs one of timm's tags"),
        ("ViT-B-61:openai", r"is neither 'builtin-clip' nor a model of open_clip"),
        ("ViT-B-16-quickgelu:opnai", r"is neither a file nor a pretrained tag .* tags: openai"),
        ("builtin-clip:none.pt", r"is neither a file nor a pretrained tag"),
        ("q1.mp4", r"does not say which model computes with them: NAME:q1\.mp4"),
        ("builtin-clip:q1.mp4", r"q1\.mp4 holds no weights"),
        (":openai", r"backbone\.name"),
    ],
)
def test_a_tower_that_cannot_be_is_named_and_says_what_can(tower: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        model_from_tower(tower)
    assert str(error.value).startswith(f"tower {tower!r}: ")


def test_a_model_from_a_tower_starts_from_no_other_model() -> None:
    with pytest.raises(ConfigError, match=r"^init_from = 'data/model': "):
        model_from_tower(BUILT_IN, init_from="data/model")


def test_missing_weights_are_one_sentence_before_any_clip_is_read(
    reads: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_network(*args: object, **kwargs: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", no_network)
    with pytest.raises(ConfigError) as error:
        run(monkeypatch, "--tower", RESNET, "q1.mp4")
    said = str(error.value)
    assert said.startswith(f"tower {RESNET!r}: the weights 'pretrained' of {RESNET} cannot be")
    assert "fetch model.safetensors or pytorch_model.bin from https://" in said
    assert "put it for example at models/test_resnet.r160_in1k.safetensors" in said
    assert "\n" not in said
    assert not reads
    assert capsys.readouterr() == ("", "")


def test_weights_without_the_text_tower_are_found_before_any_clip_is_read() -> None:
    torch.manual_seed(0)
    state = open_clip.create_model(tiny_clip.CONV).state_dict()
    visual = {name: value for name, value in state.items() if name.startswith("visual.")}
    torch.save(visual, "visual.pt")
    model = model_from_tower(f"{tiny_clip.CONV}:visual.pt", method="zero_shot")
    Path("support/fading/c.mp4").write_text("no video")
    with pytest.raises(ConfigError, match=r"visual\.pt does not hold the model's text tower"):
        classify_clips(["q1.mp4"], model=model, support="support")


def test_a_doubt_about_the_weights_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "doubt", lambda backbone: f"nothing in {backbone.weights} tells")
    assert run(monkeypatch, "--tower", BUILT_IN, "q1.mp4") == 0
    assert "warning: nothing in built-in tells\n" in capsys.readouterr().err


def test_side_files_are_passed_over_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("support/fading/notes.info.json").write_text("{}")
    assert run(monkeypatch, "--tower", BUILT_IN, "q1.mp4") == 0
    assert told("predict, side files").search(capsys.readouterr().err)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not here")
def test_real_clips_as_people_have_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--tower", BUILT_IN, *examples("real")[:2], support="real") == 0
    assert capsys.readouterr().out.count(" %") == 2 * 4


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not here")
@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("ViT-B-16-quickgelu", "otam"),
        ("ViT-B-16-quickgelu", "zero_shot"),
        ("timm/resnet50.tv_in1k", "protonet"),
    ],
)
def test_a_large_tower_of_a_file_on_real_clips(
    name: str, method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    is_timm = name.startswith("timm/")
    model = timm.create_model(name[5:]) if is_timm else open_clip.create_model(name)
    torch.save(model.state_dict(), "weights.pt")
    options = ["--tower", f"{name}:weights.pt", "--method", method]
    assert run(monkeypatch, *options, *examples("real")[:1], support="real") == 0
    said = capsys.readouterr().out
    assert f", not trained, on the weights weights.pt of {name}\n" in said
    assert said.count(" %") == 4


def examples(target: str) -> list[Path]:
    """One real clip of each class in the folder `target`; returns another clip of each class."""
    queries = []
    for folder in sorted(CLIPS.iterdir()):
        first, second, *_ = sorted(folder.iterdir())
        (Path(target) / folder.name).mkdir(parents=True)
        shutil.copy(first, Path(target) / folder.name)
        queries.append(second)
    return queries
