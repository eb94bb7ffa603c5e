from spm import methods as methods
from spm.finding.find import find_segments as find_segments
from spm.model.model import FewShotModel as FewShotModel
from spm.model.model import load_model as load_model
from spm.model.model import save_model as save_model
from spm.recognition.by_examples import classify_clips as classify_clips
from spm.recognition.explained import Explanation as Explanation
from spm.recognition.from_tower import model_from_tower as model_from_tower
from spm.recognition.inputs import encode_classes as encode_classes
from spm.recognition.inputs import read_clip as read_clip
from spm.recognition.recognizer import Answer as Answer
from spm.recognition.recognizer import Recognizer as Recognizer
from spm.recognition.recognizer_folder import load_recognizer as load_recognizer

__all__ = [
    "Answer",
    "Explanation",
    "FewShotModel",
    "Recognizer",
    "classify_clips",
    "encode_classes",
    "find_segments",
    "load_model",
    "load_recognizer",
    "methods",
    "model_from_tower",
    "read_clip",
    "save_model",
]
