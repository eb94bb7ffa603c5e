"""params.yaml: strict, closed, and its errors name the nearest key.

No stage depends on spm/config: that a section can only refuse is tested here.
"""

import ast
import copy
import math
import re
from contextlib import nullcontext

import pytest
import torch
from ruamel.yaml import YAML

from pipeline.presets.load_preset import PRESETS, load_preset
from pipeline.presets.parameters import apply
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.dataset import BENCHMARKS, DrawnSplit
from spm.config.dotted import flatten, place_of
from spm.config.model import ModelConfig, method_config, method_names, method_values
from spm.config.runtime import RuntimeConfig
from spm.config.sections import ADDED, SECTIONS, check_all
from spm.config.seed import SEEDS
from spm.config.train import TrainConfig
from stages.shared import params
from tests.import_closure import ROOT
from tests.machines import told


def _load(tmp_path, change) -> None:
    document = read_yaml(params.PARAMS)
    change(document)
    path = tmp_path / "params.yaml"
    with open(path, "w") as file:
        YAML().dump(document, file)
    params.load(path)


def test_the_file_in_the_repository_is_valid():
    assert len(params.load(**SECTIONS)) == len(read_yaml(params.PARAMS))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.learning_rat", 1.0, r"train\.learning_rat is not a parameter"),
        ("train.episode", 1, r"train\.episode is not .* Did you mean 'episodes'\?"),
        ("dataset.generator.sed", 1, r"dataset\.generator\.sed is not .* Did you mean 'seed'\?"),
        ("trian", {}, r"trian is not a section\. Did you mean 'train'\?"),
        ("train.lr", "fast", r"train\.lr = 'fast': .*number"),
        ("train.lr", "3e-05x", r"train\.lr = '3e-05x'"),
        ("train.episodes", 1.5, r"train\.episodes = 1\.5: must be a whole number, without quotes$"),
        ("train.flip", "yes", r"train\.flip = 'yes': must be true or false, without .*, as true$"),
        ("episode.way", "5", r"^episode\.way = '5': must be a whole number, .* quotes, as 5$"),
        ("episode.way", 5.0, r"^episode\.way = 5\.0: must be a whole number, .* quotes, as 5$"),
        ("dataset.max_rejected", "5%", r"= '5%': must be a number, without quotes, as 0\.05$"),
        (
            "dataset.split",
            None,
            r"^dataset\.split = None: must be text, or a section with .*$",
        ),
        ("dataset.class_texts", {1: 2}, r"^dataset\.class_texts: the name 1 is not text: .*as '1'"),
        ("dataset.class_texts", {"a": 2}, r"class_texts\.a = 2: must be text: put it in quotes$"),
        ("dataset.generator", {None: 2, "sed": 1}, r"dataset\.generator: the name None is not te"),
        ("model", {None: 2, "methot": 1, "method": "otam"}, r"^model: the name None is not text"),
        ("runtime.tracking_uri", "foo", r"^runtime: tracking_uri = 'foo' is no address of a store"),
        ("train.accumulate", 801, r"^train: accumulate = 801 must be at most episodes = 800"),
        ("runtime.devices", 2, r"^an optimizer step is 1 forward passes .*, so 1 of 2 ranks would"),
        ("frames.storage", "png", r"frames\.storage = 'png': .*'raw' or 'jpeg'"),
        ("model.fusion", "gate", r"model\.fusion = 'gate'"),
        ("episode.way", 1, r"episode\.way = 1: .*greater than or equal to 2"),
        ("frames.num_segments", 1, r"frames\.num_segments = 1"),
        ("prompts.templates", ["no placeholder"], r"must hold \[CLS\] once"),
        ("prompts.num_templates", 17, r"only 16 templates are listed"),
        ("backbone.embed_dim", 128, r"backbone\.embed_dim is gone, since .*: remove the line"),
        ("backbone.embed_dim", None, r"backbone\.embed_dim is gone, since .*: remove the line"),
        (
            "backbone.name",
            "conv",
            r"backbone\.name: the tower 'conv' is gone: .*: builtin-clip and",
        ),
        ("train.steps_early", True, r"train: steps_early needs accumulate of 2 or more \(got 1\)"),
        ("train.episodes_per_forward", 2, r"accumulate = 1 must be a multiple of episodes_per_for"),
        ("backbone.precision", "float16", r"precision = 'float16': .*'float32' or 'bfloat16'"),
        ("evaluate.shots", [0], r"evaluate\.shots\.0 = 0: .*greater than or equal to 1"),
        ("evaluate.shots", [5, 5], r"names a shot twice"),
        ("train.betas", [0.9, 1.5], r"train\.betas\.1 = 1\.5: .*less than 1"),
        ("evaluate.inductive_episodes", 1, r"inductive_episodes: 1 episode has no confidence int"),
        ("evaluate.text_control_episodes", 1, r"text_control_episodes: 1 episode has no confid"),
        ("prompts.control", "off", r"prompts\.control = 'off': .*'none', 'zero', 'mean' or 'perm"),
        ("dataset.class_texts", {"tea": ""}, r"class_texts: 'tea' has no text \(got ''\)"),
        ("dataset.class_texts", {"tea": " \t"}, r"class_texts: 'tea' has no text"),
        ("evaluate", 3, r"evaluate: expected a section with the keys episodes, shots"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, key, value, message):
    def change(document):
        *parents, last = key.split(".")
        document["train"]["accumulate"] = 1
        for parent in parents:
            document = document[parent]
        document[last] = value

    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, change)


def _floats(section, *, prefix: str) -> list[str]:
    """The dotted names of the numbers with a fraction."""
    fields = section.model_fields.items()
    return [f"{prefix}.{name}" for name, field in fields if field.annotation is float]


FLOATS = [
    *(name for key, section in SECTIONS.items() for name in _floats(section, prefix=key)),
    *_floats(method_config("clip_spm"), prefix="model"),
]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_every_number_is_finite(tmp_path, value):
    assert {"train.lr", "model.alpha", "runtime.clip_seconds"} <= set(FLOATS)
    for name in FLOATS:

        def change(document, name=name):
            section, key = place_of(name, document=document)
            section[key] = value

        said = rf"^{re.escape(name)} = -?(inf|nan): must be a finite number$"
        with pytest.raises(ConfigError, match=said):
            _load(tmp_path, change)


@pytest.mark.parametrize("method", method_names())
def test_every_number_of_every_method_is_finite(method):
    for name in _floats(method_config(method), prefix="model"):
        values = method_values(method) | {name.split(".")[1]: math.inf}
        with pytest.raises(ConfigError, match=f"^{name} = inf: must be a finite number$"):
            validate(ModelConfig, values, name="model")


SEED_NAMES = [name for name in flatten(read_yaml(params.PARAMS)) if name.endswith(".seed")]


def test_a_seed_is_one_that_everything_takes(tmp_path):
    assert {"train.seed", "dataset.generator.seed", "backbone.seed"} <= set(SEED_NAMES)
    for name in SEED_NAMES:
        for value, is_taken in ((SEEDS - 1, True), (SEEDS, False), (2**70, False)):

            def change(document, name=name, value=value):
                section, key = place_of(name, document=document)
                section[key] = value

            said = f"^{re.escape(name)} = {value}: must be less than {SEEDS}$"
            with nullcontext() if is_taken else pytest.raises(ConfigError, match=said):
                _load(tmp_path, change)
    torch.manual_seed((SEEDS - 1) * 1_000_003 + 10**9)  # as training does, of the last episode
    with pytest.raises(ConfigError, match=r"^split\.seed = .*less than"):
        validate(DrawnSplit, {"seed": SEEDS, "train": 1, "val": 1, "test": 1}, name="split")


def test_a_section_without_a_name_is_no_typo(tmp_path):
    with pytest.raises(ConfigError, match=r"^the sections: the name None is not text: .*remove"):
        _load(tmp_path, lambda document: document.update({None: {}}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"accumulate": 2, "episodes_per_forward": 2}}, "1 of 2 ranks"),
        ({"train": {"accumulate": 2, "episodes_per_forward": 1}}, None),
        ({"train": {"accumulate": 1, "episodes": 0}}, None),
    ],
)
def test_ranks_without_work_are_found_before_the_first_stage(tmp_path, changes, said):
    def change(document):
        document["runtime"]["devices"] = 2
        for section, values in changes.items():
            document[section] |= values

    with pytest.raises(ConfigError, match=said) if said else nullcontext():
        _load(tmp_path, change)


def test_compiling_does_not_go_with_computing_activations_again(tmp_path):
    def change(document):
        document["train"]["compile"] = document["runtime"]["activation_checkpointing"] = True

    with pytest.raises(ConfigError, match=r"^train\.compile and .* do not go together"):
        _load(tmp_path, change)


@pytest.mark.parametrize("uri", ["http://h:1", "mysql+pymysql://u@h/d", "databricks", "file:/a"])
def test_an_address_that_mlflow_may_know_is_taken(tmp_path, uri):
    _load(tmp_path, lambda document: document["runtime"].update(tracking_uri=uri))


