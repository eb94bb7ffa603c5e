"""What the classes of a split are called, and what the model is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures


@dataclass(frozen=True)
class ClassWords:
    """Of the classes of a split, in order."""

    texts: list[str]
    features: Tensor | None
    """[classes, C], as the model takes them; None if the backbone has no text tower."""

    @classmethod
    def of(
        cls, prompts: PromptFeatures, model: FewShotModel, classes: Sequence[str]
    ) -> "ClassWords":
        """Of the classes with these names."""
        known = dict(zip(prompts.classes, prompts.texts, strict=True))
        chosen = model.config.prompts
        features = prompts.of(list(classes), how=chosen.text_ensemble, control=chosen.control)
        return cls([known[name] for name in classes], features)

    def features_of(self, classes: Tensor, *, like: Tensor) -> Tensor | None:
        """[N, C] of the classes at these positions [N], on the device of `like`."""
        return None if self.features is None else self.features.to(like)[classes]
