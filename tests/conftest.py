"""Settings that hold for every test."""

import os

# Before torch, MLflow or Prefect are imported: no telemetry look-ups, small thread pools.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_NUM_THREADS", "2")
