"""stages.inventory: what it writes and keeps, and what it refuses before any long work."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from spm.base.errors import ConfigError, DataError
from spm.base.hashing import file_hash
from spm.config.model import method_values
from spm.dataset.benchmarks import load_benchmark
from spm.model.spec import save_spec
from stages import inventory, manifest
from stages.shared import paths, weights_check
from tests import models
from tests.import_closure import ROOT
from tests.machines import told

ASK = weights_check._ask
LISTS_FILE = Path("data/splits/lists.yaml")
RN50 = {
    "frames__short_side": 256,
    "backbone__name": "RN50-quickgelu",
    "backbone__image_size": None,
}
LISTS = {
    "train": [f"train{number}" for number in range(5)],
    "val": [f"val{number}" for number in range(5)],
    "test": [f"test{number}" for number in range(5)],
}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project folder with a data set of 15 classes of 5 clips under data/raw/mine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CLIP_SPM_DATA", raising=False)
    monkeypatch.setattr(weights_check, "_ask", lambda backbone: answer(0))
    for name in [name for names in LISTS.values() for name in names]:
        for number in range(5):
            write(Path("data/raw/mine") / name / f"{number}.mp4", f"{name} {number}")
    Path("data/splits").mkdir()
    YAML().dump(LISTS, LISTS_FILE)
    params()


HEADER = (2).to_bytes(8, "little") + b"{}"


def save_model_folder(folder):
    """What a saved model's folder holds, without tensors."""
    folder.mkdir(parents=True)
    save_spec(models.spec(), folder)
    (folder / "model.safetensors").write_bytes(HEADER)


def answer(status, said=""):
    """Of the process that tries the weights on the backbone."""
    return subprocess.CompletedProcess([], status, stdout=said, stderr=said)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def params(**changes):
    """params.yaml of the repository on this data set, with `section__key=value` changed.

    A name without a key is a whole section.
    """
    document = YAML(typ="safe").load(ROOT / "params.yaml")
    changes = {"dataset__name": "mine", "dataset__split": str(LISTS_FILE)} | changes
    for name, value in ({"runtime__tracking": False} | changes).items():
        section, _, key = name.partition("__")
        if key:
            document[section][key] = value
        else:
            document[section] = value
    YAML().dump(document, Path("params.yaml"))


def recorded():
    return pq.read_table(paths.INVENTORY)["path"].to_pylist()


def test_writes_the_files_and_then_leaves_unchanged_outs_alone():
    inventory.main()
    assert len(recorded()) == 75
    assert json.loads(paths.WEIGHTS.read_text()).keys() == {"built-in"}
    before = [path.stat().st_mtime_ns for path in (paths.INVENTORY, paths.WEIGHTS)]
    content = paths.INVENTORY.read_bytes()
    inventory.main()
    assert [path.stat().st_mtime_ns for path in (paths.INVENTORY, paths.WEIGHTS)] == before
    paths.INVENTORY.unlink()
    inventory.main()
    assert paths.INVENTORY.read_bytes() == content


def test_a_folder_with_the_name_of_built_in_clips_is_spoken_of(capsys):
    Path("data/raw/mine").rename("data/raw/things")
    shutil.copytree("data/raw/things", paths.BUILT_IN_CLIPS)
    params(dataset__name="things")
    inventory.main()
    said = capsys.readouterr().err
    assert "data/raw/things is not read, since things is a built-in data set" in said
    shutil.rmtree("data/raw/things")
    inventory.main()
    assert "is not read" not in capsys.readouterr().err


def test_sees_a_new_clip():
    inventory.main()
    write(Path("data/raw/mine/train0/new.mp4"), "new")
    inventory.main()
    assert "train0/new.mp4" in recorded()


@pytest.mark.parametrize(
    ("gone", "state"), [("moved", "does not exist"), ("emptied", "holds no clips")]
)
def test_without_the_folder_the_recorded_inventory_is_kept(gone, state, capsys):
    inventory.main()
    content = paths.INVENTORY.read_bytes()
    Path("data/raw/mine").rename("data/raw/elsewhere")
    if gone == "emptied":
        Path("data/raw/mine/empty_class").mkdir(parents=True)
    inventory.main()
    assert paths.INVENTORY.read_bytes() == content
    assert f"{state}: the recorded inventory" in capsys.readouterr().out


