"""Parallel work with Prefect (decoding, grids of experiments), and presets of params.yaml."""

from spm.base.missing_packages import explain_missing_packages

explain_missing_packages()
