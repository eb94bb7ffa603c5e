"""A time in a video, as people read it."""


def clock(seconds: float, _: object = None) -> str:
    """ "1:02:03", "2:03"; with tenths where there are any"""
    tenths = round(10 * seconds)
    whole, tenth = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    return f"{text}.{tenth}" if tenth else text