def test_side_files_beside_good_clips_do_not_end_the_run(capsys):
    """What yt-dlp, a NAS, Windows and an unpacked zip leave: more of them than there are clips."""
    for number in range(100):
        write(Path(f"data/raw/mine/train0/{number}.info.json"), "{}")
    for path in ("train1/@eaDir/0.mp4/thumb.jpg", "__MACOSX/a/b.mp4", "test0/Thumbs.db", "a.txt"):
        write(Path("data/raw/mine") / path, "no clip")
    write(Path("data/raw/mine/docs/paper.pdf"), "no clip")
    Path("data/raw/mine/later").mkdir()
    params(dataset__max_rejected=0.0)
    inventory.main()
    said = capsys.readouterr().out
    assert told("side files beside the clips").search(said)
    assert told("class folders without clips").search(said)
    assert said.splitlines() == [
        f"75 clips in {Path('data/raw/mine').absolute()}",
        "passed over, no clips by their names: 100 .json, 1 .db, 1 .pdf, 1 .txt, 1 @eaDir, "
        "1 __MACOSX",
        "warning: 2 folders have no clips: docs (it holds 1 .pdf), later (it holds nothing)",
    ]
    manifest.main()
    content = paths.MANIFEST.read_bytes()
    assert pq.read_table(paths.MANIFEST).num_rows == 75
    write(Path("data/raw/mine/train0/new.srt"), "subtitles")
    inventory.main()
    manifest.main()
    assert paths.MANIFEST.read_bytes() == content  # so that no stage below it runs again


def test_a_video_that_is_not_read_counts_and_real_damage_is_still_seen():
    write(Path("data/raw/mine/train0/0.wmv"), "a video")
    Path("data/raw/mine/train1/0.mp4").write_bytes(b"")
    params(dataset__max_rejected=0.01, episode__query=3)
    with pytest.raises(DataError, match=told("too many unusable clips").pattern):
        inventory.main()


class TestLayouts:
    def nested(self):
        """mine/{train,val,test}/class/clip."""
        for split, names in LISTS.items():
            for name in names:
                Path("data/raw/mine", split).mkdir(exist_ok=True)
                Path("data/raw/mine", name).rename(Path("data/raw/mine", split, name))

    def test_folders_of_splits_are_described_and_can_be_taken(self, capsys):
        self.nested()
        for split in ({"seed": 0, "train": 5, "val": 5, "test": 5}, str(LISTS_FILE)):
            params(dataset__split=split)
            with pytest.raises(DataError, match=told("folders of splits").pattern):
                inventory.main()
        params(dataset__split="folders")
        write(Path("data/raw/mine/test/sit/0.jpg"), "a thumbnail")
        inventory.main()
        assert "folders have no clips: test/sit (it holds 1 .jpg)" in capsys.readouterr().out
        manifest.main()
        rows = pq.read_table(paths.MANIFEST).to_pylist()
        assert {(row["class"], row["split"]) for row in rows} == {
            (name, split) for split, names in LISTS.items() for name in names
        }
        assert "train: 5 classes; train clips: 25 of the 25 found" in capsys.readouterr().out

    def test_without_a_folder_for_validation_it_says_what_can_be_done(self):
        self.nested()
        shutil.rmtree("data/raw/mine/val")
        params(dataset__split="folders")
        with pytest.raises(DataError, match=r"val split has 0 classes.*train\.selection: test"):
            inventory.main()
        params(dataset__split="folders", train__selection="test")
        inventory.main()

    def test_a_data_set_may_lie_in_another_folder(self):
        Path("data/raw/mine").rename("data/raw/videos")
        Path("data/raw/mine").mkdir()
        Path("data/raw/videos").rename("data/raw/mine/videos")
        with pytest.raises(DataError, match=told("one folder around all others").pattern):
            inventory.main()
        params(dataset__name="mine/videos")
        inventory.main()
        assert "train0/0.mp4" in recorded()


