"""The argument tree of `runstream`: nouns, flags, and the environment variable that says the same."""

from __future__ import annotations

import argparse
import difflib
import sys
import textwrap
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from runstream.cli import check, execution, exits, following, logs, pipeline, processes, reading, words
from runstream_schemas import settings
from runstream_schemas.errors import ConfigError

Call = Callable[[argparse.Namespace], int]
Commands = argparse._SubParsersAction

FORMATS = ("table", "json", "csv")
RUN = "its id, a beginning that no other run's id has, or its name"

# The settings that a command's help tells, without their prefix.
KAFKA = ("BROKERS", "TOPIC_PREFIX", "KAFKA_SECURITY", "KAFKA_USERNAME", "KAFKA_PASSWORD_FILE", "KAFKA_CA_FILE")
FOLDING = ("HOME", "BROKERS", "TOPIC_PREFIX", "LOG_LEVEL")
READING = ("HOME", "SERVER", "TOKEN_FILE")
SERVING = (*FOLDING, *READING)


def build() -> argparse.ArgumentParser:
    """Return the whole tree; each command's function sits in `call`."""
    parser = argparse.ArgumentParser(
        prog="runstream",
        description="Track machine-learning runs: events in a journal or on Kafka, history in DuckDB, live charts.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _home(parser, default=None)
    parser.add_argument("--version", action="version", version=f"runstream {metadata.version('runstream')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _processes(commands)
    _pipeline(commands)
    _reading(commands)
    _scripts(commands)
    _check(commands)
    return parser


def _home(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    """Take --home; behind a command it has no default, which would undo what stands before it."""
    parser.add_argument(
        "--home", type=Path, metavar="FOLDER", default=default, help="instead of RUNSTREAM_HOME (~/.runstream)"
    )


def _epilog() -> str:
    codes = "\n".join(f"  {code:<4} {meaning}" for code, meaning in exits.MEANING.items())
    return (
        "settings:\n"
        "  RUNSTREAM_HOME     journals, history and files of this user\n"
        "  RUNSTREAM_BROKERS  Kafka, host:port[,host:port]; unset = the journals are the log\n"
        "  RUNSTREAM_SERVER   read from this consumer, host:port, with RUNSTREAM_TOKEN_FILE\n"
        "  `runstream check` lists them all with their values\n\n"
        f"exit codes:\n{codes}"
    )


def _command(
    commands: Commands[argparse.ArgumentParser], name: str, call: Call, text: str, *names: str
) -> argparse.ArgumentParser:
    """Add a command; *names* are the settings, without their prefix, that its help is to tell."""
    summary, _, rest = text.partition("\n")
    told = [s for s in settings.SETTINGS if s.name.removeprefix(settings.PREFIX) in names]
    width = max((len(setting.name) for setting in told), default=0)
    lines = [f"  {setting.name:<{width}}  {setting.doc}" for setting in told]
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary}\n{textwrap.dedent(rest)}",
        epilog="settings:\n" + "\n".join(lines) if lines else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(call=call, lenient=False)
    # All words behind `exec` are Python's.
    if name != "exec":
        _home(command)
    return command


def _processes(commands: Commands[argparse.ArgumentParser]) -> None:
    up = _command(
        commands,
        "up",
        processes.up,
        """Start the consumer and the dashboard, and print the dashboard's address
        Beside a running consumer only the dashboard starts; where both run, their address is printed.""",
        *SERVING,
    )
    dashboard = _command(
        commands,
        "dashboard",
        processes.up,
        """Start the dashboard; and a consumer too where none runs
        With RUNSTREAM_SERVER set it shows what that consumer holds.""",
        *SERVING,
    )
    for command in (up, dashboard):
        command.add_argument("--port", type=_port, help="of the dashboard (8501, or the next free of ten)")
        command.add_argument("--listen", default="127.0.0.1", metavar="HOST", help="address to listen on (127.0.0.1)")
        command.add_argument("--allow-anonymous", action="store_true", help="let anyone who reaches --listen look")
        command.add_argument("--no-browser", action="store_true", help="do not open a browser")
    consume = _command(
        commands, "consume", processes.consume, "Run the consumer alone: fold events, serve readers", *FOLDING
    )
    consume.add_argument("--listen", default="127.0.0.1", metavar="HOST", help="address of the history server")
    consume.add_argument("--port", type=_port, default=0, help="of the history server (a free one)")
    consume.add_argument("--monitor-port", type=_port, default=0, help="of /healthz, /readyz, /metrics (a free one)")
    demo = _command(
        commands,
        "demo",
        processes.demo,
        """Train real models, log them, and show them live
        Its home is RUNSTREAM_HOME, or ./.runstream-demo.""",
        *FOLDING,
    )
    demo.add_argument("--exit", action="store_true", help="train and read back, then end without serving")
    demo.add_argument("--port", type=_port, help="of the dashboard (8501, or the next free of ten)")
    demo.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _pipeline(commands: Commands[argparse.ArgumentParser]) -> None:
    topics = commands.add_parser("topics", help="Create or check the Kafka topics (RUNSTREAM_BROKERS)")
    verbs = topics.add_subparsers(title="commands", metavar="create|check", required=True)
    _command(
        verbs,
        "create",
        pipeline.create_topics,
        "Create the topics that are missing; change none that are there",
        *KAFKA,
    )
    checked = _command(
        verbs, "check", pipeline.check_topics, "Tell what is wrong with the topics, and how to mend it", *KAFKA
    )
    checked.add_argument("--json", action="store_true", help="one JSON object a topic")
    sync = _command(
        commands,
        "sync",
        pipeline.sync,
        """Finish what dead processes left: recover their journals, then fold or send them
        Embedded journals are folded; with RUNSTREAM_BROKERS set, outboxes are sent to Kafka.""",
        *FOLDING,
    )
    sync.add_argument("--to-kafka", action="store_true", help="send embedded journals to RUNSTREAM_BROKERS as well")
    sync.add_argument("--timeout", type=_seconds, default=300.0, metavar="S", help="seconds to wait for Kafka (300)")
    token = _command(commands, "token", pipeline.token, "Print this home's token, which lets readers attach", "HOME")
    token.add_argument("--rotate", action="store_true", help="make a new one first; attached readers must reconnect")


def _reading(commands: Commands[argparse.ArgumentParser]) -> None:
    runs = _command(
        commands,
        "runs",
        reading.runs,
        """List runs, newest first
        `runstream runs "model = ridge and val/loss < 0.4" --sort val/loss --metric val/loss`""",
        *READING,
    )
    runs.add_argument(
        "filter", nargs="?", default="",
        help="as in the dashboard: words of a name or id, or terms on metrics, properties, tags and facts of a run, "
             "joined by `and`",
    )  # fmt: skip
    runs.add_argument("--workspace", help="only this one")
    runs.add_argument("--experiment", help="only this one")
    runs.add_argument("--status", action="append", default=[], help="only this one; may be repeated")
    runs.add_argument(
        "--sort", default="-created_at", help="a column, a metric or a property; - before it: falling (-created_at)"
    )
    runs.add_argument("--metric", action="append", default=[], metavar="NAME", help="add its last value; repeatable")
    runs.add_argument("--limit", type=_count, default=50, metavar="N", help="at most so many (50)")
    _format(runs)
    _one_run(commands)
    sql = _command(
        commands,
        "sql",
        reading.sql,
        """Ask the history: run, metric, tag, property, artifact, series, ... (read-only)
        `runstream sql "select * from run"`; the statement may come on standard input as -.""",
        *READING,
        "SQL_TIMEOUT",
    )
    sql.add_argument("statement", nargs="?", help="one SELECT; - reads it from standard input")
    _format(sql)
    sql.add_argument("--output", type=Path, metavar="FILE", help="write there: .parquet, .csv or .json by its name")
    sql.add_argument(
        "--timeout", type=_seconds, metavar="S", help="end it after so many seconds, 0: never; --output has no end (60)"
    )
    sql.add_argument("--connect", action="store_true", help="print the lines that attach another DuckDB to the server")


def _one_run(commands: Commands[argparse.ArgumentParser]) -> None:
    show = _command(
        commands, "show", following.show, "Show one run: status, tags, properties, metrics, files, logs", *READING
    )
    show.add_argument("run", metavar="RUN", help=RUN)
    show.add_argument("--json", action="store_true", help="one JSON object")
    tail = _command(
        commands, "tail", following.tail, "Follow what one run logs and prints in the terminal until it ends", *READING
    )
    tail.add_argument("run", metavar="RUN", help=RUN)
    tail.add_argument(
        "--metric", action="append", default=[], metavar="NAME", help="only this one, and no lines; may be repeated"
    )
    tail.add_argument(
        "--lines", type=_count, default=10, metavar="N", help="start with the last N points, N lines (10)"
    )
    tail.add_argument("--json", action="store_true", help="one JSON object a point or line")
    _logs(commands)


def _logs(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "logs",
        logs.logs,
        """Print what one run has printed: stdout, stderr, and text files that grow in its logs folder
        Lines of all streams come as they were written, each behind the name of its stream.""",
        *READING,
    )
    command.add_argument("run", metavar="RUN", help=RUN)
    command.add_argument("--stream", metavar="NAME", help="only this one: stdout, stderr, logs/train.txt, ...")
    command.add_argument("--follow", action="store_true", help="go on with the lines that come, until the run ends")
    command.add_argument("--lines", type=_count, metavar="N", help="start with the last N lines (all)")
    command.add_argument("--json", action="store_true", help="one JSON object a line")


def _format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=FORMATS, default="table", help="table for people, json or csv for scripts")
    command.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")


def _scripts(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "exec",
        execution.execute,
        """Run a script of the azureml SDK as it is: `import azureml` gives runstream.azureml
        It takes what python takes: SCRIPT ARGS..., -m MODULE ARGS..., options before it. Exit status, arguments and
        standard streams are the script's own; processes that it starts are told by PYTHONPATH.""",
        "HOME",
        "BROKERS",
        "CAPTURE",
    )
    command.usage = "runstream exec [PYTHON'S OPTIONS] SCRIPT | -m MODULE [ARGS...]"
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="SCRIPT ARGS...", help="as python takes them")
    # A training job: a variable that nothing reads is told, and does not stop it.
    command.set_defaults(lenient=True)


def _check(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "check",
        check.check,
        """Check settings, home, checksums, broker, topics, store and versions
        Ends with 1 when something is wrong; a warning does not count.""",
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    # It lists wrong names instead of stopping at the first.
    command.set_defaults(lenient=True)
    version = _command(commands, "version", check.version, "Print the versions of runstream and what it stands on")
    version.add_argument("--json", action="store_true", help="one JSON object")
    version.set_defaults(lenient=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Return the options of a command line; it ends the process for wrong ones, as argparse does.

    Raises:
        ConfigError: there is no such command; the message names the nearest.
    """
    own, script = words.apart(arguments)
    parser = build()
    if not arguments:
        parser.print_help(sys.stderr)
        raise SystemExit(exits.USAGE)
    _refuse_unknown_command(parser, arguments[words.place(arguments) :][:1])
    options = parser.parse_args(words.falling(own))
    if script:
        options.words = script
    return options


def _refuse_unknown_command(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name in names:
        if name not in commands.choices:
            near = difflib.get_close_matches(name, commands.choices, 1)
            hint = f"did you mean `runstream {near[0]}`?" if near else "`runstream --help` lists them"
            raise ConfigError("COMMAND", name, f"is no command; {hint}")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; take one from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return seconds
