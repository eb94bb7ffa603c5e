"""The methods, and the two doors to them in Python: `build` and `load_released`."""

from spm.methods.registry import build, load_released

__all__ = ["build", "load_released"]