def test_names_match_in_every_form_of_unicode(capsys):
    """Folders from a Mac, and the split file, class_texts and the name as typed elsewhere."""
    typed, of_a_mac = "caf\u00e9", "cafe\u0301"
    Path("data/raw/mine/train0").rename(f"data/raw/mine/{of_a_mac}")
    Path("data/raw/mine").rename(f"data/raw/{of_a_mac}")
    YAML().dump(LISTS | {"train": [typed, *LISTS["train"][1:]]}, LISTS_FILE)
    params(dataset__name=typed, dataset__class_texts={typed: "drinking coffee"})
    inventory.main()
    assert f"{of_a_mac}/0.mp4" in recorded()
    manifest.main()
    rows = [row for row in pq.read_table(paths.MANIFEST).to_pylist() if row["class"] == typed]
    assert [row["class_text"] for row in rows] == ["drinking coffee"] * 5
    write(Path(f"data/raw/{of_a_mac}/{typed}/more.mp4"), "more")
    capsys.readouterr()
    inventory.main()
    said = capsys.readouterr().out
    assert f"2 folders are taken as one class, {typed}" in said
    assert told("folders that only look alike").search(said)


def test_one_action_under_two_names_is_an_error_across_splits_and_a_warning_in_one(capsys):
    Path("data/raw/mine/train0").rename("data/raw/mine/Open Door")
    Path("data/raw/mine/train1").rename("data/raw/mine/OpenDoor")
    lists = LISTS | {"train": ["Open Door", "OpenDoor", *LISTS["train"][2:]]}
    YAML().dump(lists, LISTS_FILE)
    inventory.main()
    manifest.main()
    assert told("one action under two names, in a split").search(capsys.readouterr().out)
    Path("data/raw/mine/test0").rename("data/raw/mine/open_door")
    YAML().dump(lists | {"test": ["open_door", *LISTS["test"][1:]]}, LISTS_FILE)
    with pytest.raises(DataError, match=told("one action in two splits").pattern):
        inventory.main()
    params(dataset__class_texts={"open_door": "opening a door"})
    inventory.main()


def test_the_inventory_of_another_data_set_is_not_kept():
    inventory.main()
    params(dataset__name="another")
    with pytest.raises(DataError, match="no inventory of it is recorded"):
        inventory.main()


def test_the_inventory_of_the_other_kind_is_not_kept():
    inventory.main()
    Path("data/raw/mine").rename("data/raw/elsewhere")
    params(dataset__kind="frame_folders")
    with pytest.raises(DataError, match="no inventory of it is recorded"):
        inventory.main()


def test_folders_of_frames_are_counted_as_clips():
    for path in Path("data/raw/mine").glob("*/*.mp4"):
        path.unlink()
        for number in range(3):
            write(path.with_suffix("") / f"{number}.jpg", f"{path} {number}")
    with pytest.raises(DataError, match=r"225 images .*: set dataset.kind: frame_folders"):
        inventory.main()
    params(dataset__kind="frame_folders")
    inventory.main()
    assert len(recorded()) == 75
    manifest.main()
    assert set(pq.read_table(paths.MANIFEST)["status"].to_pylist()) == {"ok"}
    shutil.rmtree("data/raw/mine/val3/0")
    with pytest.raises(DataError, match=r"val split .*: val3 \(4\)"):
        inventory.main()


def test_a_model_does_not_start_from_its_own_result():
    params(model__init_from="data/model")
    with pytest.raises(ConfigError, match=r"data/model.* copy it to models/NAME first"):
        inventory.main()


def test_a_kept_inventory_is_checked_as_well():
    inventory.main()
    Path("data/raw/mine").rename("data/raw/elsewhere")
    params(episode__shot=3)
    with pytest.raises(DataError, match="train0"):
        inventory.main()


def test_without_folder_and_inventory_it_says_where_to_put_what():
    params(dataset__name="absent")
    with pytest.raises(
        DataError, match=r"data/raw/absent, does not exist.*runtime\.root.*CLIP_SPM_DATA"
    ):
        inventory.main()
    assert not paths.INVENTORY.exists()


