from spm import methods as methods
from spm.model.model import FewShotModel as FewShotModel
from spm.model.model import load_model as load_model
from spm.model.model import save_model as save_model
from spm.recognition.inputs import encode_classes as encode_classes
from spm.recognition.inputs import read_clip as read_clip

__all__ = ["FewShotModel", "encode_classes", "load_model", "methods", "read_clip", "save_model"]
