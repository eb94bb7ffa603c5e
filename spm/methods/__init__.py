"""The few-shot methods. `build` makes one, `load_released` fills one from its public release."""

from spm.methods.registry import build, load_released

__all__ = ["build", "load_released"]
