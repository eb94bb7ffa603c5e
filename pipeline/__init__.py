"""How work fans out inside a stage (Prefect)."""

from spm.base.missing_packages import explain_missing_packages

explain_missing_packages()