def test_the_root_comes_from_the_environment_or_from_runtime(monkeypatch, tmp_path):
    Path("data/raw/mine").rename(tmp_path / "mine")
    monkeypatch.setenv("CLIP_SPM_DATA", str(tmp_path))
    inventory.main()
    assert len(recorded()) == 75
    params(runtime__root=str(tmp_path / "nowhere"))
    paths.INVENTORY.unlink()
    with pytest.raises(DataError, match="nowhere"):
        inventory.main()


def test_every_typo_of_params_yaml_is_named_at_once_and_first():
    params(dataset__name="absent", train__learning_rate=0.1, report__querys=3, evaluate__batch="50")
    with pytest.raises(ConfigError) as error:
        inventory.main()
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert any(told("a typo in params.yaml").search(line) for line in lines)
    assert any("train.learning_rate is not a parameter" in line for line in lines)
    assert any(line.startswith("evaluate.batch = '50'") for line in lines)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-16-quickgelu", r"takes frames of 224×224 .* raise frames\.short_side to 224"),
        ("ViT-B-16-quickgelo", r"near it: ViT-B-16-quickgelu"),
        ("timm/resnet50.tv_in1k", r"takes frames of 224×224 .* raise frames\.short_side to 224"),
        ("timm/resnt50.tv_in1k", r"near it: timm/resnet50\.tv"),
        ("timm/test_convnext.r160_in1k", r"takes frames of 160×160"),
    ],
)
def test_a_backbone_that_cannot_work_is_found_before_decoding(name, message):
    params(**RN50 | {"backbone__name": name, "frames__short_side": 64})
    with pytest.raises(ConfigError, match=message):
        inventory.main()


def test_a_method_that_needs_what_the_tower_lacks_is_found_before_decoding():
    params(**RN50 | {"backbone__name": "timm/resnet50.tv_in1k"})
    with pytest.raises(ConfigError, match=told("a tower without text under CLIP-SPM").pattern):
        inventory.main()


@pytest.mark.parametrize(("name", "last"), [("ViT-B-16-quickgelu", 13), ("builtin-clip", 4)])
def test_more_blocks_than_the_tower_has_are_found_before_decoding(name, last):
    params(**RN50 | {"backbone__name": name, "backbone__train_last": last})
    with pytest.raises(ConfigError) as error:
        inventory.main()
    assert told("more blocks to train than there are").fullmatch(str(error.value))


def test_a_tower_that_cannot_be_cut_is_found_before_decoding():
    params(**RN50 | {"backbone__name": "EVA02-B-16", "backbone__train_last": 1})
    with pytest.raises(ConfigError) as error:
        inventory.main()
    assert told("a tower that cannot be cut between blocks").fullmatch(str(error.value))


def test_a_training_without_a_parameter_is_found_before_decoding():
    frozen = {"backbone__frozen": True, "backbone__weights": None}
    params(**frozen, model=method_values("otam"))
    with pytest.raises(ConfigError) as error:
        inventory.main()
    assert told("a frozen tower under a method without parameters").fullmatch(str(error.value))
    params(**frozen, model=method_values("otam"), train__episodes=0)
    inventory.main()
    params(**frozen)
    inventory.main()


def test_a_reader_that_is_not_there_is_found_before_decoding(monkeypatch):
    params(frames__reader="torchcodec")
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(
        ConfigError, match=r"'torchcodec' cannot be imported .* frames.reader: auto"
    ):
        inventory.main()
    params(frames__reader="decord")
    inventory.main()


def test_an_unknown_section_is_named():
    document = YAML(typ="safe").load(Path("params.yaml"))
    document["evalute"] = document.pop("evaluate")
    YAML().dump(document, Path("params.yaml"))
    with pytest.raises(ConfigError, match=r"evalute is not a section. Did you mean 'evaluate'\?"):
        inventory.main()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"episode__way": 6}, "the train split has 5 classes, but an episode takes 6"),
        ({"episode__shot": 2}, r"takes 6 clips .* train split .*: train0 \(5\), train1 \(5\)"),
        ({"episode__query": 5}, r"train split .*: train0 \(5\)"),
        ({"evaluate__shots": [1, 3]}, r"shot 3 \+ query 4.* test split .*: test0 \(5\)"),
        ({"evaluate__query": 9}, r"takes 10 clips .* test split"),
        ({"train__validate_query": 5}, r"takes 6 clips .* val split .*: val0 \(5\)"),
        (
            {"train__validate_query": 5, "train__selection": "test"},
            r"takes 6 clips .* test split .*: test0 \(5\)",
        ),
    ],
)
def test_episodes_that_the_data_cannot_give_are_refused(changes, message):
    params(**changes)
    with pytest.raises(DataError, match=message):
        inventory.main()


