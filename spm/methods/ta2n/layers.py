"""The layers of TA2N's networks. Shapes: `T` frames, `C` channels, `H`, `W` of a map."""

from torch import Tensor, nn
from torch.nn import functional as F

Kernel = tuple[int, int, int]


class ConvBlock(nn.Module):
    """Convolution 3×3×3, BatchNorm, max pooling, ReLU: [B, C, T, H, W] -> [B, width, …].

    A side that is shorter than the pooling's is pooled whole, so that small maps pass: an
    adaptation, since the release has 7 × 7 maps alone.
    """

    def __init__(self, channels: int, width: int, *, pool: Kernel) -> None:
        super().__init__()
        self.pool = pool
        self.conv = nn.Conv3d(channels, width, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.after_conv(self.conv(x))

    def after_conv(self, x: Tensor) -> Tensor:
        """What follows the convolution."""
        sides = [min(wanted, side) for wanted, side in zip(self.pool, x.shape[-3:], strict=True)]
        return F.relu(F.max_pool3d(self.norm(x), sides))


class Projection(nn.Conv1d):
    """A linear map of channels without bias, C -> C."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=1, bias=False)

    def vectors(self, x: Tensor) -> Tensor:
        """[..., C] -> [..., C]."""
        return F.linear(x, self.weight[..., 0])

    def maps(self, x: Tensor) -> Tensor:
        """[..., C, H, W] -> [..., C, H, W]."""
        out: Tensor = self(x.flatten(end_dim=-4).flatten(start_dim=-2))
        return out.reshape(x.shape)