@pytest.mark.parametrize("model", [method_values("otam"), {"spm": False}])
def test_a_control_of_texts_that_nothing_takes_is_refused(tmp_path, model):
    def change(document):
        document["prompts"]["control"] = "zero"
        document["model"] = document["model"] | model if "method" not in model else model

    with pytest.raises(ConfigError, match=told("a control of texts that nothing takes").pattern):
        _load(tmp_path, change)
    _load(tmp_path, lambda document: document["prompts"].update(control="permuted"))


PART = {"frozen": {"frozen": True}, "train_last": {"train_last": 2}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"backbone": {"frozen": True, "train_last": 2}},
            r"^backbone: frozen trains no block of the tower, and train_last = 2 trains the last",
        ),
        (
            {"backbone": {"train_last": 0}},
            r"^backbone\.train_last = 0: .*greater than or equal to 1",
        ),
        (
            {"backbone": PART["frozen"], "train": {"compile": True}},
            r"^train\.compile .* is not \(backbone\.frozen: true\): set train\.compile to false$",
        ),
        (
            {"backbone": PART["train_last"], "train": {"compile": True}},
            r"^train\.compile .* is not \(backbone\.train_last: 2\): set train\.compile to false$",
        ),
        (
            {"backbone": PART["frozen"], "runtime": {"activation_checkpointing": True}},
            r"^runtime\.activation_checkpointing changes nothing: .* Set it to false$",
        ),
    ],
)
def test_what_does_not_go_with_a_frozen_part_is_refused(tmp_path, changes, message):
    def change(document):
        for section, values in changes.items():
            document[section] |= values

    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, change)


@pytest.mark.parametrize("part", PART.values())
def test_a_part_of_the_tower_may_be_frozen(tmp_path, part):
    def change(document):
        document["backbone"] |= part
        document["runtime"]["activation_checkpointing"] = "train_last" in part

    _load(tmp_path, change)


def test_no_inductive_episode_is_allowed(tmp_path):
    _load(tmp_path, lambda document: document["evaluate"].update(inductive_episodes=0))


def test_a_missing_key_and_a_missing_section_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"^train\.lr is missing$"):
        _load(tmp_path, lambda document: document["train"].pop("lr"))
    with pytest.raises(ConfigError, match=r"report: expected a section"):
        _load(tmp_path, lambda document: document.pop("report"))


def test_a_parameter_that_earlier_versions_did_not_have_comes_with_its_line(tmp_path):
    """Added as the errors say, the lines are params.yaml's own, but for two."""
    whole = read_yaml(params.PARAMS)
    sections = {name.partition(".")[0] for name in ADDED}

    def change(document):
        for name in ADDED:
            section, key = place_of(name, document=document)
            del section[key]

    with pytest.raises(ConfigError, match=r"does what earlier versions did") as error:
        _load(tmp_path, change)
    given: dict[str, object] = {}
    before = {"train.schedule": "constant", "evaluate.max_cache_mb": None}
    before["evaluate.unknown_episodes"] = 0
    for section in sections:
        line = rf"^{section}\.\w+ is missing: add the line `(.*)`, "
        lines = re.findall(line, str(error.value), re.M)
        given |= flatten({section: YAML(typ="safe").load("\n".join(lines))})
    assert given == {name: flatten(whole)[name] for name in ADDED} | before


STEPS = {"schedule": "steps", "milestones": [300, 600], "factors": [0.1, 0.01]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nesterov": True}, r"nesterov = true are of optimizer: sgd \(got adam, which has betas"),
        ({"optimizer": "adamw", "momentum": 0.9}, r"momentum = 0\.9 .* \(got adamw"),
        ({"optimizer": "sgd", "nesterov": True}, r"nesterov needs momentum above 0"),
        ({"warmup": 800}, r"warmup = 800 must be less than episodes = 800"),
        ({"milestones": [300], "factors": [0.1]}, r"of schedule: steps \(got cosine\)"),
        (STEPS | {"schedule": "constant"}, r"\(got constant\): set both to \[\]"),
        ({"schedule": "steps"}, r"steps needs milestones, and a factor for each"),
        (STEPS | {"factors": [0.1]}, r"a factor for each .*factors = \[0\.1\]"),
        (STEPS | {"milestones": [600, 300]}, r"milestones = \[600, 300\] must increase"),
        (STEPS | {"milestones": [300, 300]}, r"milestones = \[300, 300\] must increase"),
        (STEPS | {"milestones": [300, 800]}, r"milestones = .* must be less than episodes = 800"),
        (STEPS | {"warmup": 301}, r"begin within the warm-up of 301 episodes"),
        ({"warmup_factor": 0.0}, r"\.warmup_factor = 0\.0: .*greater than 0"),
        (STEPS | {"factors": [0.1, 0.0]}, r"\.factors\.1 = 0\.0: .*greater than 0"),
    ],
)
def test_an_optimizer_and_a_schedule_that_contradict_are_refused(tmp_path, values, message):
    with pytest.raises(ConfigError, match=rf"^train\b.*{message}"):
        _load(tmp_path, lambda document: document["train"].update(values))


