"""TA2N's second stage, the action coordination: undoes, for each class and query, when and where
the action evolves.

    s̃_x = s_x + W_v mean(s_x),  q̃_x = q_x + Σ_y a[x, y] W_v mean(q_y)
    [s̃, q̃] ─ 3-D convolutions ─ o_x;  s̄_x = Σ mask(o_x) s̃_x,  q̄_x = Σ mask(−o_x) q̃_x

The means run over positions, so the vectors that are added are the same at each position. No map of
a pair is made, since a mask, whose sum is 1, takes from them the vectors themselves. The first
convolution, which is linear, is computed once for each s and each q (`half_of_…`), and for the
vectors from the sums of its kernel's taps that lie within the map.
Shapes: `N` classes, `Q` queries, `T` frames x of the class and y of the query, `C` channels, `H`,
`W` of a map, `D` channels of the convolutions.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from spm.methods.ta2n.layers import ConvBlock, Projection
from spm.methods.ta2n.mask import mask

_LARGEST_OFFSET = 0.75


class Coordination(nn.Module):
    """Prototypes and queries -> the vectors of their frames, for each pair."""

    def __init__(self, channels: int, *, widths: tuple[int, int], shifts: bool) -> None:
        super().__init__()
        hidden, self.width = widths
        self.shifts = shifts
        self.key = Projection(channels)
        self.query = Projection(channels)
        self.value = Projection(channels)
        self.first = ConvBlock(2 * channels, self.width, pool=(1, 2, 2))
        self.second = ConvBlock(self.width, self.width, pool=(1, 2, 2))
        self.hidden = nn.Conv1d(self.width, hidden, kernel_size=1)
        self.out = nn.Conv1d(hidden, 2, kernel_size=1)

    def forward(
        self, s: Tensor, q: Tensor, *, half_s: Tensor, half_q: Tensor
    ) -> tuple[Tensor, Tensor]:
        """s [..., N, T, C, H, W], q [..., Q, T, C, H, W] -> s̄, q̄, both [..., N, Q, T, C].

        half_s, half_q: of `half_of_support` and `half_of_query`, [..., N or Q, T, D, H, W].
        """
        added_s, added_q = self._added(s.mean(dim=(-2, -1)), q.mean(dim=(-2, -1)))
        offset = self._offset(half_s, half_q, added_s, added_q)
        of_s = torch.einsum("...nqthw,...ntchw->...nqtc", self._mask(offset, like=s), s)
        of_q = torch.einsum("...nqthw,...qtchw->...nqtc", self._mask(-offset, like=q), q)
        return of_s + added_s[..., None, :, :], of_q + added_q

    def half_of_support(self, maps: Tensor) -> Tensor:
        """The part of the first convolution that sees s: [..., T, C, H, W] -> [..., T, D, H, W]."""
        return _convolve(maps, self._kernels()[0])

    def half_of_query(self, maps: Tensor) -> Tensor:
        """The part that sees q."""
        return _convolve(maps, self._kernels()[1])

    def _kernels(self) -> tuple[Tensor, ...]:
        """The first convolution's kernel for s and for q, [D, C, 3, 3, 3] each."""
        return self.first.conv.weight.chunk(2, dim=1)

    def _added(self, v_s: Tensor, v_q: Tensor) -> tuple[Tensor, Tensor]:
        """v_s [..., N, T, C], v_q [..., Q, T, C] -> what is added to s [..., N, T, C] and to q
        [..., N, Q, T, C]."""
        keys, queries = self.key.vectors(v_s), self.query.vectors(v_q)
        scores = torch.einsum("...nxc,...qyc->...nqxy", keys, queries) / v_s.shape[-1] ** 0.5
        values = self.value.vectors(v_q)
        return self.value.vectors(v_s), scores.softmax(dim=-1) @ values[..., None, :, :, :]

    def _offset(self, half_s: Tensor, half_q: Tensor, added_s: Tensor, added_q: Tensor) -> Tensor:
        """o [..., N, Q, T, 2], (x, y)."""
        height, width = half_s.shape[-2:]
        of_s, of_q = self._kernels()
        of_class = half_s + _convolve_constant(added_s, of_s, height, width)
        of_pair = half_q.unsqueeze(-6) + _convolve_constant(added_q, of_q, height, width)
        convolved = of_class.unsqueeze(-5) + of_pair  # [..., N, Q, T, D, H, W]
        leading = convolved.shape[:-4]
        assert self.first.conv.bias is not None
        x = convolved.flatten(end_dim=-5).transpose(1, 2)
        x = self.first.after_conv(x + self.first.conv.bias[:, None, None, None])
        x = self.second(x).amax(dim=(-2, -1))
        offset = _LARGEST_OFFSET * torch.tanh(self.out(F.relu(self.hidden(x))))
        return offset.transpose(1, 2).reshape(*leading, -1, 2)

    def _mask(self, offset: Tensor, *, like: Tensor) -> Tensor:
        height, width = like.shape[-2:]
        return mask(offset, height=height, width=width, shifts=self.shifts)


def _convolve(maps: Tensor, kernel: Tensor) -> Tensor:
    """maps [..., T, C, H, W], kernel [D, C, 3, 3, 3] -> [..., T, D, H, W], zeros beyond the map."""
    clips = maps.flatten(end_dim=-5).transpose(1, 2)
    out = F.conv3d(clips, kernel, padding=1).transpose(1, 2)
    return out.reshape(*maps.shape[:-3], *out.shape[-3:])


def _convolve_constant(vectors: Tensor, kernel: Tensor, height: int, width: int) -> Tensor:
    """`_convolve` of maps that hold the same vector [..., T, C] at each position."""
    taps = rearrange(kernel, "d c t i j -> (i j d) c t")
    sequences = vectors.flatten(end_dim=-3).transpose(1, 2)
    of_taps = rearrange(F.conv1d(sequences, taps, padding=1), "b (ij d) t -> b t d ij", ij=9)
    rows, columns = (_within(side, like=vectors) for side in (height, width))
    seen = torch.einsum("ih,jw->ijhw", rows, columns).reshape(9, -1)
    out = of_taps @ seen  # sums the taps that lie within the map
    return out.reshape(*vectors.shape[:-1], -1, height, width)


def _within(side: int, *, like: Tensor) -> Tensor:
    """[3, side]: 1 where tap i of a kernel of 3, at a position of the side, lies within it."""
    within = like.new_ones(3, side)
    within[0, :1] = within[2, -1:] = 0
    return within
