"""The page's results as HTML. What a user has named is escaped; pictures lie in the HTML itself, so
that no file of them stays behind."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from spm.base.clock import clock
from spm.base.printable import printable
from spm.page.results import FoundStretches, Known, Looked, Picture, Progress, Recognised, Stretch

FIND_VIDEO = "find-video"
"""The element whose video the segments jump in."""
_COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")


def working(progress: Progress) -> str:
    value = "" if progress.share is None else f' value="{progress.share:.3f}"'
    words = f"<progress{value}></progress> {_text(progress.words)} …"
    return f'<div class="said" role="status">{words}</div>'


def done(words: str) -> str:
    return f'<div class="said good" role="status">{_text(words)}</div>'


def problem(words: str) -> str:
    return f'<div class="said bad" role="alert">{_text(words)}</div>'


def knows(known: Known, *, is_empty: bool = False, waiting: Sequence[str] = ()) -> str:
    """What is loaded. is_empty: nothing is; waiting: the class that alone is no recognizer yet."""
    if is_empty:
        held = (
            f"It knows one action, “{waiting[0]}”: teach one more, and it can choose between them."
            if waiting
            else "It knows nothing yet: teach it two actions or more."
        )
        return f'<div class="knows"><p><b>{_text(held)}</b></p><p>{_text(known.seen)}</p></div>'
    chips = "".join(
        f"<li>{_text(name)} <small>{_count(count, 'example')}</small></li>"
        for name, count in known.examples.items()
    )
    return (
        f'<div class="knows"><p><b>It knows {_count(len(known.examples), "action")}:</b></p>'
        f"<ul>{chips}</ul><p>{_text(known.seen)} {_text(known.none_of_these)}</p>"
        f"<details><summary>Details</summary><pre>{_text(known.details)}</pre></details></div>"
    )


def tray(looked: list[Looked]) -> str:
    if not looked:
        return '<p class="hint">No clips yet. What you drop or record appears here.</p>'
    rows = "".join(
        f"<figure><figcaption>{_text(each.name)}{_seconds(each.seconds)}</figcaption>"
        f"{_image(each.strip, 'jpeg', 'the frames that are taken of it')}</figure>"
        for each in looked
    )
    count = _count(len(looked), "clip")
    return f"<p>{count} for this action. These frames are taken of each:</p>{rows}"


def not_taken(looked: list[Looked]) -> str:
    lines = "".join(f"<li><b>{_text(each.name)}</b>: {_text(each.problem)}</li>" for each in looked)
    if not looked:
        return ""
    words = f"Not taken; drop a whole copy, or leave it out:<ul>{lines}</ul>"
    return f'<div class="said bad" role="alert">{words}</div>'


def recognised(answer: Recognised) -> str:
    frames = _image(answer.frames, "jpeg", "the frames of the clip that were compared")
    pictures = "".join(map(_picture, answer.pictures))
    notes = "".join(f'<p class="hint">{_text(note)}</p>' for note in answer.notes)
    return (
        f'<div class="answer">{_verdict(answer)}{_bars(answer)}'
        f"<p>The frames that were compared:</p>{frames}{pictures}{notes}</div>"
    )


def found(result: FoundStretches) -> str:
    return (
        f'<div class="found">{_found_words(result)}{_timeline(result)}{_table(result)}'
        f"{_damage(result)}</div>"
    )


def _verdict(answer: Recognised) -> str:
    percent = f"{100 * answer.probabilities[answer.best]:.0f} %"
    if answer.name is None:
        head = "None of these"
        words = (
            f"The clip is too unlike all {len(answer.probabilities)} actions: its score is "
            f"{answer.score:.2f}, and one of them begins at {answer.threshold:.2f}. "
            "If it were one of them, the bars say which."
        )
    else:
        head = f"{_text(answer.name)} <small>{percent}</small>"
        words = _how_sure(answer)
    return f"<h3>{head}</h3><p>{words}</p>"


def _how_sure(answer: Recognised) -> str:
    meaning = (
        "Percentages are calibrated: of answers with 80 %, about 80 in 100 are right, on clips "
        "like those of the validation split."
        if answer.is_calibrated
        else "Percentages rank the actions, and do not say how often such an answer is right."
    )
    if answer.threshold is None:
        return f"{meaning} This model cannot say “none of these”, so every clip gets a name."
    return (
        f"Its score is {answer.score:.2f}; one of the actions begins at {answer.threshold:.2f}, "
        f"and about {100 * (answer.false_alarms or 0):.3g} % of clips of other actions pass that "
        f"too. {meaning}"
    )


def _bars(answer: Recognised) -> str:
    ranked = sorted(answer.probabilities.items(), key=lambda item: (-item[1], item[0]))
    rows = "".join(
        f"<li><span>{_text(name)}</span><span>{100 * value:.1f} %</span>"
        f'<i style="width:{100 * value:.1f}%"></i></li>'
        for name, value in ranked
    )
    faint = ' class="bars faint"' if answer.name is None else ' class="bars"'
    return f"<ul{faint}>{rows}</ul>"


def _picture(picture: Picture) -> str:
    return (
        f"<figure>{_image(picture.png, 'png', picture.caption)}"
        f"<figcaption>{_text(picture.caption)}</figcaption></figure>"
    )


def _found_words(result: FoundStretches) -> str:
    lengths = f"{min(result.lengths):.1f} to {max(result.lengths):.1f}"
    words = (
        f"Searched {clock(result.seconds)} of {result.video} at {result.rate:.3g} pictures a "
        f"second, in windows of {lengths} s."
    )
    if result.threshold is None:
        words += " This model cannot say “none of these”, so every stretch gets the nearest name."
    else:
        words += (
            f" About {100 * (result.false_alarms or 0):.3g} % of windows that show something else "
            "pass too, and a long video has thousands: expect false alarms."
        )
    return f"<h3>{_count(len(result.segments), 'segment')}</h3><p>{_text(words)}</p>"


def _timeline(result: FoundStretches) -> str:
    lanes = "".join(
        f"<div class=lane><span>{_text(name)}</span><div class=track>"
        + "".join(_segment(each, result, place) for each in result.segments if each.name == name)
        + "</div></div>"
        for place, name in enumerate(result.classes)
    )
    ends = f"<div class=ends><span>0:00</span><span>{clock(round(result.seconds))}</span></div>"
    return f'<div class="timeline">{lanes}{ends}</div>'


def _segment(each: Stretch, result: FoundStretches, place: int) -> str:
    whole = max(result.seconds, 1e-3)
    left, width = 100 * each.start / whole, 100 * (each.end - each.start) / whole
    title = f"{each.name}, {clock(each.start)} to {clock(each.end)}, {100 * each.probability:.0f} %"
    return (
        f'<button style="left:{left:.2f}%;width:{max(width, 0.6):.2f}%;'
        f'background:{_COLOURS[place % len(_COLOURS)]}" title="{_text(title)}" '
        f'aria-label="{_text(title)}" onclick="{_jump(each)}"></button>'
    )


def _table(result: FoundStretches) -> str:
    if not result.segments:
        return "<p>None of the actions was found.</p>"
    rows = "".join(
        f'<tr><td><button class=jump onclick="{_jump(each)}">▶ {clock(each.start)}</button></td>'
        f"<td>{clock(each.end)}</td><td>{_text(each.name)}</td>"
        f"<td>{100 * each.probability:.0f} %</td></tr>"
        for each in result.segments
    )
    return (
        "<table><thead><tr><th>from</th><th>to</th><th>action</th><th>probability</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _jump(each: Stretch) -> str:
    return (
        f"const v=document.querySelector('#{FIND_VIDEO} video');"
        f"if(v){{v.currentTime={each.start:.3f};v.play();v.scrollIntoView({{block:'center'}})}}"
    )


def _damage(result: FoundStretches) -> str:
    if not result.damage and result.is_whole:
        return ""
    lines = "".join(f"<li>{_text(each)}</li>" for each in result.damage)
    end = "" if result.is_whole else " It could not be read to its end."
    words = f"Parts of the video are damaged.{end}<ul>{lines}</ul>"
    return f'<div class="said bad" role="alert">{words}</div>'


def _image(data: bytes, kind: str, words: str) -> str:
    code = b64encode(data).decode()
    return f'<img src="data:image/{kind};base64,{code}" alt="{_text(words)}">'


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f", {seconds:.1f} s"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _text(words: str) -> str:
    escaped = "\n".join(escape(printable(line)) for line in words.split("\n"))
    return escaped.replace(" %", "&nbsp;%")