@pytest.mark.parametrize("values", [STEPS | {"warmup": 300}, STEPS | {"episodes": 0}])
def test_milestones_may_begin_where_the_warmup_ends_and_no_training_has_none(tmp_path, values):
    _load(tmp_path, lambda document: document["train"].update(values))


def test_of_a_union_only_the_attempted_kind_is_spoken_of(tmp_path):
    def change(split):
        return lambda document: document["dataset"].update(split=split)

    drawn = {"seed": 0, "trian": 30, "val": 6, "test": 12}
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, change(drawn))
    assert str(error.value).splitlines() == [
        "dataset.split.train is missing",
        "dataset.split.trian is not a parameter. Did you mean 'train'?",
    ]
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, change(3))
    assert str(error.value).splitlines() == [
        "dataset.split = 3: must be text, or a section with the keys seed, train, val, test",
    ]


def test_a_key_that_is_no_identifier_is_named_too(tmp_path):
    with pytest.raises(ConfigError, match=r"^dataset\.class_texts\.misc 04 = 3: "):
        _load(tmp_path, lambda document: document["dataset"].update(class_texts={"misc 04": 3}))


def test_all_problems_are_listed_at_once(tmp_path):
    def change(document):
        document["train"]["lr"] = "fast"
        document["episode"]["wya"] = 5

    with pytest.raises(ConfigError, match=r"(?s)episode\.wya.*train\.lr"):
        _load(tmp_path, change)


def test_a_number_as_dvc_writes_it_is_a_number(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(params.PARAMS.read_text().replace("lr: 0.001 ", "lr: 3e-05 "))
    assert params.load(path, train=TrainConfig)[0].lr == 3e-05


def test_a_stage_is_told_of_a_section_that_it_does_not_read(tmp_path):
    """Or the typo would be found when the stages before the section's own have done their work."""
    path = tmp_path / "params.yaml"
    path.write_text(params.PARAMS.read_text().replace("  queries: ", "  querys: "))
    with pytest.raises(ConfigError, match=r"report\.querys is not .* Did you mean 'queries'\?"):
        params.load(path, train=TrainConfig)


def test_runtime_can_be_read_from_a_file_that_is_wrong_elsewhere(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(params.PARAMS.read_text().replace("  queries: ", "  querys: "))
    assert params.load_runtime(path) == params.load(runtime=RuntimeConfig)[0]
    path.write_text("train: {}")
    with pytest.raises(ConfigError, match=r"runtime: expected a section"):
        params.load_runtime(path)


def test_what_is_no_yaml_says_so(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("train: {lr: 1")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_yaml(path)


@pytest.mark.parametrize(
    "preset", [None, *sorted(path.stem for path in PRESETS.glob("*.yaml")), *BENCHMARKS]
)
def test_a_section_is_what_stands_in_the_file(preset):
    """Nothing is filled in or worked out: params.yaml, which stages depend on, says it all."""
    document = read_yaml(params.PARAMS)
    if preset is not None:
        document = apply(document, load_preset(preset, method="clip_spm", dataset="motion"))
    for name, section in SECTIONS.items():
        assert validate(section, document[name], name=name).model_dump() == document[name]


def test_no_key_has_a_default():
    document = read_yaml(params.PARAMS)
    for name in flatten(document):
        without = copy.deepcopy(document)
        section, key = place_of(name, document=without)
        del section[key]
        with pytest.raises(ConfigError, match=f"{name} is missing"):
            check_all(without)


MEANS = {"kind_of", "kind", "has_frozen_part", "is_used_by"}
"""What values ask for: another meaning would be another name's."""


READ_AND_REFUSE = {
    "method_folders",
    *("base", "cardinalities", "dotted", "model", "problems", "sections", "tracking_stores"),
}
"""They read, find a method's section, and refuse."""


def test_the_sections_hold_values_and_checks_alone():
    """Or a change of them could change an out."""
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.ClassDef, ast.Assign, ast.AnnAssign)
    for path in sorted((ROOT / "spm/config").glob("*.py")):
        if path.stem in READ_AND_REFUSE:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in MEANS:
                continue
            assert isinstance(node, allowed), path
            if isinstance(node, ast.ClassDef):
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                assert all(name.startswith("_") for name in methods - MEANS), path
            elif isinstance(node, ast.Assign):
                assert isinstance(node.value, ast.Constant | ast.Subscript), path
