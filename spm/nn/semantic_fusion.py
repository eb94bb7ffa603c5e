"""SF, Semantic Fusion (Eq. 9): a prompt (a motion or a text) modulates the frames of a clip.

    prompt p [..., 1, C] ──────────────┬────────────── [p', f''] = Transformer([p, f'])
    frames f [..., T, C] ── f' = Ψ_v(f) ⊙ f + α Ψ_p(p) ⊙ p

The first token of the sequence is the prompt itself, not gated. The same SF serves motion prompts
(HSMR) and text prompts (SPM).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from spm.nn.transformer import Transformer

Fusion = Literal["concat", "sum+concat", "gate+sum+concat"]


class SemanticFusion(nn.Module):
    """SF. `fusion` names its parts (Table 4): "sum+concat" has no gates, "concat" also no sum."""

    def __init__(
        self,
        channels: int,
        *,
        fusion: Fusion,
        alpha: float,
        transformer: Transformer,
        gate_visual_ratio: float = 1.0,
        gate_prompt_ratio: float = 1.0,
        gate_slope: float = 0.0,
    ) -> None:
        """The ratios and the slope are read only where there are gates."""
        super().__init__()
        self.fusion = fusion
        self.alpha = alpha
        if fusion == "gate+sum+concat":
            self.gate_visual = Gate(channels, ratio=gate_visual_ratio, slope=gate_slope)
            self.gate_prompt = Gate(channels, ratio=gate_prompt_ratio, slope=gate_slope)
        self.transformer = transformer

    def forward(self, prompt: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """prompt [..., 1, C], frames [..., T, C] -> p' [..., 1, C], f'' [..., T, C]."""
        return self.fuse(prompt, self.gated(frames))

    def gated(self, frames: Tensor) -> Tensor:
        """Ψ_v(f) ⊙ f, the part that does not depend on a prompt; f if `fusion` has no gates."""
        if self.fusion != "gate+sum+concat":
            return frames
        out: Tensor = self.gate_visual(frames) * frames
        return out

    def fuse(self, prompt: Tensor, gated: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, for frames that went through `gated`."""
        out = self.transformer(torch.cat([prompt, self._add(prompt, gated)], dim=-2))
        return out[..., :1, :], out[..., 1:, :]

    def _add(self, prompt: Tensor, gated: Tensor) -> Tensor:
        if self.fusion == "concat":
            return gated
        if self.fusion == "sum+concat":
            return gated + self.alpha * prompt
        gated_prompt: Tensor = self.gate_prompt(prompt) * prompt
        return gated + self.alpha * gated_prompt


class Gate(nn.Sequential):
    """Ψ: computes from a feature a weight in (0, 1) for each of the feature's channels."""

    def __init__(self, channels: int, *, ratio: float, slope: float) -> None:
        hidden = max(1, round(ratio * channels))
        super().__init__(
            nn.Linear(channels, hidden),
            nn.LeakyReLU(slope),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )
