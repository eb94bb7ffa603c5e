"""A method's preset: the section `model` of params.yaml, whole, and nothing else."""

import shutil
from pathlib import Path

import pytest

from pipeline.presets.load_preset import load_preset
from pipeline.presets.parameters import apply
from pipeline.presets.set_preset import set_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.model import method_names, method_values
from stages.shared import params

DOCUMENT = read_yaml(params.PARAMS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(params.PARAMS, tmp_path))


@pytest.mark.parametrize("name", [name for name in method_names() if name != "clip_spm"])
def test_it_replaces_the_section_with_its_comments_and_there_is_a_way_back(
    path: Path, name: str
) -> None:
    before = path.read_text(encoding="utf-8")
    assert f"+  method: {name} " in set_preset(name, path=path)
    after = path.read_text(encoding="utf-8")
    assert read_yaml(path) == DOCUMENT | {"model": method_values(name)}
    start, rest = before.split("model:\n")
    end = rest[rest.index("\ntrain:\n") :]
    assert after.startswith(f"{start}model:\n  method: {name} ")
    assert after.endswith(end), "what stands around the section stays as it was"
    assert "  # a model folder, as data/model" in after
    set_preset("clip_spm", path=path)
    assert path.read_text(encoding="utf-8") == before


def test_a_method_that_is_there_already_gets_its_own_values_back(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("alpha: 0.2", "alpha: 0.9"), encoding="utf-8")
    set_preset("clip_spm", path=path)
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("name", ["motion", "hmdb51"])
def test_a_data_sets_preset_leaves_another_method_alone(path: Path, name: str) -> None:
    set_preset("otam", path=path)
    set_preset(name, path=path)
    assert read_yaml(path)["model"] == method_values("otam")


def test_a_preset_of_another_method_is_an_error_with_the_remedy(path: Path) -> None:
    set_preset("otam", path=path)
    before = path.read_text(encoding="utf-8")
    with pytest.raises(
        ConfigError,
        match=r"model.lambda3 is a parameter of clip_spm, and model.method is otam: "
        r"`clip-spm preset clip_spm` sets the section",
    ):
        set_preset("paper", path=path)
    assert path.read_text(encoding="utf-8") == before


def test_an_override_of_the_method_brings_its_values() -> None:
    changed = apply(DOCUMENT, {"model.method": "otam", "model.otam_lambda": 0.5})
    assert changed["model"] == method_values("otam") | {"otam_lambda": 0.5}
    with pytest.raises(ConfigError, match=r"model.padm is a parameter of clip_spm"):
        apply(DOCUMENT, {"model.method": "otam", "model.padm": False})
    with pytest.raises(ConfigError, match="'otma' is not a method"):
        apply(DOCUMENT, {"model.method": "otma"})


def test_the_error_for_no_preset_lists_methods_too() -> None:
    with pytest.raises(ConfigError, match=r"presets: motion, .*, things, hmdb51, .*, otam"):
        load_preset("nothing", method="clip_spm", dataset="motion")


def test_it_writes_the_section_anew_whatever_stands_there(path: Path) -> None:
    """The method was changed by hand, misspelt keys, an older version's section, none at all."""
    text = path.read_text(encoding="utf-8")
    start, rest = text.split("model:\n")
    end = rest[rest.index("\ntrain:\n") :]
    broken = [
        text.replace("method: clip_spm", "method: otam"),
        text.replace("  hsmr: true", "  hsmrr: true"),
        text.replace("  method: clip_spm                    # a folder of spm/methods\n", ""),
        text.replace("  padm: true\n", "# a comment at the margin\n  padm: true\n"),
        f"{start}model: {{method: otam}}\n{end}",
        f"{start}model: {{method: otam,\n  seed: 3}}\n{end}",
        f'{start}"model":\n  method: otam\n{end}',
        f"{start}{end[1:]}\nmodel:\n  method: otam",
        f"{start}{end[1:]}",
    ]
    for number, layout in enumerate(broken):
        path.write_text(layout, encoding="utf-8")
        set_preset("clip_spm", path=path)
        assert read_yaml(path) == DOCUMENT, number
        if number in (1, 2, 4, 5, 6):
            assert path.read_text(encoding="utf-8") == text, number


def test_it_brings_what_the_method_has_for_the_data_set(path: Path) -> None:
    set_preset("ucf101", path=path)
    before = path.read_text(encoding="utf-8")
    set_preset("otam", path=path)
    set_preset("clip_spm", path=path)
    assert path.read_text(encoding="utf-8") == before
    assert read_yaml(path)["model"]["head_dim"] == 256
