"""The commands that read, on a home with real runs in it: what people see and what scripts get."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from runstream import Experiment, Run, Workspace
from runstream.cli import exits, main
from runstream_consumer.fold import Fold
from runstream_consumer.serve import read_server
from runstream_schemas.events import Created, RunEvent
from runstream_schemas.home import Home
from runstream_schemas.topics import Topic
from tests import broker as real
from tests.command_line import output
from tests.folded import items
from tests.served import serving
from tests.waiting import until


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a completed run with every kind of value in it, in the home that this test's environment names."""
    file = tmp_path / "notes.txt"
    file.write_text("seen")
    with Experiment(Workspace(), "letters").start_logging(display_name="first", tags={"model": "ridge"}) as started:
        for step, value in enumerate([0.5, math.nan, math.inf, -0.0]):
            started.log("loss", value, step=step)
        started.log("손실", 2**70, step=0)
        started.log("name", "a\nb", step=0)
        started.log("ok", True, step=0)
        started.log("nothing", None, step=0)
        started.log_row("by alpha", alpha=0.1, mse=3.0)
        started.add_properties({"seed": "7"})
        started.upload_file("outputs/notes.txt", file)
    return started


def test_runs_lists_runs_for_scripts(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`runs --json` gives one object a run, with the metrics that were asked for."""
    [row] = json.loads(output(capsys, "runs", "--json", "--metric", "loss", "--metric", "absent"))

    assert row["run_id"] == run.id
    assert (row["experiment"], row["display_name"], row["status"]) == ("letters", "first", "Completed")
    assert (row["loss"], row["absent"]) == (0.0, None)


def test_runs_filters(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A filter term, an experiment or a status narrows the list; a filter that makes no sense ends with 2."""
    found = [
        json.loads(output(capsys, "runs", "--json", *arguments))
        for arguments in (["model = ridge"], ["model = tree"], ["--experiment", "other"], ["--status", "Completed"])
    ]

    assert [len(rows) for rows in found] == [1, 0, 0, 1]
    assert main(["runs", "loss <"]) == exits.USAGE


def test_runs_are_sorted_by_a_metric_and_by_nothing_unknown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A column, a metric, its minimum and a property sort; any other name ends with 2 and names the nearest."""
    for known in ("-created_at", "id", "loss", "-min(loss)", "seed"):
        assert len(json.loads(output(capsys, "runs", "--json", "--sort", known))) == 1

    codes = [main(["runs", "--sort", name]) for name in ("-lss", "created", "creatd_at", "by alpha", "-")]
    told = capsys.readouterr().err

    assert codes == [exits.USAGE, exits.OK, exits.USAGE, exits.USAGE, exits.USAGE]
    assert "--sort='-lss': is no column, and no run has such a metric or property; did you mean loss?" in told
    assert "did you mean created_at" in told


def test_a_status_may_be_in_any_case_and_not_misspelt(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`--status completed` finds completed runs; a word that is no status ends with 2 and the nearest."""
    assert len(json.loads(output(capsys, "runs", "--json", "--status", "completed"))) == 1

    assert main(["runs", "--status", "Runing"]) == exits.USAGE
    assert "did you mean Running?" in capsys.readouterr().err


def test_an_empty_list_says_where_it_looked(run: Run, home_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table without runs is explained on standard error; a script's JSON is just empty."""
    assert main(["runs", "--experiment", "none"]) == exits.OK
    assert f"no run of {home_path} matches" in capsys.readouterr().err
    assert output(capsys, "runs", "--experiment", "none", "--json") == "[]\n"


def test_the_filter_of_the_help_finds_something(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The filter that `runs --help` shows is one: it parses, and finds a run that has such a metric and tag."""
    run.log("val/loss", 0.3)
    run.complete()
    with pytest.raises(SystemExit):
        main(["runs", "--help"])
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("`runstream runs")]

    rows = json.loads(output(capsys, *shlex.split(line.strip("`"))[1:], "--json"))

    assert [row["run_id"] for row in rows] == [run.id]


def test_a_run_is_found_by_its_name(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` takes the name of a run where only one has it; where several do it ends with 2 and lists their ids."""
    assert run.id in output(capsys, "show", "first")

    with Experiment(Workspace(), "letters").start_logging(display_name="first") as other:
        pass
    assert main(["show", "first"]) == exits.USAGE
    assert f"newest first: {other.id}, {run.id}" in capsys.readouterr().err


def test_people_read_local_times_and_scripts_exact_ones(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of runs tells times on this machine's clock to the second, JSON with their offset."""
    exact = json.loads(output(capsys, "runs", "--json"))[0]["created_at"]
    at = datetime.fromisoformat(exact)

    assert at.utcoffset() is not None
    assert f"{at.astimezone():%Y-%m-%d %H:%M:%S} " in output(capsys, "runs")


def test_show_takes_the_beginning_of_an_id(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` finds a run by the first letters of its id, and shows tags, properties, metrics and files."""
    shown = output(capsys, "show", run.id[:8])
    told = json.loads(output(capsys, "show", run.id[:8], "--json"))

    assert all(word in shown for word in (run.id, "ridge", "seed", "손실", "outputs/notes.txt"))
    assert (told["tags"], told["properties"]) == ({"model": "ridge"}, {"seed": "7"})
    assert [file["path"] for file in told["artifacts"]] == ["outputs/notes.txt"]
    assert {metric["name"] for metric in told["metrics"]} == {"loss", "손실", "name", "ok", "nothing", "by alpha"}


def test_a_run_that_is_not_there_ends_with_three(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown id ends `show` and `tail` with 3 and names the command that lists runs."""
    assert main(["show", "zzz"]) == exits.NOT_FOUND
    assert main(["tail", "zzz"]) == exits.NOT_FOUND
    assert capsys.readouterr().err.count("`runstream runs`") == 2


def test_tail_prints_the_last_points_of_an_ended_run_and_ends(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run that has ended, `tail` prints the last points as they were logged, and nothing twice."""
    lines = output(capsys, "tail", run.id, "--json", "--lines", "100").splitlines()
    points = [json.loads(line) for line in lines]
    values = {point["name"]: point["value"] for point in points if point["column_name"] is None}

    assert len(points) == 10
    assert [point.get("value_nonfinite") for point in points if point["name"] == "loss"] == [None, "nan", "inf", None]
    assert values["손실"] == 2**70
    assert (values["name"], values["ok"], values["nothing"]) == ("a\nb", True, None)
    assert {point["column_name"]: point["value"] for point in points if point["name"] == "by alpha"} == {
        "alpha": 0.1,
        "mse": 3.0,
    }


def test_tail_tells_what_belongs_to_a_step_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People read the metrics of a step beside each other; the next step, and another metric's, begin a new line."""
    with Experiment(Workspace(), "steps").start_logging() as run:
        for step in range(2):
            run.log("loss", 0.5 - step / 4, step=step)
            run.log("acc", step / 2, step=step)
        run.log("best", 7, step=9)

    told = [line.split(maxsplit=1)[1] for line in output(capsys, "tail", run.id).splitlines()]

    assert [line.strip() for line in told] == ["0 loss 0.5  acc 0", "1 loss 0.25  acc 0.5", "9 best 7"]


def test_tail_follows_a_running_run_to_its_end(tmp_path: Path) -> None:
    """Points logged while `tail` runs appear in its output; once the run is complete it ends with 0."""
    started = Experiment(Workspace(), "letters").start_logging()
    started.log("loss", 0.0, step=0)
    started.flush()
    out = tmp_path / "tail.log"
    with out.open("wb") as file:
        tail = subprocess.Popen([sys.executable, "-m", "runstream.cli", "tail", started.id, "--json"], stdout=file)
    until(lambda: out.read_text().count("\n") == 1, what="the first point is printed")
    started.log("loss", 1.0, step=1)
    until(lambda: out.read_text().count("\n") == 2, what="the point logged later is printed")
    started.log("loss", 2.0, step=2)
    started.complete()

    assert tail.wait(60) == exits.OK
    assert [json.loads(line)["step"] for line in out.read_text().splitlines()] == [0, 1, 2]


def test_tail_of_a_run_that_does_not_respond_says_so_and_ends(
    home_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a run that nobody has heard of for two minutes `tail` names the time, and ends with 4."""
    home = Home(home_path).ensure()
    heard_ns = time.time_ns() - 120_000_000_000
    created = Created(workspace="default", experiment="letters")
    [(record, event)] = items([RunEvent("quiet", "p-1", 0, heard_ns, created)])
    with serving(home) as (store, _):
        fold = Fold(store.load_state())
        store.commit(fold.fold([(replace(record, received_at_ns=heard_ns), event)], heard_ns // 1000))
        code, told = main(["tail", "quiet"]), capsys.readouterr()

    assert (code, told.out) == (exits.TRY_AGAIN, "")
    assert "run quiet is NotResponding: nothing was heard of it since 20" in told.err


def test_ctrl_c_ends_tail_quietly(run: Run, tmp_path: Path) -> None:
    """Ctrl-C ends a following `tail` with 130 and no traceback."""
    started = Experiment(Workspace(), "letters").start_logging()
    started.log("loss", 0.0)
    started.flush()
    out, errors = tmp_path / "tail.log", tmp_path / "tail.err"
    with out.open("wb") as file, errors.open("wb") as told:
        tail = subprocess.Popen([sys.executable, "-m", "runstream.cli", "tail", started.id], stdout=file, stderr=told)
    until(out.read_text, what="the first point is printed")
    tail.send_signal(signal.SIGINT)

    assert tail.wait(60) == exits.INTERRUPTED
    assert errors.read_text() == ""


def test_sql_writes_what_its_file_name_says(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--output writes Parquet, CSV or JSON by the name's ending, with the same rows; another ending ends with 2."""
    statement = "select step, value from metric where name = 'loss' order by step"
    for ending in ("parquet", "csv", "json"):
        path = tmp_path / f"loss.{ending}"
        assert main(["sql", statement, "--output", str(path)]) == exits.OK
        assert capsys.readouterr().err == f"4 rows in {path}\n"

    assert [row[0] for row in duckdb.read_parquet(str(tmp_path / "loss.parquet")).fetchall()] == [0, 1, 2, 3]
    assert (tmp_path / "loss.csv").read_text() == "step,value\n0,0.5\n1,nan\n2,inf\n3,-0.0\n"
    assert [row["value"] for row in json.loads((tmp_path / "loss.json").read_text())] == [0.5, None, None, -0.0]
    assert main(["sql", statement, "--output", str(tmp_path / "loss.txt")]) == exits.USAGE


def test_sql_that_is_wrong_says_where(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A statement that DuckDB cannot read ends with 1, points at the place, and shows no traceback."""
    code = main(["sql", "select nme from run"])
    told = capsys.readouterr().err

    assert code == exits.FAILED
    assert "nme" in told
    assert "Traceback" not in told


def test_sql_says_in_one_line_that_it_cannot_write(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An output file in a folder that is not there ends with 1 and names the file, whatever its form."""
    for ending in ("parquet", "csv"):
        place = tmp_path / "none" / f"x.{ending}"
        assert main(["sql", "from run", "--output", str(place)]) == exits.FAILED
        [line] = capsys.readouterr().err.splitlines()
        assert str(place) in line
        assert "No such file" in line


def test_sql_ends_after_its_time(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that takes longer than --timeout ends with 1 and says which setting gives it more."""
    monkeypatch.setenv("RUNSTREAM_SQL_TIMEOUT", "60")
    endless = "select count(*) from range(1000000000000) where hash(range) = 1"

    assert main(["sql", endless, "--timeout", "0.2"]) == exits.FAILED
    told = capsys.readouterr().err
    assert told.startswith("runstream: ended after 0.2 s")
    assert "RUNSTREAM_SQL_TIMEOUT" in told


def test_sql_says_that_it_prints_a_part(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an answer with more rows than are printed the first come, and the code is 1: a script must not miss it."""
    monkeypatch.setattr("runstream.cli.reading.MAX_ROWS", 2)

    assert main(["sql", "from range(3)", "--json"]) == exits.FAILED
    told = capsys.readouterr()
    assert json.loads(told.out) == [{"range": 0}, {"range": 1}]
    assert told.err == "runstream: these are the first 2 rows; --output FILE writes all\n"
    assert output(capsys, "sql", "from range(2)", "--format", "csv") == "range\n0\n1\n"


def test_the_reader_may_close_the_pipe(run: Run) -> None:
    """`runstream sql ... | head -1` ends with 0 and without a word when head has had enough."""
    command = (
        f'{sys.executable} -m runstream.cli sql "from range(200000)" --format csv | head -1; echo ${{PIPESTATUS[0]}}'
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("range\n0\n", "")


def test_a_token_is_made_once_and_rotated_when_asked(home_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`token` prints the same token each time, readable by its owner only; --rotate makes another."""
    first, again = output(capsys, "token"), output(capsys, "token")
    other = output(capsys, "token", "--rotate")

    assert first == again
    assert first != other
    assert len(first.strip()) == 64
    assert (home_path / "token").stat().st_mode & 0o777 == 0o600


def test_sync_completes_what_a_killed_process_left(home_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After kill -9 of a logging process `sync` recovers its journal, and every returned point is in the history."""
    code = (
        "import os, signal\nfrom runstream import Experiment, Workspace\n"
        "run = Experiment(Workspace(), 'killed').start_logging()\n"
        "for step in range(1000): run.log('loss', step, step=step)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    told = output(capsys, "sync")
    [row] = json.loads(output(capsys, "sql", "select count(value) as n from metric where name = 'loss'", "--json"))

    assert killed.returncode == -signal.SIGKILL
    assert told.startswith("recovered the journals of 1 dead processes")
    assert row == {"n": 1000}


def test_connect_prints_lines_that_work(run: Run, home_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `sql --connect` prints, typed into another DuckDB of that version, reads the history."""
    assert main(["sql", "--connect"]) == exits.TRY_AGAIN
    capsys.readouterr()
    consumer = subprocess.Popen([sys.executable, "-m", "runstream.cli", "consume"], stderr=subprocess.DEVNULL)
    try:
        until(lambda: read_server(Home(home_path)), what="the consumer serves")
        lines = output(capsys, "sql", "--connect")
        from runstream_consumer.serve import load_extensions

        with duckdb.connect() as other:
            load_extensions(other)
            # Its INSTALL would reach for the network; the pinned wheels stand for it.
            statements = lines.partition("LOAD quack;")[2]
            rows = other.execute(statements).fetchall()
    finally:
        consumer.terminate()
        consumer.wait(60)

    assert [row[0] for row in rows] == [run.id]
    assert f"DuckDB {duckdb.__version__}" in lines


@pytest.mark.kafka
def test_topics_are_checked_created_and_checked_again(
    broker: real.Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing topics fail `topics check` with the command that makes them; after it, all is well, also for `check`."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", broker.servers)

    before = main(["topics", "check"]), capsys.readouterr().out
    made = output(capsys, "topics", "create")
    again = output(capsys, "topics", "create")
    after = main(["topics", "check", "--json"]), capsys.readouterr().out

    assert (before[0], before[1].count("`runstream topics create`")) == (exits.FAILED, len(Topic))
    assert made.count("created ") == 2 * len(Topic)  # and their dead letters
    assert again == "all topics are there\n"
    assert after == (exits.OK, "")


@pytest.mark.kafka
def test_reading_over_kafka_without_a_server_says_what_to_set(
    broker: real.Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With brokers set and no consumer, `runs` ends with 4 and names RUNSTREAM_SERVER and RUNSTREAM_TOKEN_FILE."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", broker.servers)

    code = main(["runs"])
    told = capsys.readouterr().err

    assert code == exits.TRY_AGAIN
    assert "RUNSTREAM_SERVER" in told
    assert "RUNSTREAM_TOKEN_FILE" in told


def test_a_second_consumer_names_the_first(home_path: Path) -> None:
    """`consume` beside a running one ends with 1 at once and names its process."""
    command = [sys.executable, "-m", "runstream.cli", "consume"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        until(lambda: read_server(Home(home_path)), what="the consumer serves")
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        first.terminate()
        first.wait(60)

    assert second.returncode == exits.FAILED
    assert f"process {first.pid} " in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.kafka
def test_check_on_a_training_machine_warns_about_the_history_only(
    broker: real.Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With broker and topics in order and no consumer in reach, `check` ends with 0 and one warning."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", broker.servers)
    output(capsys, "topics", "create")

    told = json.loads(output(capsys, "check", "--json"))
    levels = {finding["part"]: finding["level"] for finding in told["findings"]}

    assert told["ok"]
    assert (levels["broker"], levels["topics"], levels["checksums"]) == ("ok", "ok", "ok")
    assert [part for part, level in levels.items() if level == "warning"] == ["history"]
