"""The stages of dvc.yaml, one thin module each: `python -m stages.<name>`."""

import os

# OpenMP's idle threads sleep instead of spinning; OpenMP reads this when torch is imported. With
# other processes on two cores, spinning made evaluation three to eight times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from spm.base.missing_packages import explain_missing_packages

explain_missing_packages()
