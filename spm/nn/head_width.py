"""The width of a head where the heads of an attention share the channels."""

from spm.base.errors import ConfigError


def head_width(channels: int, *, heads: int) -> int:
    """C / heads. Raises ConfigError with the nearest divisors of C if that is no whole number."""
    if channels % heads:
        raise ConfigError(
            f"model.heads = {heads}: the heads share the {channels} channels of the features "
            f"equally. Set it to {_nearest_divisors(channels, heads)}"
        )
    return channels // heads


def _nearest_divisors(number: int, to: int) -> str:
    """ "5 or 10" for 20 and 8: the next below, and above if there is one."""
    divisors = [each for each in range(1, number + 1) if number % each == 0]
    below = [each for each in divisors if each < to][-1:]
    above = [each for each in divisors if each > to][:1]
    return " or ".join(map(str, below + above))
