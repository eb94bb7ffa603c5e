"""The stages of dvc.yaml, one thin module each: `python -m stages.<name>`."""

import os

# Before torch is loaded: OpenMP's idle threads sleep instead of spinning. Where something else
# runs beside a stage, spinning made evaluation on two cores three to eight times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from spm.base.missing_packages import explain_missing_packages

explain_missing_packages()
