"""A grid of experiments: a short YAML file of overrides × seeds, and the points that these make.

    title: Component analysis (Table 3)
    baseline: full                        # the row that the others are compared with
    seeds: [0, 1, 2]                      # of training, head and backbone, not of test episodes
    common: {train.episodes: 600}         # for every row
    paper: {table: Table 3, columns: [HMDB51 1-shot]}
    choose: {train.lr: [0.0003, 0.001]}   # by validation, with the first seed, for each row
    rows:
      full: {paper: [77.4]}
      none: {set: {model.hsmr: false, model.spm: false, model.padm: false}, paper: [64.5]}

A row may also have a `preset`, whose values come first, then `common`, then `set`. The preset is a
benchmark's, {name: ucf101, shot: 5, backbone: RN50}, or a method's, otam. A row may have its own
`baseline`, and its own `choose` ({}: nothing). A row without a baseline, its own or the grid's, is
compared with nothing. All other parameters are params.yaml's. Grids and presets of this project are
named without path and suffix.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pipeline.presets.load_preset import PRESETS, load_preset
from pipeline.presets.parameters import apply, dataset_of, method_of, unknown
from spm.base.errors import ConfigError
from spm.base.hashing import value_hash
from spm.base.yaml_file import read_yaml
from spm.config.base import Section, validate
from spm.config.dataset import BenchmarkName
from spm.config.dotted import flatten
from spm.config.model import METHOD
from spm.config.sections import check_all
from spm.config.seed import Seed

GRIDS = Path(__file__).parent
SEEDS = ("train.seed", "model.seed", "backbone.seed")
_EPISODES = (
    *("dataset", "episode.way"),
    *("evaluate.episodes", "evaluate.shots", "evaluate.query", "evaluate.seed"),
)


class PaperColumns(Section):
    """The table and the columns of the paper that a grid's rows quote."""

    table: str
    columns: list[str]
    """One heading for each number of a row's `paper`."""


class BenchmarkPreset(Section):
    """A benchmark's preset, by the options of pipeline.preset."""

    name: BenchmarkName
    shot: int
    backbone: str


Choose = Annotated[
    dict[str, Annotated[list[bool | int | float | str], Field(min_length=2)]], Field(max_length=1)
]
"""Dotted name of a parameter -> the numbers or names to choose among; or nothing."""


def _differ(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(
            f"{seeds} names a seed twice, and one seed gives one result: name each once"
        )
    return seeds


Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_differ)]


class RowFile(Section):
    """A row as the file has it."""

    preset: str | BenchmarkPreset | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    """Dotted name -> value."""
    baseline: str | None = None
    """The row to compare this row with, instead of the grid's baseline."""
    choose: Choose | None = None
    """Instead of the grid's."""
    paper: list[float | None] | None = None
    """The paper's numbers, one for each of the grid's `paper.columns`."""


class GridFile(Section):
    """A grid as the file has it."""

    title: str
    baseline: str | None = None
    seeds: Seeds
    common: dict[str, Any] = Field(default_factory=dict)
    choose: Choose = Field(default_factory=dict)
    paper: PaperColumns | None = None
    rows: dict[str, Any] = Field(min_length=1)


@dataclass(frozen=True)
class Row:
    name: str
    overrides: dict[str, Any]
    """Dotted name -> value, from preset, grid and row together."""
    baseline: str
    paper: list[float | None]
    choose: dict[str, list[Any]] = field(default_factory=dict)
    """Dotted name -> the values to choose among, of one parameter; {} if nothing is chosen."""


@dataclass(frozen=True)
class Grid:
    name: str
    """Name of the grid's MLflow run, table and logs: no other grid has the same."""
    given: str
    """The name or the path that the user gave for the grid."""
    title: str
    seeds: list[int]
    rows: dict[str, Row]
    paper: PaperColumns | None


@dataclass(frozen=True)
class Point:
    """One training and its measurement."""

    row: str
    seed: int
    overrides: dict[str, Any]
    """Dotted name -> value, including the seeds."""
    parameters: dict[str, Any]
    """All sections of params.yaml with the overrides in place."""


def load_grid(name: str, *, document: dict[str, Any], presets: Path = PRESETS) -> Grid:
    """The grid `name`, or the one in the file of that path; `document` is params.yaml's content.

    Every row is checked as params.yaml would be. Raises ConfigError that names the file and row.
    """
    path = _path(name)
    file = validate(GridFile, read_yaml(path), name=str(path))
    method = str(file.common.get(METHOD, method_of(document)))
    read = partial(
        _row, file=file, path=path, method=method, dataset=dataset_of(document), presets=presets
    )
    rows = {key: read(key) for key in file.rows}
    grid = Grid(_name(path), name, file.title, file.seeds, rows, file.paper)
    for row in rows.values():
        _check_row(row, grid=grid, document=document, path=path)
    return grid


def candidates_of(grid: Grid, *, document: dict[str, Any]) -> dict[str, dict[Any, Point]]:
    """Row -> each value to choose among -> its point, with the grid's first seed."""
    return {
        row.name: {
            value: _point(row, grid.seeds[0], {name: value}, document=document)
            for name, values in row.choose.items()
            for value in values
        }
        for row in grid.rows.values()
        if row.choose
    }