def test_validation_episodes_are_checked_too():
    Path("data/raw/mine/val3/0.mp4").unlink()
    with pytest.raises(DataError, match=r"val split .*: val3 \(4\)"):
        inventory.main()


def test_unusable_clips_do_not_count():
    Path("data/raw/mine/test3/0.mp4").write_bytes(b"")
    with pytest.raises(DataError, match=r"test split .*: test3 \(4\)"):
        inventory.main()


def test_a_model_that_is_only_evaluated_needs_test_clips_alone():
    Path("data/raw/mine/val3/0.mp4").unlink()
    params(train__episodes=0)
    inventory.main()


def test_class_lists_elsewhere_are_refused_as_an_edit_would_go_unnoticed():
    LISTS_FILE.rename("lists.yaml")
    params(dataset__split="lists.yaml")
    with pytest.raises(ConfigError, match="put the file of class lists into data/splits"):
        inventory.main()


def test_weights_that_look_like_a_path_must_be_a_file():
    params(**RN50, backbone__weights="models/mising.pt")
    with pytest.raises(ConfigError, match=r"models/mising\.pt'.*no such file"):
        inventory.main()


class TestWeights:
    def test_keys_of_the_files_from_outside(self):
        save_model_folder(Path("models/old"))
        write(Path("models/clip.pt"), "clip")
        params(
            model__init_from="models/old",
            backbone__weights="models/clip.pt",
            **RN50,
        )
        inventory.main()
        names = ["models/clip.pt", "models/old/config.json", "models/old/model.safetensors"]
        keys = json.loads(paths.WEIGHTS.read_text())
        assert list(keys) == names
        assert keys == {name: file_hash(Path(name)) for name in names}

    def test_two_trainings_of_one_architecture_are_told_apart(self):
        """They agree in size, and in the header and the end of their files."""
        save_model_folder(Path("models/old"))
        weights = Path("models/old/model.safetensors")
        params(model__init_from="models/old")
        found = set()
        for middle in (b"\0", b"\1"):
            weights.write_bytes(HEADER + bytes(1 << 17) + middle + bytes(1 << 17))
            inventory.main()
            found.add(json.loads(paths.WEIGHTS.read_text())[str(weights)])
        assert len(found) == 2

    def test_a_tag_of_open_clip_is_no_file(self):
        params(backbone__weights="openai", **RN50)
        inventory.main()
        assert paths.WEIGHTS.read_text() == "{}\n"

    @pytest.mark.parametrize(
        ("file", "content", "message"),
        [
            (
                "model.safetensors",
                "version https://git-lfs.github.com/spec/v1",
                "git-lfs's pointer",
            ),
            ("config.json", '{"format": 99}', "a newer version saved it"),
            ("config.json", "<html>", r"config\.json is damaged"),
        ],
    )
    def test_a_model_folder_that_cannot_be_read_is_refused(self, file, content, message):
        save_model_folder(Path("models/old"))
        write(Path("models/old") / file, content)
        params(model__init_from="models/old")
        with pytest.raises(DataError, match=message):
            inventory.main()
        assert not paths.INVENTORY.exists()

    @pytest.mark.parametrize("present", [[], ["model.safetensors"]])
    def test_a_model_folder_that_is_not_whole_is_refused(self, present):
        for name in present:
            write(Path("models/old") / name, "")
        params(model__init_from="models/old")
        with pytest.raises(
            ConfigError, match=r"model.init_from = 'models/old': there is no models"
        ):
            inventory.main()


