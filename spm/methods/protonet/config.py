"""`model` with `method: protonet`."""

from typing import ClassVar, Literal

from spm.config.model import ModelConfig


class Config(ModelConfig):
    """Prototypical networks have no learnable parameter."""

    title: ClassVar[str] = "ProtoNet"

    variant: Literal["euclidean", "cosine"]
    """`euclidean`: squared distance to the mean of the class's supports. `cosine`: mean cosine with
    the class's supports; public code calls this variant TSN."""

    @property
    def full_title(self) -> str:
        """ "ProtoNet (cosine)": the variants differ in accuracy."""
        return f"{self.title} ({self.variant})"
