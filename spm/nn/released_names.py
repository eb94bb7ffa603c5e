"""From our names of tensors to those of the public releases."""

from collections.abc import Mapping

WITHIN_A_TRANSFORMER: Mapping[str, str] = {
    "attention.norm.": "layers.0.0.norm.",
    "attention.to_out.": "layers.0.0.fn.to_out.0.",
    "attention.to_": "layers.0.0.fn.to_",
    "feed_forward.": "layers.0.1.net.",
}
"""spm.nn.transformer.Transformer in the releases that have the layer."""

WITHIN_A_CROSS_TRANSFORMER: Mapping[str, str] = {
    ".key.": ".k_linear.",
    ".value.": ".v_linear.",
    ".norm.": ".norm_k.",
}
"""spm.nn.cross_transformer.CrossTransformer in the releases that have it."""


def translated(name: str, *tables: Mapping[str, str]) -> str:
    """`name` with the first key of each table that occurs in it replaced by the key's value."""
    for table in tables:
        for ours, theirs in table.items():
            if ours in name:
                name = name.replace(ours, theirs)
                break
    return name
