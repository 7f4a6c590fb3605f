"""The widget itself: what the page is sent, and the code that draws it there."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

import runstream_dashboard
from runstream.widgets.frames import Frames
from runstream.widgets.look import Seen
from runstream.widgets.pictures import N_SLOTS

WEB: Final = Path(__file__).with_name("web")
PAGES_WEB: Final = Path(runstream_dashboard.__file__).with_name("web")
MODULES: Final = (
    # A number is written in a notebook as on the pages, by the same code: both packages are in every installation.
    PAGES_WEB / "numbers.js",
    *(WEB / name for name in ("words.js", "frames.js", "dom.js", "plot.js", "panels.js", "widget.js")),
)
"""In the order in which each uses only those before it."""

_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def script() -> str:
    """Return the page's code as one module: a widget's code travels as one text, so its files are put together here."""
    texts = [path.read_text(encoding="utf-8") for path in MODULES]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def _shared(trait: Any) -> Any:
    return trait.tag(sync=True)


class RunWidget(anywidget.AnyWidget):
    """
    A run on the page. Every trait is sent when it changes, and only then.

    `whole` and `tail` hold curves and log lines, see module frames; `slot_<n>` the bytes of one picture each.
    """

    _esm = script()
    _css = WEB / "widget.css"

    run = _shared(traitlets.Dict())
    progress = _shared(traitlets.Dict())
    values = _shared(traitlets.List())
    labels = _shared(traitlets.Dict())
    children = _shared(traitlets.Dict())
    pictures = _shared(traitlets.Dict())
    whole = _shared(traitlets.Dict())
    tail = _shared(traitlets.Dict())
    n_more_curves = _shared(traitlets.Int(0))
    trouble = _shared(traitlets.Unicode(""))
    is_still = _shared(traitlets.Bool(False))
    n_looks = _shared(traitlets.Int(0))

    def __init__(self, run_id: str) -> None:
        """Make the widget of one run; nothing is read yet."""
        self._frames = Frames()
        self.add_traits(**{_slot(number): _shared(traitlets.Bytes(b"")) for number in range(N_SLOTS)})
        super().__init__(run={"id": run_id})

    def show(self, seen: Seen, trouble: str, is_last: bool) -> bool:
        """Send what has changed in one message, from whatever thread; return whether the widget is still open."""
        if self.comm is None:
            return False
        with self.hold_sync():
            self.trouble = trouble
            self.is_still = is_last
            # A page that does not hear of this knows that it is not live any more.
            self.n_looks += 1
            if seen.run:
                self._show_run(seen)
        return True

    def _show_run(self, seen: Seen) -> None:
        self.run, self.progress, self.values, self.labels = seen.run, seen.progress, seen.values, seen.labels
        self.children = {"rows": seen.children, "n": seen.n_children}
        self.pictures = {"rows": [asdict(picture) for picture in seen.pictures], "n_more": seen.n_more_pictures}
        self.n_more_curves = seen.n_more_curves
        for number, content in enumerate(seen.slots):
            self.set_trait(_slot(number), content)
        whole, tail = self._frames.next(seen.curves, seen.lines)
        if whole is not None:
            self.whole = whole
        self.tail = tail


def _slot(number: int) -> str:
    return f"slot_{number}"
