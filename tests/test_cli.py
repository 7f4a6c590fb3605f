"""The command as a newcomer and a script meet it: exit codes, messages, forms of output."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import socket
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runstream.cli import exits, main, parser, ports, printing, processes
from runstream_schemas import settings
from runstream_schemas.errors import ConfigError
from tests.scripts import ROOT


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a shell would, with this test's environment and more."""
    command = [sys.executable, "-m", "runstream.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def shown(columns: list[str], rows: list[list[object]], form: str) -> str:
    """Return what printing.write writes."""
    out = io.StringIO()
    printing.write(columns, rows, form, out)
    return out.getvalue()


def test_an_unknown_setting_ends_a_command_with_the_nearest_name() -> None:
    """A misspelt RUNSTREAM_* variable is refused with 2, in one line, with what was meant."""
    done = call("runs", RUNSTREAM_BROKER="localhost:9092")

    assert done.returncode == exits.USAGE
    assert done.stderr == ("runstream: RUNSTREAM_BROKER is no setting of runstream; did you mean RUNSTREAM_BROKERS?\n")


def test_a_wrong_value_of_a_setting_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A RUNSTREAM_BROKERS without a port ends with 2 and says what is wrong with it."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", "localhost")

    code = main(["topics", "check"])

    assert code == exits.USAGE
    assert capsys.readouterr().err.splitlines() == [
        "runstream: RUNSTREAM_BROKERS='localhost': 'localhost' is not host:port"
    ]


def test_topics_without_brokers_say_which_variable_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """`topics create` in embedded mode ends with 2 and names RUNSTREAM_BROKERS."""
    code = main(["topics", "create"])

    assert code == exits.USAGE
    assert "RUNSTREAM_BROKERS" in capsys.readouterr().err


def test_a_missing_extra_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    """Without DuckDB, `runs` ends with 2 and the pip line; no traceback."""
    (tmp_path / "duckdb.py").write_text("raise ModuleNotFoundError('no duckdb here', name='duckdb')")

    done = call("runs", PYTHONPATH=str(tmp_path))

    assert done.returncode == exits.USAGE
    assert (
        done.stderr
        == "runstream: this command needs duckdb, which is not installed; pip install 'runstream[consumer]'\n"
    )


def test_wrong_arguments_end_with_two() -> None:
    """The parser's own number is the documented one for wrong usage."""
    with pytest.raises(SystemExit) as ended:
        main(["runs", "--no-such-option"])

    assert ended.value.code == exits.USAGE


def test_a_misspelt_command_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is no command ends with 2 and one line: the command that was meant, or how to list them."""
    assert [main(["rnus"]), main(["--home", "x", "frobnicate"])] == [exits.USAGE] * 2

    near, far = capsys.readouterr().err.splitlines()
    assert "did you mean `runstream runs`?" in near
    assert "`runstream --help` lists them" in far


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`runstream` alone ends with 2, and lists the commands on standard error."""
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == exits.USAGE
    assert "Start the consumer and the dashboard" in capsys.readouterr().err


