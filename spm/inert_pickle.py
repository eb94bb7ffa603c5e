"""Reads pickles of other people without running anything that they name.

A pickle is a program: it may import any name and call it. Here a name is one of three:

    tensors, OrderedDict        what the caller gives: really called
    numpy.float64, Namespace…   a call makes an empty stand-in: known builders of plain values
    anything else               a class that may be named and filled, as an empty stand-in;
                                a call of it is refused

So nothing is ever imported. What a training checkpoint holds beside its weights is read as
stand-ins without content.
"""

import pickle
from collections.abc import Mapping
from typing import Any

_PLAIN = {
    *("_codecs.encode", "copyreg._reconstructor"),
    *(f"builtins.{name}" for name in ("bytearray", "bytes", "complex", "frozenset", "object")),
    *(f"builtins.{name}" for name in ("dict", "list", "range", "set", "slice", "tuple", "xrange")),
    *(f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")),
    *("argparse.Namespace", "types.SimpleNamespace", "decimal.Decimal", "fractions.Fraction"),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *("uuid.UUID", "torch.Size", "torch.device", "torch.serialization._get_layout"),
    *(
        f"{module}.{kind}{name}"
        for module in ("pathlib", "pathlib._local")
        for kind in ("", "Pure")
        for name in ("Path", "PosixPath", "WindowsPath")
    ),
    *("numpy.dtype", "numpy.ndarray"),
    *(
        f"numpy.{core}.{name}"
        for core in ("core", "_core")
        for name in ("multiarray.scalar", "multiarray._reconstruct", "numeric._frombuffer")
    ),
}
_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Protocol 2, torch's, calls these modules by their old names."""
_PLAIN_FAMILIES = ("torch._utils._rebuild_", "torch.jit._pickle.")


class RefusedError(Exception):
    """A call that no plain value needs. `str()` is the name that would have been called."""


class _Named(type):
    """The class of stand-ins' classes: calling one is what a pickle does to a function."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        name = f"{cls.__module__}.{cls.__qualname__}"
        if name not in _PLAIN and not name.startswith(_PLAIN_FAMILIES):
            raise RefusedError(name)
        return super().__call__()


class StandIn(metaclass=_Named):
    """In place of an object of a class that is not imported. It keeps the attributes alone."""

    attributes: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> "StandIn":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        self.attributes = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Items of what would be a dict are dropped; so are those of a list and of a set."""

    append = extend = add = update = lambda self, *items: None


class InertUnpickler(pickle.Unpickler):
    """`real`: dotted name -> what stands for it and is really called."""

    def __init__(self, file: Any, *, real: Mapping[str, Any]) -> None:
        super().__init__(file, encoding="latin-1")  # Python 2's strings
        self._real = real

    def find_class(self, module: str, name: str) -> Any:
        """Never imports."""
        module = _PYTHON_2.get(module, module)
        full = f"{module}.{name}"
        if full in self._real:
            return self._real[full]
        return _Named(name, (StandIn,), {"__module__": module, "__qualname__": name})
