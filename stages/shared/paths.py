"""The paths in dvc.yaml (a test compares the two files), and the state folder."""

from pathlib import Path

from pipeline.machine.places import project_of, state_folder
from spm.base.unwritable import make_writable

BUILT_IN_CLIPS = Path("data/built_in")
"""Outside RAW, where a data set of the user's may have any name."""
INVENTORY = Path("data/inventory.parquet")
WEIGHTS = Path("data/weights.json")
SPLITS = Path("data/splits")
MANIFEST = Path("data/manifest.parquet")
FRAMES = Path("data/frames")
FEATURES = Path("data/features")
PROMPTS = Path("data/prompts.h5")
MODEL = Path("data/model")
TRAIN_METRICS = Path("data/train.json")
TRAIN_CURVES = Path("data/train_curves.csv")
RESULTS = Path("data/results")
EVALUATION = RESULTS / "evaluate.json"
METRICS = RESULTS / "metrics.json"
EPISODES = RESULTS / "episodes.parquet"
PER_CLASS = RESULTS / "per_class.csv"
CONFUSION = RESULTS / "confusion.csv"
UNKNOWN = RESULTS / "unknown.csv"
REPORT = Path("data/report")


def state_dir() -> Path:
    """The state folder, absolute. It keeps checkpoints, shards and MLflow's database between runs.

    Raises StorageError if the folder is not writable.
    """
    return make_writable(state_folder(root=project_of(Path.cwd())), named_by="CLIP_SPM_STATE")