def test_the_version_is_told_as_other_programs_do(capsys: pytest.CaptureFixture[str]) -> None:
    """`runstream --version` prints one line and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == exits.OK
    assert re.fullmatch(r"runstream \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_the_home_may_be_named_before_and_behind_a_command() -> None:
    """--home counts on either side of the command, the one behind it more; without it the variable decides."""
    asked = [
        ["--home", "a", "runs"],
        ["runs", "--home", "b"],
        ["--home", "a", "topics", "check", "--home", "b"],
        ["runs"],
    ]

    assert [parser.parse(words).home for words in asked] == [Path("a"), Path("b"), Path("b"), None]


@pytest.mark.parametrize(
    "command",
    ["up", "demo", "consume", "dashboard", "sync", "token", "runs", "show", "tail", "logs", "sql", "check", "version"],
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`runstream COMMAND --help` prints its options and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == exits.OK
    assert f"usage: runstream {command}" in capsys.readouterr().out


def test_help_names_settings_and_exit_codes() -> None:
    """`runstream --help` tells the variables that matter most, and every exit code."""
    text = parser.build().format_help()

    assert all(name in text for name in ("RUNSTREAM_HOME", "RUNSTREAM_BROKERS", "RUNSTREAM_SERVER"))
    assert all(meaning in text for meaning in exits.MEANING.values())


def test_version_prints_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """`version --json` holds runstream, Python and DuckDB, and works with wrong settings."""
    code = main(["version", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert code == exits.OK
    assert {"runstream", "python", "kafka-python", "duckdb", "system"} <= set(told)


def test_check_finds_the_misspelt_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` does not stop at a wrong name: it lists it as an error beside everything else, and ends with 1."""
    monkeypatch.setenv("RUNSTREAM_HOMES", "x")

    code = main(["check", "--json"])
    told = json.loads(capsys.readouterr().out)
    errors = [finding for finding in told["findings"] if finding["level"] == "error"]

    assert code == exits.FAILED
    assert [error["part"] for error in errors] == ["RUNSTREAM_HOMES"]
    assert "RUNSTREAM_HOME" in errors[0]["text"]


def test_check_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """`check` on an untouched machine finds no error and shows each variable."""
    code = main(["check"])
    out = capsys.readouterr().out

    assert code == exits.OK, out
    assert [s.name for s in settings.SETTINGS if s.name not in out] == ["RUNSTREAM_FAILPOINT"]


