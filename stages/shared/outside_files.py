"""Hashes the files that a model starts from and no stage writes: weights, and `model.init_from`."""

from pathlib import Path

from pipeline.machine.places import hash_memory
from spm.base.errors import ConfigError
from spm.base.remembered_hash import remembered_hash
from spm.config.backbone import BackboneConfig
from spm.config.model import ModelConfig
from spm.model.local_weights import local_file
from spm.model.spec import load_start
from stages.shared import paths
from stages.shared.weights_check import check_model_folder

MODEL_FILES = ("model.safetensors", "config.json")


def outside_files(model: ModelConfig, *, backbone: BackboneConfig) -> dict[str, str]:
    """Path or tag -> hash of each file. Raises InputError for a missing or unusable file."""
    files = {}
    if model.init_from is not None:
        if Path(model.init_from).resolve() == paths.MODEL.resolve():
            raise ConfigError(
                f"model.init_from = {model.init_from!r} is what the stage train writes, so it "
                f"would start from its own result: copy it to models/NAME first"
            )
        paths_of_model = [Path(model.init_from) / name for name in MODEL_FILES]
        files = {path.as_posix(): path for path in paths_of_model}
    for path in files.values():
        if not path.is_file():
            raise ConfigError(
                f"model.init_from = {model.init_from!r}: there is no {path}. Give a model folder "
                f"(it holds {' and '.join(MODEL_FILES)}), or null"
            )
    if backbone.weights is not None:
        weights = Path(backbone.weights)
        if path_of_weights := local_file(backbone.name, backbone.weights):
            files[weights.as_posix()] = path_of_weights
        elif weights.suffix or len(weights.parts) > 1:  # tags have neither suffix nor folder
            raise ConfigError(f"backbone.weights = {backbone.weights!r}: there is no such file")
    if model.init_from is not None:
        load_start(model)
        check_model_folder(Path(model.init_from))
    memory = hash_memory(paths.state_dir())
    return {name: remembered_hash(path, memory=memory) for name, path in files.items()}
