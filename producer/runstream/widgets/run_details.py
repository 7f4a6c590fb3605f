"""A run in a notebook: live where the notebook can show a widget, as text elsewhere."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from runstream.run import Run
from runstream.widgets import plain
from runstream.widgets.look import Look, Seen
from runstream.workspace import expect
from runstream_schemas.errors import ExtraMissing, RunstreamError

if TYPE_CHECKING:
    from runstream.widgets.follower import Follower
    from runstream.widgets.front import RunWidget

FIRST_LOOK_S: Final = 1.0
"""How long show() waits for something to show; what takes longer appears by itself."""


class RunDetails:
    """
    A run's status, metrics, pictures, logs, labels and children, live in a notebook until the run has ended.

    Args:
        run: to be shown.

    Raises:
        TypeError: *run* is no Run.
    """

    def __init__(self, run: Run) -> None:
        expect(run, Run, "RunDetails(run)")
        self._run = run
        self._widget: RunWidget | None = None
        self._follower: Follower | None = None
        self._settings: dict[str, Any] = {}

    def show(
        self, render_lib: Callable[[str], object] | None = None, widget_settings: Mapping[str, Any] | None = None
    ) -> None:
        """
        Show the run here, and return at once; what it logs later appears by itself within two seconds.

        Where no notebook is, or none that can show widgets, the run is printed as text, as it is now. What is not
        installed, or a history that cannot be read, is told in the same place.

        Args:
            render_lib: a function that shows HTML, such as displayHTML of notebooks that are not Jupyter's: it gets
                the run as a table, as it is now, instead.
            widget_settings: taken for the sake of old code, without effect; get_widget_data() gives them back.
        """
        self._settings = dict(widget_settings or {})
        if render_lib is not None:
            render_lib(f"<pre>{html.escape(self._text())}</pre>")
        elif not _in_notebook():
            print(self._text())
        else:
            self._display()

    def get_widget_data(self) -> dict[str, Any]:
        """
        Return what the widget shows, by the names that the widget of the azureml SDK gives it.

        Curves of many points are thinned as they are for drawing; get_metrics() has all of them.

        Raises:
            RunNotFound, NotYetFolded, HistoryUnreachable, ExtraMissing: as get_metrics() does.
        """
        seen = self._seen()
        return {
            "status": seen.run["status"],
            "run_id": seen.run["id"],
            "workbench_run_details_uri": seen.run["url"],
            "run_properties": _properties(seen),
            "run_metrics": _metrics(seen),
            "run_logs": "\n".join(line for stream in seen.lines for line in stream.newest),
            "child_runs": [
                {"run_id": child["id"], "name": child["name"], "status": child["status"]} for child in seen.children
            ],
            "widget_settings": dict(self._settings),
        }

    def _seen(self) -> Seen:
        """Look once, now, when all that this process has logged is there."""
        look = Look(self._run._config, self._run.id)
        with self._run._reader().history() as history:
            look.read(history)
        return look.seen

    def _text(self) -> str:
        try:
            return plain.text(self._seen())
        except RunstreamError as error:
            return f"{self._run!r}\n\nThe history cannot be read: {error}"

    def _display(self) -> None:
        try:
            from runstream.widgets.front import RunWidget
        except ModuleNotFoundError as error:
            missing = ExtraMissing(what="the live view", extra="notebook", module=str(error.name))
            print(f"{self._text()}\n\nThis is the run as it is now: {missing}")
            return
        if self._widget is None or self._widget.comm is None:
            self._widget = RunWidget(self._run.id)
            self._widget.on_msg(self._asked)
        follower = self._follow(self._widget)
        follower.wait(FIRST_LOOK_S)
        _send(self._widget, plain.text(follower.seen) if follower.seen.run else repr(self._run))

    def _follow(self, widget: RunWidget) -> Follower:
        """Return the thread that looks at the run; a new one where the last one has come to its end."""
        from runstream.widgets.follower import Follower

        if self._follower is None or not self._follower.is_alive:
            self._follower = Follower(self._run._config, self._run.id, widget.show)
            self._follower.start()
        return self._follower

    def _asked(self, widget: RunWidget, content: object, buffers: object) -> None:  # noqa: ARG002
        """The reader of a page that stands still wants to know whether there is something new."""
        if content == {"kind": "look again"}:
            self._follow(widget)


def _properties(seen: Seen) -> dict[str, Any]:
    run = seen.run
    return {
        "run_id": run["id"],
        "run_number": run["number"],
        "status": run["status"],
        "created_utc": _utc(run["created_s"]),
        "end_time_utc": _utc(run["ended_s"]),
        "run_duration": seen.progress["duration_s"],
        "tags": dict(seen.labels["tags"]),
        "properties": dict(seen.labels["properties"]),
    }


def _metrics(seen: Seen) -> list[dict[str, Any]]:
    drawn = [(curve.name, *curve.points()) for curve in seen.curves]
    told = [value["value"] if value["number"] is None else value["number"] for value in seen.values]
    single = [(value["name"], [0.0], [shown]) for value, shown in zip(seen.values, told, strict=True)]
    return [
        {"name": name, "run_id": seen.run["id"], "categories": x, "series": [{"data": y}]}
        for name, x, y in [*drawn, *single]
    ]


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _in_notebook() -> bool:
    """Whether a kernel runs this code, so that what it displays reaches a page."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _send(widget: RunWidget, text: str) -> None:
    """Display the widget; a page that cannot show widgets shows the text."""
    from IPython.display import display

    data, metadata = widget._repr_mimebundle_() or ({}, {})
    display({**data, "text/plain": text}, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