def test_check_tells_versions_and_every_extra(capsys: pytest.CaptureFixture[str]) -> None:
    """The versions of a bug report are in it, and a line for each extra that the project offers."""
    main(["check", "--json"])
    texts = {finding["part"]: finding["text"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"]) - {"all"}

    assert f"runstream {project['version']}" in texts["versions"]
    assert "duckdb 1.5.5" in texts["versions"]
    assert {part.strip("[]") for part in texts if part.startswith("[")} == extras


def test_json_keeps_what_json_cannot_say() -> None:
    """NaN and infinities are null in JSON, with a field beside them that says which they were."""
    text = shown(["step", "value"], [[0, math.nan], [1, math.inf], [2, -math.inf], [3, 0.5]], "json")

    assert json.loads(text) == [
        {"step": 0, "value": None, "value_nonfinite": "nan"},
        {"step": 1, "value": None, "value_nonfinite": "inf"},
        {"step": 2, "value": None, "value_nonfinite": "-inf"},
        {"step": 3, "value": 0.5, "value_nonfinite": None},
    ]


def test_json_without_nonfinite_values_has_no_flag() -> None:
    """A column of plain numbers gets no second field."""
    assert json.loads(shown(["a", "b"], [[1, 2.5]], "json")) == [{"a": 1, "b": 2.5}]


def test_csv_reads_back_as_it_was() -> None:
    """Quotes, line breaks, Unicode and empty fields survive CSV."""
    rows: list[list[object]] = [["a,b", 'say "x"', "line\nbreak"], ["손실", None, 1.5]]

    read = list(csv.reader(io.StringIO(shown(["x", "y", "z"], rows, "csv"))))

    assert read == [["x", "y", "z"], ["a,b", 'say "x"', "line\nbreak"], ["손실", "", "1.5"]]


def test_a_table_lines_up_wide_characters() -> None:
    """Korean names take two columns each, so that the next column starts at the same place."""
    lines = shown(["name", "n"], [["손실", 1], ["loss", 20]], "table").splitlines()

    assert lines == ["name   n", "────  ──", "손실   1", "loss  20"]


def test_a_table_shows_control_characters_as_blanks() -> None:
    """A tag with a line break or an escape sequence cannot rearrange the terminal."""
    lines = shown(["tag"], [["a\nb\x1b[2J"]], "table").splitlines()

    assert lines == ["tag", "───────", "a b [2J"]


def test_a_table_narrows_its_widest_columns_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 40 columns no line is longer, wide characters included; in a pipe nothing is cut."""
    monkeypatch.setenv("COLUMNS", "40")
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    rows = [["291eaecf-abce-4aa1-ad78-6f40d6694fc0", 1, "손실" * 10]]

    printing.write(["run_id", "number", "name"], rows, "table", terminal)

    assert [line.split()[0] for line in terminal.getvalue().splitlines()] == ["run_id", "─" * 15, "291eaecf-abce-…"]
    assert terminal.getvalue().splitlines()[-1].endswith("손실손실손실손…")
    assert str(rows[0][0]) in shown(["run_id", "number", "name"], rows, "table")


@pytest.mark.parametrize("command", ["runs", "up", "consume", "sync", "token", "show x", "tail x", "sql x"])
def test_a_home_that_is_a_file_is_refused_by_every_command(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the home, or above it, ends with 2 before anything starts."""
    file = tmp_path / "file"
    file.touch()

    for home in (file, file / "below"):
        assert main(["--home", str(home), *command.split()]) == exits.USAGE
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"runstream: RUNSTREAM_HOME='{home}': ")


@pytest.mark.parametrize("command", ["runs", "show x", "tail x", "logs x", "sql x"])
def test_a_read_from_a_home_that_is_not_there_does_not_make_it(
    command: str, home_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped home is told; an empty one made on the spot would answer for ever that there is nothing."""
    assert main(["--home", str(home_path), *command.split()]) == exits.USAGE
    assert capsys.readouterr().err.startswith(f"runstream: RUNSTREAM_HOME='{home_path}': is not there")
    assert not home_path.exists()


def test_an_error_of_the_system_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the operating system refuses ends with 1, the file's name and its words; not with a traceback."""

    def refuse(options: object) -> int:
        raise PermissionError(13, "Permission denied", "/some/token")

    monkeypatch.setattr("runstream.cli.check.version", refuse)

    assert main(["version"]) == exits.FAILED
    assert capsys.readouterr().err == "runstream: /some/token: Permission denied\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runs", "--limit", "-1"], "'-1' is no number from 0 on"),
        (["tail", "x", "--lines", "ten"], "'ten' is no number from 0 on"),
        (["consume", "--port", "abc"], "'abc' is no port"),
        (["up", "--port", "70000"], "'70000' is no port"),
        (["sync", "--timeout", "nan"], "'nan' is no number of seconds"),
    ],
)
def test_a_wrong_number_is_told_in_words(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A count, a port or a time that is none ends with 2 and says what it may be."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == exits.USAGE
    assert told in capsys.readouterr().err


def test_a_consumer_is_told_at_once_that_it_cannot_listen_there(capsys: pytest.CaptureFixture[str]) -> None:
    """`consume --listen` with another machine's address ends with 2, before the history is opened."""
    assert main(["consume", "--listen", "192.0.2.1"]) == exits.USAGE
    assert "is no address of this machine" in capsys.readouterr().err


def test_times_are_iso() -> None:
    """A time in JSON is ISO 8601 with its offset."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)

    assert json.loads(shown(["at"], [[at]], "json")) == [{"at": "2026-01-02 03:04:05.678+00:00"}]


def test_a_taken_port_names_its_holder() -> None:
    """A port that was asked for and is taken is refused with the pid that holds it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"is taken by pid {os.getpid()} "):
            ports.choose("127.0.0.1", port)


def test_a_free_port_is_given_as_asked() -> None:
    """Port 0 gives a free one; asking for that one gives it."""
    port = ports.choose("127.0.0.1", 0)

    assert ports.choose("127.0.0.1", port) == port


def test_an_address_of_another_machine_is_refused() -> None:
    """--listen with an address that is not here says so."""
    with pytest.raises(ConfigError, match="is no address of this machine"):
        ports.choose("192.0.2.1", 0)


def test_the_dashboard_leaves_this_machine_only_by_a_spoken_word() -> None:
    """--listen beyond loopback is refused without --allow-anonymous."""
    for host in ("127.0.0.1", "localhost", "::1"):
        processes.refuse_open_door(host, may_anyone_look=False)
    processes.refuse_open_door("0.0.0.0", may_anyone_look=True)

    with pytest.raises(ConfigError, match="--allow-anonymous"):
        processes.refuse_open_door("0.0.0.0", may_anyone_look=False)
