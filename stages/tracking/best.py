"""The alias `best` of a registered model: the version with the highest validation accuracy.

Accuracies compare where the same episodes of the same data were validated. So the alias moves among
versions that were validated alike, and only to a higher accuracy. Where it is at a version that was
validated otherwise, it stays, and the user is told. A model whose weights the test split selected
never gets it: its accuracy is none of validation.
"""

from collections.abc import Mapping
from typing import Any

from spm.base.made_files import read_json
from spm.episodes.feasibility import VALIDATION_SPLITS
from spm.frames.clip_index import ClipIndex
from stages.shared import paths

ALIAS = "best"
_ACCURACY, _EPISODES, _SELECTION = (
    f"validation.{name}" for name in ("accuracy", "episodes", "selection")
)


def validation_tags(document: Mapping[str, Any], *, selection: str) -> dict[str, str]:
    """Tags of the version of data/model: its validation accuracy, and on which episodes.

    document: params.yaml. selection: the split that selected the weights (ModelSpec). Without a
    training nothing is validated, and the selection alone is there.
    """
    accuracy = None
    if paths.TRAIN_METRICS.is_file():
        metrics = read_json(paths.TRAIN_METRICS, stage="train")
        accuracy = metrics.get("best_val_accuracy")
    if accuracy is None:
        return {_SELECTION: selection}
    return {
        _SELECTION: selection,
        _ACCURACY: str(accuracy),
        _EPISODES: _episodes(document),
    }


def move_best(client: Any, version: Any) -> None:
    """Moves the alias, now that `version` is there, and prints where it is."""
    name = f"models:/{version.name}@{ALIAS}"
    if version.tags.get(_SELECTION) == "test":
        print(f"not for {name}: the test split selected the weights of version {version.version}")
    elif _ACCURACY not in version.tags:
        print(f"not for {name}: nothing was trained, so nothing validated")
    else:
        print(f"{name} {_moved(client, version)}")


def _moved(client: Any, version: Any) -> str:
    """Moves the alias among the versions that were validated as `version`; returns it in words."""
    every = client.search_model_versions(f"name = '{version.name}'")
    holder = client.get_registered_model(version.name).aliases.get(ALIAS)
    held = next((each for each in every if str(each.version) == str(holder)), None)
    if held is not None and _validated(held) != _validated(version):
        return (
            f"stays at version {held.version}, since accuracies of other episodes do not compare "
            f"(there: {_validated(held)}; version {version.version}: {_validated(version)}). Move "
            "it by hand if the new one is to have it: make ui"
        )
    alike = [each for each in every if _validated(each) == _validated(version)]
    best = max(alike, key=lambda each: (_accuracy(each), -int(each.version)))
    if held is not None and _accuracy(best) <= _accuracy(held):
        also = f", not {_in_words(version)}" if version.version != held.version else ""
        return f"stays at {_in_words(held)}{also}"
    client.set_registered_model_alias(version.name, ALIAS, str(best.version))
    return f"is {_in_words(best)}" + (f"; it was {_in_words(held)}" if held is not None else "")


def _episodes(document: Mapping[str, Any]) -> str:
    """What decides the validation episodes, in words that are the same where they are."""
    episode, train = document["episode"], document["train"]
    return (
        f"{train['validate_episodes']} of {VALIDATION_SPLITS[train['selection']]}, "
        f"{episode['way']}-way {episode['shot']}-shot, {train['validate_query']} queries, "
        f"seed {train['seed']}, data {ClipIndex(paths.FRAMES).identity[:12]}"
    )


def _validated(version: Any) -> str:
    """The episodes; of a version that cannot be compared, why. That is never those of another."""
    if version.tags.get(_SELECTION) == "test":
        return "the test split selected the weights"
    return str(version.tags.get(_EPISODES, "not validated"))


def _accuracy(version: Any) -> float:
    return float(version.tags[_ACCURACY])


def _in_words(version: Any) -> str:
    return f"version {version.version} (validation {_accuracy(version):.2f} %)"
