"""What runs leave in folders and print is kept, as it grows, unless it is switched off."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace, capture, console, scribe
from runstream_schemas.errors import ConfigError
from runstream_schemas.events import ArtifactEvent, LogEvent
from tests import scripts
from tests.run_events import events
from tests.waiting import until


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the current folder of a program that runs with everything captured."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "all")
    place = tmp_path / "cwd"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def start(folder: Path) -> Callable[..., Run]:
    """Start a run in that folder."""
    return Experiment(Workspace(), "capture").start_logging


def printed(home_path: Path, stream: str) -> str:
    """What a home's runs have printed to a stream."""
    return "".join(event.text for event in events(home_path, LogEvent) if event.stream == stream)


def kept(home_path: Path) -> list[tuple[str, bytes | None]]:
    """Every file version of a home, with its content."""
    return [(event.path, event.content) for event in events(home_path, ArtifactEvent)]


def test_printed_lines_become_log_events(home_path: Path, start: Callable[..., Run]) -> None:
    """Both streams, whole lines, in order; what is printed after the end is not the run's."""
    run = start()
    print("one")
    print("two", end="")
    print("oops", file=sys.stderr)
    run.complete()
    print("later")

    assert printed(home_path, "stdout") == "one\ntwo\n"
    assert printed(home_path, "stderr") == "oops\n"


def test_lines_are_there_while_the_run_goes_on(home_path: Path, start: Callable[..., Run]) -> None:
    """A watcher need not wait for the end."""
    run = start()
    print("live")

    until(lambda: printed(home_path, "stdout") == "live\n")
    run.complete()