class TestWeightsAreTried:
    """In a process of its own, which these tests stand in for."""

    @pytest.fixture
    def asked(self, monkeypatch):
        """The backbones asked about so far; the answer can be changed."""
        asked = []
        asked_answer = {"status": 0, "said": ""}

        def ask(backbone):
            asked.append(backbone.name)
            return answer(**asked_answer)

        monkeypatch.setattr(weights_check, "_ask", ask)
        self.answer = asked_answer
        return asked

    def test_no_weights_are_nothing_to_ask_about(self, asked):
        params(backbone__weights=None)
        inventory.main()
        assert asked == []

    def test_they_are_asked_about_once_and_again_when_anything_changes(self, asked):
        params(backbone__weights="openai", **RN50)
        inventory.main()
        inventory.main()
        assert len(asked) == 1
        params(backbone__weights="openai", **RN50 | {"backbone__normalize": False})
        inventory.main()
        assert len(asked) == 2
        for content in ("one", "two", "two"):
            write(Path("models/clip.pt"), content)
            params(backbone__weights="models/clip.pt", **RN50)
            inventory.main()
        assert len(asked) == 4

    def test_what_is_wrong_is_refused_every_time(self, asked):
        params(backbone__weights="openai", **RN50)
        self.answer |= {"status": 3, "said": "set backbone.name: another\n"}
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"set backbone\.name: another$"):
                inventory.main()
        assert len(asked) == 2
        assert not paths.INVENTORY.exists()

    def test_what_is_doubtful_is_warned_of_once(self, asked, capsys):
        params(backbone__weights="openai", **RN50)
        self.answer |= {"said": "nothing tells whether\n"}
        inventory.main()
        inventory.main()
        assert capsys.readouterr().err == "warning: nothing tells whether\n"

    def test_where_they_cannot_be_asked_about_the_run_goes_on_with_a_warning(self, asked, capsys):
        params(backbone__weights="openai", **RN50)
        self.answer |= {"status": -9, "said": "first line\nout of memory\n"}
        inventory.main()
        inventory.main()
        said = capsys.readouterr().err
        assert said.count("warning: backbone.weights could not be checked: out of memory") == 2
        assert len(asked) == 2


@pytest.mark.slow
def test_openais_weights_in_a_model_with_gelu_are_refused_before_decoding(monkeypatch):
    """With the real process, which imports open_clip."""
    monkeypatch.setattr(weights_check, "_ask", ASK)
    params(backbone__weights="openai", **RN50 | {"backbone__name": "ViT-B-16"})
    with pytest.raises(ConfigError, match=r"^.* set backbone\.name: ViT-B-16-quickgelu$"):
        inventory.main()


class TestSplitLists:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, r"dataset.split = 'data/splits/lists.yaml': there is no such file"),
            ("train: [a\n", "not valid YAML"),
            ("just text", "must hold keys and values; got .just text."),
            ("train: [a]\ntest: [b]", "it has train, test"),
            ("train: a\nval: [b]\ntest: [c]", "train must be a list of class names; got 'a'"),
            ("train: [a]\nval: [1]\ntest: [c]", "val has 1, which YAML reads as no text: quote it"),
        ],
    )
    def test_a_bad_file_is_refused_by_both_stages(self, content, message):
        inventory.main()
        LISTS_FILE.unlink() if content is None else write(LISTS_FILE, content)
        for stage in (inventory, manifest):
            with pytest.raises(ConfigError, match=message):
                stage.main()

    def test_classes_may_be_called_yes_and_on(self):
        """YAML 1.2 reads them as text."""
        for name in ("yes", "on"):
            Path(f"data/raw/mine/train{len(name) - 2}").rename(f"data/raw/mine/{name}")
        lists = LISTS | {"train": ["on", "yes", *LISTS["train"][2:]]}
        write(
            LISTS_FILE,
            "\n".join(f"{key}: [{', '.join(lists[key])}]" for key in lists),
        )
        inventory.main()


