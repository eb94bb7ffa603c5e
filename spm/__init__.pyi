from spm import methods as methods
from spm.model.model import FewShotModel as FewShotModel
from spm.model.model import load_model as load_model
from spm.model.model import save_model as save_model
from spm.recognition.by_examples import classify_clips as classify_clips
from spm.recognition.from_tower import model_from_tower as model_from_tower
from spm.recognition.inputs import encode_classes as encode_classes
from spm.recognition.inputs import read_clip as read_clip

__all__ = [
    "FewShotModel",
    "classify_clips",
    "encode_classes",
    "load_model",
    "methods",
    "model_from_tower",
    "read_clip",
    "save_model",
]