def points_of(
    grid: Grid, *, document: dict[str, Any], chosen: Mapping[str, Any] | None = None
) -> list[Point]:
    """All rows with the first seed, then with the next, so that early results can be compared.

    chosen: row -> the value that was chosen. A row that chooses, and is not in it, has no points.
    """
    chosen = chosen or {}
    return [
        _point(row, seed, dict.fromkeys(row.choose, chosen.get(row.name)), document=document)
        for seed in grid.seeds
        for row in grid.rows.values()
        if not row.choose or row.name in chosen
    ]


def _point(row: Row, seed: int, values: dict[str, Any], *, document: dict[str, Any]) -> Point:
    overrides = row.overrides | values | dict.fromkeys(SEEDS, seed)
    return Point(row.name, seed, overrides, apply(document, overrides))


def _path(name: str) -> Path:
    given = Path(name)
    path = given if given.suffix == ".yaml" else GRIDS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in GRIDS.glob("*.yaml")))
        raise ConfigError(f"there is no grid {name!r}: give one of {known}, or a path to a .yaml")
    return path


def _name(path: Path) -> str:
    """The grid's name: the file's name, for a file outside pipeline/grids with a hash of its path.

    The path is taken from the project's folder, so that all clones of a project have the same name.
    """
    file, here = path.resolve(), Path.cwd().resolve()
    if file.parent == GRIDS.resolve():
        return file.stem
    place = file.relative_to(here) if file.is_relative_to(here) else file
    return f"{slug(file.stem)}-{value_hash(place.as_posix())[:6]}"


def slug(text: str) -> str:
    """
    >>> slug("HSMR+SPM, α = 0.2")
    'HSMR-SPM-=-0-2'
    """
    return re.sub(r"[^A-Za-z0-9=]+", "-", text).strip("-")


def _row(name: str, *, file: GridFile, path: Path, method: str, dataset: str, presets: Path) -> Row:
    row = validate(RowFile, file.rows[name] or {}, name=f"{path}: rows.{name}")
    columns = file.paper.columns if file.paper else []
    if row.paper is not None and len(row.paper) != len(columns):
        raise ConfigError(
            f"{path}: rows.{name}.paper has {len(row.paper)} numbers, but paper.columns has "
            f"{len(columns)} headings: give one number (or null) for each"
        )
    values = _preset(
        row.preset,
        method=str(row.set.get(METHOD, method)),
        dataset=dataset,
        presets=presets,
        where=f"{path}: rows.{name}",
    )
    nothing: list[float | None] = [None] * len(columns)
    paper = nothing if row.paper is None else row.paper
    return Row(
        name,
        overrides=values | file.common | row.set,
        baseline=row.baseline or file.baseline or name,
        paper=paper,
        choose=file.choose if row.choose is None else row.choose,
    )


def _preset(
    preset: str | BenchmarkPreset | None, *, method: str, dataset: str, presets: Path, where: str
) -> dict[str, Any]:
    """Its values, less the seeds of a method's section: the grid's `seeds` set them."""
    if preset is None:
        return {}
    given = preset.model_dump() if isinstance(preset, BenchmarkPreset) else {"name": preset}
    try:
        values = load_preset(**given, method=method, dataset=dataset, presets=presets)
    except ConfigError as error:
        raise ConfigError(f"{where}.preset: {error}") from None
    return {name: value for name, value in values.items() if name not in SEEDS}


def _check_row(row: Row, *, grid: Grid, document: dict[str, Any], path: Path) -> None:
    where = f"{path}: rows.{row.name}"
    if row.baseline not in grid.rows:
        raise unknown(row.baseline, grid.rows, where=f"{where}: baseline", kind="a row")
    seeded = sorted(set(SEEDS) & set(row.overrides))
    if seeded:
        raise ConfigError(f"{where} sets {', '.join(seeded)}: these come from the grid's `seeds`")
    _check_choice(row, where=where, document=document)
    overrides = row.overrides | dict.fromkeys(SEEDS, grid.seeds[0])
    candidates = [{name: value} for name, values in row.choose.items() for value in values] or [{}]
    try:
        for values in candidates:
            check_all(apply(document, overrides | values))
        _check_paired(row, baseline=grid.rows[row.baseline], document=document)
    except ConfigError as error:
        raise ConfigError(
            "\n".join(f"{where}: {line}" for line in str(error).splitlines())
        ) from None


def _check_choice(row: Row, *, where: str, document: dict[str, Any]) -> None:
    """Raises ConfigError for a parameter that cannot be chosen by validation."""
    for name in row.choose:
        if name in SEEDS or name.startswith(_EPISODES):
            raise ConfigError(
                f"{where} chooses {name}: seeds come from the grid's `seeds`, and all values must "
                "have the same test episodes"
            )
        if apply(document, row.overrides)["train"]["episodes"] == 0:
            raise ConfigError(
                f"{where} chooses {name} and has train.episodes = 0: without training nothing is "
                "validated; give the row `choose: {}`"
            )


def _check_paired(row: Row, *, baseline: Row, document: dict[str, Any]) -> None:
    """Raises ConfigError if the baseline has other test episodes: differences are taken per
    episode."""
    ours = flatten(apply(document, row.overrides))
    theirs = flatten(apply(document, baseline.overrides))
    for name in ours:
        if name.startswith(_EPISODES) and ours[name] != theirs.get(name):
            raise ConfigError(
                f"{name} is {ours[name]!r}, but {theirs.get(name)!r} in its baseline "
                f"{baseline.name!r}: their test episodes are not the same. Give the row another "
                "`baseline`, or set the parameter in `common`"
            )
