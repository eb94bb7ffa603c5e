"""The page: what stands above the tabs, the four tabs, and what a window begins and ends with."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils.fonts import Font
from starlette.middleware import Middleware

from spm.page.find import find_tab
from spm.page.following import QUICK, at_once, knows
from spm.page.keep import keep_tab
from spm.page.limits import PageLimits
from spm.page.only_here import OnlyHere
from spm.page.recognise import recognise_tab
from spm.page.results import Builtin
from spm.page.session import Sessions
from spm.page.teach import teach_tab

TITLE = "CLIP-SPM: recognise actions by a few examples"
_HEAD = f"""# {TITLE}
Show it a few short clips of an action, and it recognises the action in other clips and finds it in
long videos. Nothing leaves this computer."""
_CSS = Path(__file__).parent / "page.css"


def build(sessions: Sessions, builtin: Builtin, *, limits: PageLimits) -> gr.Blocks:
    """builtin: what each window starts with."""
    page: gr.Blocks
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.Markdown(_HEAD)
        known = gr.HTML(elem_id="known")
        with gr.Tabs(selected="recognise", elem_id="tabs"):
            with gr.Tab("Teach", id="teach"):
                teach_tab(sessions, limits=limits, known=known)
            with gr.Tab("Recognise", id="recognise"):
                recognise_tab(sessions, limits=limits, builtin=builtin, known=known)
            with gr.Tab("Find", id="find"):
                find_tab(sessions, limits=limits, builtin=builtin, known=known)
            with gr.Tab("Keep", id="keep"):
                keep_tab(sessions, limits=limits, known=known)
        page.load(at_once(sessions, knows), None, known, **QUICK)

        def leave(request: gr.Request) -> None:
            sessions.end(request.session_hash)

        page.unload(leave)
    return page


def launch(page: gr.Blocks, *, port: int | None, limits: PageLimits) -> str:
    """Serves the page on this machine alone, in threads; returns its address.

    port: None: the first free one from 7860 on. Raises OSError if the port is taken.
    """
    system = [Font("system-ui"), Font("sans-serif")]
    mono = [Font("ui-monospace"), Font("monospace")]
    options: dict[str, Any] = {
        "theme": gr.themes.Default(font=system, font_mono=mono, primary_hue="blue"),
        "css_paths": _CSS,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "allowed_paths": [],
        "app_kwargs": {"middleware": [Middleware(OnlyHere)]},
    }
    _, address, _ = page.queue(api_open=False).launch(
        server_name="127.0.0.1",
        server_port=port,
        max_file_size=limits.max_bytes,
        prevent_thread_lock=True,
        quiet=True,
        inbrowser=False,
        **options,
    )
    return str(address)
