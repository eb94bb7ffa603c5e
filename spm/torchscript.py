"""TorchScript archives, OpenAI's releases among them: read for their weights, never run.

archive/code/__torch__/clip/model.py     class QuickGELU(Module):
                                           __parameters__ = []
                                           __buffers__ = []
"""

import re
import zipfile

from torch import Tensor

from spm.inert_pickle import StandIn

_CLASS = re.compile(
    r"^class (\w+)\(Module\):\n\s+__parameters__ = \[(.*?)\]\n(?:\s+__buffers__ = \[(.*?)\]\n)?",
    re.MULTILINE,
)


def programs(archive: zipfile.ZipFile) -> dict[str, str]:
    """Module name -> its code, which says how the model computes; {}: it is no TorchScript."""
    found = {}
    for name in archive.namelist():
        _, code, module = name.partition("/code/")
        if code and module.endswith(".py"):
            found[module.removesuffix(".py").replace("/", ".")] = archive.read(name).decode()
    return found


def module_state(module: StandIn, code: dict[str, str]) -> dict[str, Tensor]:
    """Parameters and buffers under the names that `state_dict` gives; other tensors left out."""
    return _state(module, _registered(code), prefix="")


def _state(module: StandIn, registered: dict[str, set[str]], *, prefix: str) -> dict[str, Tensor]:
    kind = f"{type(module).__module__}.{type(module).__qualname__}"
    attributes = module.attributes if isinstance(module.attributes, dict) else {}
    found: dict[str, Tensor] = {}
    for name, value in attributes.items():
        if isinstance(value, StandIn):
            found |= _state(value, registered, prefix=f"{prefix}{name}.")
        elif isinstance(value, Tensor) and name in registered.get(kind, attributes):
            found[prefix + name] = value
    return found


def _registered(code: dict[str, str]) -> dict[str, set[str]]:
    """Class -> its parameters and buffers."""
    return {
        f"{module}.{name}": set(re.findall(r'"(.*?)"', f"{parameters}{buffers}"))
        for module, text in code.items()
        for name, parameters, buffers in _CLASS.findall(text)
    }
