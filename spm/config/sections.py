"""Every section of params.yaml, for what checks the whole file."""

from spm.config.backbone import BackboneConfig
from spm.config.base import Section
from spm.config.dataset import DatasetConfig
from spm.config.episode import EpisodeConfig
from spm.config.evaluate import EvaluateConfig
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.prompts import PromptsConfig
from spm.config.report import ReportConfig
from spm.config.runtime import RuntimeConfig
from spm.config.train import TrainConfig

SECTIONS: dict[str, type[Section]] = {
    "dataset": DatasetConfig,
    "frames": FramesConfig,
    "prompts": PromptsConfig,
    "episode": EpisodeConfig,
    "backbone": BackboneConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "report": ReportConfig,
    "runtime": RuntimeConfig,
}