def test_the_console_shows_what_it_would_show_without_a_run(
    start: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything arrives on the screen, and the streams are put back at the end."""
    before = sys.stdout
    run = start()
    print("seen")
    run.complete()

    assert capsys.readouterr().out == "seen\n"
    assert sys.stdout is before


def test_looking_at_very_many_files_is_paid_for_by_waiting() -> None:
    """A look that costs a tenth of a second is waited after for two; quick ones come every second."""
    assert capture.pause(0.001) == capture.INTERVAL_S
    assert capture.pause(0.1) == 2.0


def test_two_runs_at_once_both_get_what_is_printed(home_path: Path, start: Callable[..., Run]) -> None:
    """The streams stay shared until the last one ends."""
    first, second = start(), start()
    print("both")
    first.complete()
    print("one")
    second.complete()

    texts = {run.id: "" for run in (first, second)}
    for event in events(home_path, LogEvent):
        texts[event.run_id] += event.text
    assert texts == {first.id: "both\n", second.id: "both\none\n"}


def test_outputs_are_kept_as_they_hold_still_and_in_their_last_state(
    home_path: Path, folder: Path, start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file appears while the run goes on; what changes until the end is kept as its next version."""
    monkeypatch.setattr(capture, "INTERVAL_S", 0.01)
    run = start()
    (folder / "outputs" / "deep").mkdir(parents=True)
    (folder / "outputs" / "deep" / "a.txt").write_bytes(b"1")
    until(lambda: kept(home_path) == [("outputs/deep/a.txt", b"1")])
    (folder / "outputs" / "deep" / "a.txt").write_bytes(b"22")
    run.complete()

    assert kept(home_path)[-1] == ("outputs/deep/a.txt", b"22")


def test_outputs_of_an_earlier_run_are_left_alone(home_path: Path, folder: Path, start: Callable[..., Run]) -> None:
    """What lay there before and does not change is not this run's; what changes is."""
    (folder / "outputs").mkdir()
    for name in ("old", "changed"):
        (folder / "outputs" / name).write_bytes(b"before")
    run = start()
    (folder / "outputs" / "changed").write_bytes(b"after!!")
    run.complete()

    assert kept(home_path) == [("outputs/changed", b"after!!")]


def test_another_folder_or_none_may_be_watched(home_path: Path, folder: Path, start: Callable[..., Run]) -> None:
    """outputs=path is made at once and watched under the name outputs; outputs=False watches nothing."""
    named = start(outputs="results")
    (folder / "results" / "a").write_bytes(b"1")
    named.complete()
    none = start(outputs=False)
    (folder / "outputs").mkdir()
    (folder / "outputs" / "b").write_bytes(b"2")
    none.complete()

    assert kept(home_path) == [("outputs/a", b"1")]


def test_log_files_are_read_line_by_line_and_kept_at_the_end(
    home_path: Path, folder: Path, start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines come as they are written, a character cut in two included; a file that begins anew is read anew."""
    monkeypatch.setattr(capture, "INTERVAL_S", 0.01)
    run = start()
    (folder / "logs").mkdir()
    first, second = "가\n".encode()[:2], "가\n".encode()[2:]
    with (folder / "logs" / "x.txt").open("ab", buffering=0) as file:
        file.write(b"a\n" + first)
        until(lambda: printed(home_path, "logs/x.txt") == "a\n")
        file.write(second)
        until(lambda: printed(home_path, "logs/x.txt") == "a\n가\n")
    (folder / "logs" / "x.txt").write_bytes(b"b\n")
    run.complete()

    assert printed(home_path, "logs/x.txt") == "a\n가\nb\n"
    assert kept(home_path) == [("logs/x.txt", b"b\n")]


def test_a_link_that_leads_out_of_the_folder_is_left_alone(
    home_path: Path, folder: Path, start: Callable[..., Run]
) -> None:
    """Nobody asked for what a link or a pipe in outputs leads to."""
    run = start(outputs="outputs")
    (folder / "secret").write_bytes(b"secret")
    (folder / "outputs" / "link").symlink_to(folder / "secret")
    os.mkfifo(folder / "outputs" / "pipe")
    run.complete()

    assert kept(home_path) == []


@pytest.mark.parametrize(
    ("parts", "expected"), [("none", (False, False)), ("console", (True, False)), ("outputs", (False, True))]
)
def test_each_part_can_be_switched_off(
    home_path: Path,
    folder: Path,
    start: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    parts: str,
    expected: tuple[bool, bool],
) -> None:
    """RUNSTREAM_CAPTURE names what is kept; what it does not name is left alone."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", parts)
    run = start(outputs="outputs")
    print("text")
    (folder / "outputs" / "a").write_bytes(b"1")
    run.complete()

    assert (printed(home_path, "stdout") != "", kept(home_path) != []) == expected


def test_an_unknown_part_is_refused_with_those_there_are(
    start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt part would otherwise be kept by accident, or not."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "outputs,consol")

    with pytest.raises(ConfigError, match="console"):
        start()


def test_a_run_that_its_process_ends_keeps_what_was_printed_last(home_path: Path, tmp_path: Path) -> None:
    """The last words before an exception are there, its traceback with them."""
    text = "run = Experiment(Workspace(), 'e').start_logging()\nprint('last words')\nraise ValueError('end')"

    scripts.execute(home_path, text, RUNSTREAM_CAPTURE="console")

    assert printed(home_path, "stdout") == "last words\n"
    assert "ValueError: end" in printed(home_path, "stderr")


def test_a_forked_child_prints_into_the_run_as_a_process_of_its_own(home_path: Path) -> None:
    """Nothing hangs and nothing is doubled: lines of both are there, each under its own producer."""
    text = (
        "run = Experiment(Workspace(), 'e').start_logging()\nprint('parent', flush=True)\npid = os.fork()\n"
        "if pid == 0:\n    print('child', flush=True)\n    sys.exit()\nos.waitpid(pid, 0)\nprint('again')"
    )

    ended = scripts.execute(home_path, text, RUNSTREAM_CAPTURE="console")

    assert ended.status == 0, ended.err
    found = [(event.producer_id, event.text) for event in events(home_path, LogEvent)]
    assert sorted(text for _, text in found for text in text.splitlines()) == ["again", "child", "parent"]
    (child,) = {producer for producer, text in found if text == "child\n"}
    assert child not in {producer for producer, text in found if text != "child\n"}


def test_a_forked_worker_of_multiprocessing_prints_into_the_run(home_path: Path) -> None:
    """Its last line is there too, though such a process ends without the usual exit handlers."""
    text = """
    import multiprocessing
    run = Experiment(Workspace(), 'e').start_logging()
    process = multiprocessing.get_context('fork').Process(target=lambda: print('worker', flush=True))
    process.start(); process.join()
    """

    ended = scripts.execute(home_path, text, RUNSTREAM_CAPTURE="console")

    assert ended.status == 0, ended.err
    assert printed(home_path, "stdout") == "worker\n"


def test_a_dropped_run_is_let_go_of_while_it_is_captured(home_path: Path, start: Callable[..., Run]) -> None:
    """What its user lets go of is not kept in memory; what is printed until the process ends is still the run's."""
    run = start()
    gone, experiment, run_id = weakref.ref(run), run.experiment, run.id
    del run

    assert gone() is None
    print("after")
    until(lambda: printed(home_path, "stdout") == "after\n")
    Run(experiment, run_id).complete()


def test_text_that_comes_faster_than_it_is_kept_is_counted(
    home_path: Path, start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Printing never waits: beyond the bound text is left out of the run, and a line says how much."""
    monkeypatch.setattr(scribe, "MAX_WAITING_CHARACTERS", 10)
    monkeypatch.setattr(scribe, "INTERVAL_S", 60.0)
    run = start()
    for text in ("a" * 11, "b" * 100):
        sys.stdout.write(f"{text}\n")
    run.complete()

    assert "[runstream: 101 characters" in printed(home_path, "stdout")
    assert "b" not in printed(home_path, "stdout").replace("be", "")


def test_listeners_share_the_streams_and_leave_no_trace() -> None:
    """After the last one is muted, standard output is the stream that it was."""
    before, found = sys.stderr, list[tuple[str, str]]()
    console.listen("a", lambda stream, text: found.append((stream, text)))
    console.listen("b", lambda stream, text: None)
    console.mute("b")
    sys.stderr.writelines(["x", "y"])
    console.mute("a")

    assert found == [("stderr", "x"), ("stderr", "y")]
    assert sys.stderr is before
