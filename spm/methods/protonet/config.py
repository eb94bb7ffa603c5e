"""`model` with `method: protonet`."""

from typing import ClassVar, Literal

from spm.config.model import ModelConfig


class Config(ModelConfig):
    """Prototypical networks have no parameter to learn."""

    title: ClassVar[str] = "ProtoNet"

    variant: Literal["euclidean", "cosine"]
    """`euclidean`: the squared distance from the mean of the class's supports. `cosine`: the mean
    over the class's supports of the cosine, known as TSN in public code."""