class TestBenchmark:
    """UCF101 in class folders, five clips each, as its archive lays them out."""

    @pytest.fixture(autouse=True)
    def ucf101(self):
        for name in load_benchmark("ucf101").splits():
            for number in range(5):
                place = Path("data/raw/ucf101/UCF-101") / name / f"v_{name}_g0{number}.avi"
                write(place, f"{name} {number}")
        self.params()

    def params(self, **changes):
        given = {"name": "ucf101", "benchmark": "ucf101", "split": "published"} | changes
        params(**{f"dataset__{key}": value for key, value in given.items()})

    def test_its_classes_are_found_without_lists(self, capsys):
        inventory.main()
        manifest.main()
        table = pq.read_table(paths.MANIFEST)
        assert table["status"].to_pylist() == ["ok"] * 505
        out = capsys.readouterr().out
        assert "test: 21 classes; test clips: 105 of the published 2,745 (3.8 %)" in out
        assert "ucf101, class_folders: what the class folders hold" in out

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"benchmark": None}, "split = 'published' needs a benchmark"),
            ({"split": str(LISTS_FILE)}, "'ucf101' goes with `split: published`"),
            ({"name": "motion"}, "is a built-in data set: set name to the folder"),
            ({"benchmark": "ucf11"}, r"dataset\.benchmark = 'ucf11'"),
            ({"names": "as_release"}, r"dataset\.names = 'as_release'"),
            (
                {"benchmark": None, "split": str(LISTS_FILE), "lists": "data/splits"},
                "lists = 'data/splits' needs a benchmark",
            ),
            (
                {"benchmark": None, "split": str(LISTS_FILE), "names": "as_released"},
                "names = 'as_released' needs a benchmark",
            ),
            ({"lists": "lists"}, "'lists': put the folder with the lists into data/splits"),
            ({"lists": "data/splits/x"}, "no such folder. Put the published lists of UCF101 there"),
            ({"lists": "data/splits"}, "holds none of the lists of UCF101: put trainlist"),
            (
                {"benchmark": "kinetics100"},
                "the clips of Kinetics-100 are a selection: put its published lists into "
                "data/splits/kinetics100",
            ),
            ({"benchmark": "ssv2_small"}, "the clips of SSv2-Small are a selection"),
            ({"benchmark": "ssv2_full"}, "the clips of SSv2-Full are a selection"),
        ],
    )
    def test_what_does_not_go_together_is_refused_first(self, changes, message):
        self.params(**changes)
        with pytest.raises(ConfigError, match=message):
            inventory.main()
        assert not paths.INVENTORY.exists()

    def test_a_class_without_a_folder_is_named(self):
        shutil.rmtree("data/raw/ucf101/UCF-101/YoYo")
        with pytest.raises(DataError, match="no videos of these classes of UCF101: YoYo"):
            inventory.main()

    def test_a_class_with_too_few_listed_clips_is_named(self):
        split_of = load_benchmark("ucf101").splits()
        for split in ("train", "val", "test"):
            lines = [
                f"{name}/v_{name}_g0{number}"
                for name in split_of
                for number in range(5)
                if split_of[name] == split
            ]
            write(Path(f"data/splits/ucf101/{split}list01.txt"), "\n".join(lines))
        self.params(lists="data/splits/ucf101")
        inventory.main()
        Path("data/raw/ucf101/UCF-101/YoYo/v_YoYo_g00.avi").unlink()
        with pytest.raises(DataError, match=r"in the train split .* usable ones: YoYo \(4\)"):
            inventory.main()

    def test_one_clip_in_two_splits_is_warned_of(self, capsys):
        copy = "data/raw/ucf101/UCF-101/{0}/v_{0}_g00.avi"
        shutil.copy(copy.format("YoYo"), copy.format("Surfing"))
        inventory.main()
        manifest.main()
        assert (
            "the same clip in two splits: Surfing/v_Surfing_g00 (test), YoYo/v_YoYo_g00 (train)"
            in (capsys.readouterr().out)
        )


def test_manifest_stage_writes_what_was_counted(capsys):
    Path("data/raw/mine/spare").mkdir()
    write(Path("data/raw/mine/spare/0.mp4"), "spare")
    inventory.main()
    manifest.main()
    table = pq.read_table(paths.MANIFEST)
    assert table.num_rows == 76
    assert table["status"].to_pylist().count("ok") == 75
    out = capsys.readouterr().out
    assert "train: 5 classes; train clips: 25 of the 25 found (100.0 %)" in out
    assert "rejected: 1 (class is in no split)" in out


def test_needs_neither_torch_nor_mlflow():
    """It runs on every `dvc repro`."""
    code = (
        "import sys, stages.inventory; "
        "print({'torch', 'mlflow', 'prefect', 'open_clip', 'matplotlib', 'av'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "set()"
