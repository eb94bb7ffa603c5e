"""open_clip with the small CLIP among its models.

Whoever asks open_clip about a model by its name imports open_clip from here. The import takes 3 s
more than torch's, so it stands in functions.
"""

import open_clip

from spm.builtin_clip.model import conv
from spm.builtin_clip.model.files import DESCRIPTION

__all__ = ["conv", "open_clip"]  # importing `conv` registers the visual tower with timm

open_clip.add_model_config(DESCRIPTION)
