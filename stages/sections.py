"""Every section of params.yaml, for the one stage that checks the whole file."""

from spm.config.sections import SECTIONS

__all__ = ["SECTIONS"]
