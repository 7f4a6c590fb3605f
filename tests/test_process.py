"""What a process owns: forks, children, threads, signals and every way to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream_schemas.events import Created, ProducerClosed, ProducerLost, RunEvent
from runstream_schemas.home import Home
from tests import journals, scripts
from tests.broker import free_port
from tests.killing import recover_home


def steps(home_path: Path, name: str = "x") -> list[int]:
    """The steps of one metric, in the order of producers and calls."""
    return [point.step for point in journals.points(home_path) if point.name == name and point.step is not None]


def changes(home_path: Path, kind: type) -> list[RunEvent]:
    """The run events of one kind."""
    found = [event for event in journals.events(home_path) if isinstance(event, RunEvent)]
    return [event for event in found if isinstance(event.change, kind)]


ENDS = {
    "end of main": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("raise ValueError('mine')", 1),
    "os._exit": ("os._exit(4)", 4),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -15),
    "abort": ("os.abort()", -6),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -2),
    "exec": ("os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(5)'])", 5),
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_keeps_every_point_and_the_exit_status(home_path: Path, end: str) -> None:
    """However a process ends, its points are in the journal (after recovery, where it could not close it)."""
    code, status = ENDS[end]

    ended = scripts.execute(home_path, f"for i in range(5000): run.log('x', i, step=i)\n{code}\n")
    recover_home(home_path)

    assert ended.status == status, ended.err
    assert steps(home_path) == list(range(5000))
    assert journals.untold(home_path) == []


def test_a_normal_end_closes_the_producer_in_good_order(home_path: Path) -> None:
    """After the end of main nothing is left for recovery: no staging, and producer_closed with the count of points."""
    scripts.execute(home_path, "for i in range(10): run.log('x', i, step=i)")

    assert recover_home(home_path) == 0
    assert [event.change for event in changes(home_path, ProducerClosed)] == [ProducerClosed(10, 0, n_events=1)]
    assert sorted(path.name for path in Home(home_path).producers()[0].path.iterdir()) == [f"{0:020d}.journal", "lock"]


def test_logging_in_exit_handlers_and_finalizers_is_kept(home_path: Path) -> None:
    """Exit handlers that run before and after ours, and __del__ at shutdown, log without hanging and without loss."""
    text = """
    import atexit
    atexit.register(lambda: [run.log('late', i, step=i) for i in range(10000)])
    run.log('x', 0, step=0)
    atexit.register(lambda: run.log('early', 1, step=1))
    class Last:
        def __del__(self):
            run.log('del', 2, step=2)
            run.tag('k', 'v')
    last = Last()
    """

    ended = scripts.execute(home_path, text)
    recover_home(home_path)

    assert ended.status == 0, ended.err
    assert steps(home_path, "late") == list(range(10000))
    assert steps(home_path, "early") + steps(home_path, "del") == [1, 2]


def test_a_first_use_in_a_finalizer_at_shutdown_is_refused_without_hanging(home_path: Path) -> None:
    """Where Python cannot import any more a run that was never used says so, and the process ends with its status."""
    text = """
    import builtins
    class Last:
        def __del__(self, run=run):
            run.log('x', 7, step=7)
    builtins.last = Last()
    """

    ended = scripts.execute(home_path, text)

    assert ended.status == 0
    assert "ImportError" in ended.err


def test_a_daemon_thread_that_logs_to_the_end_loses_nothing(home_path: Path) -> None:
    """A thread that logs while the interpreter exits: what it printed as returned is there."""
    text = """
    begun = threading.Event()
    def forever():
        i = 0
        while True:
            run.log('x', i, step=i)
            os.write(1, b'%d\\n' % i)
            i += 1
            begun.set()
    threading.Thread(target=forever, daemon=True).start()
    begun.wait(60)
    time.sleep(0.3)
    """

    ended = scripts.execute(home_path, text)
    recover_home(home_path)
    n_told = int(ended.out.split("\n")[-2]) + 1

    assert ended.status == 0, ended.err
    found = steps(home_path)
    assert found[:n_told] == list(range(n_told))
    assert len(found) <= n_told + 1


def test_a_forked_child_logs_under_an_id_of_its_own(home_path: Path) -> None:
    """After os.fork parent and child go on with the same run object, each in a journal of its own."""
    text = """
    for i in range(3000): run.log('x', i, step=i)
    child = os.fork()
    for i in range(3000, 6000): run.log('x', i, step=i + 10000 * (child == 0))
    if child == 0: os._exit(0)
    os.waitpid(child, 0)
    """

    ended = scripts.execute(home_path, text)
    recover_home(home_path)

    assert ended.status == 0, ended.err
    assert sorted(steps(home_path)) == [*range(6000), *range(13000, 16000)]
    assert len({event.change.pid for event in changes(home_path, Created)}) == 2  # type: ignore[union-attr]
    assert journals.untold(home_path) == []


def test_many_forks_under_logging_threads_neither_lose_nor_mix_nor_hang(home_path: Path) -> None:
    """Twenty forks while four threads log: every child's and every thread's points are there, once."""
    text = """
    run.log('first', 0)  # a fork in the middle of an import would deadlock in Python itself
    stop = threading.Event()
    done = [0] * 4
    def work(k):
        i = 0
        while not stop.is_set():
            run.log(f't{k}', i, step=i)
            i += 1
            if i % 50 == 0: stop.wait(0.001)
        done[k] = i
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads: t.start()
    for n in range(20):
        child = os.fork()
        if child == 0:
            for i in range(100): run.log('x', i, step=100 * n + i)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for t in threads: t.join()
    print(*done)
    """

    ended = scripts.execute(home_path, text)
    recover_home(home_path)

    assert ended.status == 0, ended.err
    assert sorted(steps(home_path)) == list(range(2000))
    for thread, n_logged in enumerate(map(int, ended.out.split())):
        assert steps(home_path, f"t{thread}") == list(range(n_logged))
    assert journals.untold(home_path) == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_workers_log_and_close(home_path: Path, tmp_path: Path, method: str) -> None:
    """Workers of every start method get the run as an argument, log to it, and close their producers at their end."""
    script = tmp_path / "workers.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "from runstream import Experiment, Workspace\n"
        "def work(run, k):\n"
        "    for i in range(1000): run.log('x', i, step=1000 * k + i)\n"
        "if __name__ == '__main__':\n"
        "    run = Experiment(Workspace(), 'script').start_logging(run_id='script')\n"
        "    context = multiprocessing.get_context(sys.argv[1])\n"
        "    workers = [context.Process(target=work, args=(run, k)) for k in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
        "    assert [worker.exitcode for worker in workers] == [0, 0, 0]\n"
    )

    ended = scripts.execute(
        home_path,
        f"import runpy; sys.argv = ['', {method!r}]; del run\nrunpy.run_path({str(script)!r}, run_name='__main__')"
        if method == "fork"
        else f"import subprocess; sys.exit(subprocess.call([sys.executable, {str(script)!r}, {method!r}]))",
    )
    n_recovered = recover_home(home_path)

    assert ended.status == 0, ended.err
    assert sorted(steps(home_path)) == list(range(3000))
    assert n_recovered == 0
    assert changes(home_path, ProducerLost) == []


def test_a_storm_of_interrupts_leaves_each_returned_point_once(home_path: Path) -> None:
    """KeyboardInterrupt up to 2,000 times a second inside log calls: what returned is there, nothing is doubled."""
    text = """
    run.log('x', -1, step=-1)
    def handler(_, frame):
        while frame is not None:
            if '/runstream/' in frame.f_code.co_filename: raise KeyboardInterrupt
            frame = frame.f_back
    signal.signal(signal.SIGALRM, handler)
    n_interrupts, returned = 0, [-1]
    end = time.monotonic() + 2
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    while time.monotonic() < end:
        step = len(returned) + n_interrupts
        try:
            run.log('x', step, step=step)
        except KeyboardInterrupt:
            n_interrupts += 1
        else:
            returned.append(step)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(n_interrupts)
    print(*returned)
    """

    ended = scripts.execute(home_path, text)
    assert ended.status == 0, ended.err
    n_interrupts, returned = ended.out.split("\n")[:2]
    found = steps(home_path)

    assert int(n_interrupts) > 100
    assert len(found) == len(set(found))
    assert set(map(int, returned.split())) <= set(found)
    assert journals.untold(home_path) == []


def test_a_signal_handler_may_log_in_the_middle_of_a_log_call(home_path: Path) -> None:
    """A handler that logs new names and strings, also while the interrupted call registers or waits for room."""
    text = """
    run.log('first', 0)
    n = 0
    def handler(*_):
        global n
        run.log(f'h{n % 50}', f'text {n}', step=n)
        n += 1
        signal.setitimer(signal.ITIMER_REAL, 0.0003)  # once: on a busy machine handlers must not pile up
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0003)
    end, i = time.monotonic() + 1.5, 0
    while time.monotonic() < end:
        run.log(f'x{i % 300}', i if i % 2 else str(i), step=i)
        i += 1
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    print(i, n)
    """

    ended = scripts.execute(home_path, text)
    assert (ended.status, ended.err) == (0, "")
    n_logged, n_handled = map(int, ended.out.split())
    found = [point for point in journals.points(home_path) if point.name != "first"]

    assert sorted(p.step or 0 for p in found if p.name[0] == "x") == list(range(n_logged))
    assert sorted(p.step or 0 for p in found if p.name[0] == "h") == list(range(n_handled))
    assert all(
        p.value == (f"text {p.step}" if p.name[0] == "h" else [str(p.step), p.step][(p.step or 0) % 2]) for p in found
    )


def test_a_collected_run_closes_its_producer(home_path: Path) -> None:
    """When the last object of a run is gone its ring is drained and closed, though the process lives on."""
    text = """
    run.log('x', 1, step=1)
    del run
    deadline = time.monotonic() + 60
    home = os.environ['RUNSTREAM_HOME']
    folder = os.path.join(home, 'journal', os.listdir(os.path.join(home, 'journal'))[0])
    while 'staging' in os.listdir(folder) and time.monotonic() < deadline: time.sleep(0.01)
    print(sorted(os.listdir(folder)))
    """

    ended = scripts.execute(home_path, text)

    assert ended.status == 0, ended.err
    assert "staging" not in ended.out
    assert steps(home_path) == [1]


def test_a_started_run_imports_nothing_more(home_path: Path) -> None:
    """What logging needs is there when start_logging returns: a fork beside an import would leave a child waiting."""
    text = """
    Experiment(Workspace(), 'e').start_logging(run_id='forking')
    run = Run(Experiment(Workspace(), 'e'), 'forking')
    before = set(sys.modules)
    for value in (0.5, 1, True, None, 'text', 2**70): run.log(type(value).__name__ + str(value), value)
    run.tag('k', 'v')
    run.complete()
    print(*sorted(set(sys.modules) - before))
    """

    ended = scripts.execute(home_path, text)

    assert (ended.status, ended.out.split()) == (0, []), ended.err


def test_a_process_ends_although_kafka_is_away(home_path: Path) -> None:
    """It waits as long as RUNSTREAM_EXIT_WAIT says, tells where its events lie and what sends them, and ends with 0."""
    brokers = {"RUNSTREAM_BROKERS": f"127.0.0.1:{free_port()}", "RUNSTREAM_EXIT_WAIT": "1.5"}
    ended = scripts.execute(home_path, "for i in range(1000): run.log('x', i, step=i)", **brokers)

    assert ended.status == 0
    assert "waiting for Kafka to acknowledge" in ended.err
    assert f"they are safe in {home_path / 'journal'}, and `runstream sync` sends them" in ended.err
    assert [point.value for point in journals.points(home_path)] == list(range(1000))
