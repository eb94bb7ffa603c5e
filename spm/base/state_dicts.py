"""State dicts from elsewhere: removing wrappers' prefixes, and explaining a misfit in one line."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeGuard

from torch import Size, Tensor

State = dict[str, Tensor]

_WRAPPERS = ("module.", "model.")
"""Prefixes that DataParallel and Lightning put before every name."""
_COMPILED = "_orig_mod."
"""The part that torch.compile puts into the names of compiled modules; no module has this name."""
_SHOWN = 6

_OTHERS = {
    "vision_model.": "these are Hugging Face's names of CLIP: take open_clip's or OpenAI's file",
    "motion_conv1.": "this is a released CLIP-SPM: python -m spm.convert reads it",
    "backbone.visual.": "this is a CLIP-SPM of ours: model.init_from takes its folder",
    "visual.": "this is CLIP itself: backbone.weights of an open_clip tower takes it",
}
"""Prefix of a tensor's name -> the file that has such names, and how to use this file."""


def is_by_name(content: Any) -> TypeGuard[dict[str, Any]]:
    """Whether `content` is a dict whose keys are all strings."""
    return isinstance(content, dict) and all(isinstance(key, str) for key in content)


def unwrapped(state: Mapping[str, Tensor]) -> State:
    """`state` without the prefixes that all of its names have because the model was wrapped.

        module.visual.proj, module.logit_scale  ->  visual.proj, logit_scale

    A prefix that only some names have stays: nothing tells which names belong together.
    """
    found = {name.replace(_COMPILED, ""): value for name, value in state.items()}
    if len(found) != len(state):
        return dict(state)
    while wrapper := _wrapper_of_all(found):
        found = {name.removeprefix(wrapper): value for name, value in found.items()}
    return found


def _wrapper_of_all(names: Collection[str]) -> str | None:
    return next(
        (each for each in _WRAPPERS if names and all(name.startswith(each) for name in names)), None
    )


def misfit(state: Mapping[str, Tensor], expected: Mapping[str, Size]) -> str:
    """Why `state` cannot fill a model with tensors of the `expected` shapes; "" if it can.

    1 of another shape (a: [1], must be [2]), 1 unknown (text.weight), 312 missing (backbone.… 312)
    """
    said = [misshapen(state, expected), misnamed(state, expected)]
    return ", ".join(filter(None, said))


def misnamed(names: Iterable[str], expected: Iterable[str]) -> str:
    """The unknown and the missing names, and where unknown ones belong if known; "" if all fit."""
    unknown = sorted({*names} - {*expected})
    missing = sorted({*expected} - {*names})
    said = [
        f"{len(unknown)} unknown ({_summary(unknown)})" if unknown else "",
        f"{len(missing)} missing ({_summary(missing)})" if missing else "",
    ]
    return ", ".join(filter(None, said)) + _remedy(unknown, missing)


def misshapen(state: Mapping[str, Tensor], expected: Mapping[str, Size]) -> str:
    """The tensors in both `state` and `expected` whose shapes differ; "" if all shapes agree."""
    wrong = [
        f"{name}: {list(state[name].shape)}, must be {list(shape)}"
        for name, shape in expected.items()
        if name in state and state[name].shape != shape
    ]
    return f"{len(wrong)} of another shape ({_first(wrong, shown=_SHOWN // 2)})" if wrong else ""


def damage(state: Mapping[str, Tensor], *, integers: Collection[str] = ()) -> str:
    """Why no calculation can be done with `state`; "" for finite floats, and the named `integers`.

    1 with values that are not finite (features), 1 of another type (labels: float32)
    """
    strange = [
        f"{name}: {str(value.dtype).removeprefix('torch.')}"
        for name, value in state.items()
        if not (_is_integer(value) if name in integers else value.is_floating_point())
    ]
    endless = [
        name for name, value in state.items() if value.is_floating_point() and not _is_finite(value)
    ]
    said = [
        f"{len(endless)} with values that are not finite ({_summary(endless)})" if endless else "",
        f"{len(strange)} of another type ({_first(strange)})" if strange else "",
    ]
    return ", ".join(filter(None, said))


def _is_integer(value: Tensor) -> bool:
    return not (value.is_floating_point() or value.is_complex())


def _is_finite(value: Tensor) -> bool:
    """The sum costs one pass and no memory; it may be infinite where no value is."""
    value = value.float() if value.dtype.itemsize == 1 else value  # float8 has no sums
    return bool(value.sum().isfinite()) or bool(value.isfinite().all())


def _summary(names: list[str]) -> str:
    """A few names in full; of many names, the number for each first part."""
    if len(names) <= _SHOWN:
        return ", ".join(names)
    counts = Counter(name.partition(".")[0] for name in names)
    return _first([f"{start}.… {count}" for start, count in counts.most_common()])


def _first(items: list[str], *, shown: int = _SHOWN) -> str:
    more = f", and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more


def _remedy(unknown: list[str], missing: list[str]) -> str:
    def begin(names: list[str], start: str) -> bool:
        return any(name.startswith(start) for name in names)

    hints = [
        hint
        for start, hint in _OTHERS.items()
        if begin(unknown, start) and not begin(missing, start)
    ]
    return f": {hints[0]}" if hints else ""
