"""What this process owns: the producers of its runs, one drainer, one fsync thread, one sender. Fork and exit."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from runstream import notices, worker
from runstream.config import Config, LogKey, RunKey
from runstream.drain import Drainer
from runstream.journal import Syncer
from runstream.producer import Producer, Services
from runstream.room import Room
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import Created
from runstream_schemas.segment import Role
from runstream_schemas.topics import Topic

if TYPE_CHECKING:
    from runstream.sender import Sender

FORK_WAIT_S: Final = 1.0
STOP_WAIT_S: Final = 5.0


@dataclass(slots=True)
class _Owned:
    """The state of the process; one for its whole life, emptied in a forked child."""

    drainer: Drainer = field(default_factory=Drainer)
    syncer: Syncer = field(default_factory=Syncer)
    services: dict[LogKey, Services] = field(default_factory=dict)
    producers: dict[RunKey, Producer] = field(default_factory=dict)
    configs: dict[LogKey, Config] = field(default_factory=dict)
    forking: set[int] = field(default_factory=set)
    pid: int = 0
    has_hooks: bool = False


_owned = _Owned()


def open_producer(config: Config, run_id: str, created: Created) -> Producer:
    """
    Return this process's producer of a run; it opens at its first use, with `created` as its first event.

    Args:
        config: of the home and mode to log to.
        run_id: of the run.
        created: what the first event says; host, user and process are filled in when it is written.
    """
    key = config.key_of(run_id)
    producer = _owned.producers.get(key)
    if producer is None:
        # setdefault: of two threads that open one run, both get the same producer.
        producer = _owned.producers.setdefault(key, Producer(config, run_id, created, _services(config)))
    return producer


def written(config: Config, run_id: str) -> Mapping[tuple[str, Topic], int]:
    """Bring what this process logged to a run into its journals; return the last sequence by producer id and topic."""
    producer = _owned.producers.get(config.key_of(run_id))
    return {} if producer is None else producer.written()


def all_written(config: Config) -> Mapping[tuple[str, Topic], int]:
    """Do what written() does, for everything that this process logged to a home."""
    found: dict[tuple[str, Topic], int] = {}
    for key, producer in list(_owned.producers.items()):
        if key[:2] == config.log_key:
            found |= producer.written()
    return found


def _services(config: Config) -> Services:
    """Return what the producers of this home and mode share."""
    key = config.log_key
    services = _owned.services.get(key)
    if services is None:
        role: Role = "outbox" if config.settings.brokers else "log"
        room = Room(config.home.journal_dir, role, config.settings.journal_bytes)
        made = Services(role, room, _owned.drainer, _owned.syncer, _watch_process, _sender(config))
        services = _owned.services.setdefault(key, made)
        _owned.configs[key] = config
    return services


def _sender(config: Config) -> Sender | None:
    """Return a sender for a home whose journals go to Kafka; its thread starts with the first of them."""
    if not config.settings.brokers:
        return None
    from runstream.sender import Sender

    return Sender(config.settings, config.home)


def _watch_process() -> None:
    """Hook into the process's forks and its exit; called whenever a producer opens, effective once a process."""
    if _owned.pid == os.getpid():
        return
    _owned.pid = os.getpid()
    if not _owned.has_hooks:
        _owned.has_hooks = True
        atexit.register(_finish)
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
    worker.at_exit(_finish, -100)


def _before_fork() -> None:
    """Let the drainer end what it is at, so that the child finds nothing half done."""
    if _owned.drainer.lock.acquire(timeout=FORK_WAIT_S):
        _owned.forking.add(threading.get_ident())


def _after_fork() -> None:
    if threading.get_ident() in _owned.forking:
        _owned.forking.remove(threading.get_ident())
        _owned.drainer.lock.release()


def _in_child() -> None:
    """Let go of everything that is the parent's; each producer opens its own at its next use."""
    _owned.forking.clear()
    _owned.drainer.reset()
    _owned.syncer.reset()
    for key, services in _owned.services.items():
        services.room.abandon()
        if services.sender is not None:
            services.sender.abandon()
            services.sender = _sender(_owned.configs[key])
    for producer in list(_owned.producers.values()):
        producer.abandon()


def _finish() -> None:
    """
    At the end of the process: close every producer, wait for acknowledgements, end the threads.

    Nothing depends on it: what does not end in time, or is logged later, is in staging, and recovery picks it up.
    """
    try:
        _close_all(STOP_WAIT_S)
        for key, services in _owned.services.items():
            if services.sender is not None:
                _finish_sending(services.sender, key)
    except KeyboardInterrupt:
        # Asked to leave at once: everything is on the disk.
        return
    finally:
        _owned.drainer.stop(STOP_WAIT_S)
        _owned.syncer.stop(STOP_WAIT_S)


def _close_all(timeout_s: float) -> None:
    """Close every channel; say so once where one does not close in time."""
    end_s = time.monotonic() + timeout_s
    drainer = _owned.drainer
    jobs = [(channel, drainer.post(channel.close)) for channel in drainer.channels]
    for channel, job in jobs:
        try:
            job.wait(max(0.0, end_s - time.monotonic()))
        except (JournalUnavailable, TimeoutError) as error:
            notices.once(("finish", channel.run_id), "run %s: %s; recovery will pick it up", channel.run_id, error)


def _finish_sending(sender: Sender, key: LogKey) -> None:
    """Wait for what the broker has not acknowledged yet, no longer than RUNSTREAM_EXIT_WAIT."""
    frames: dict[str, int] = {}
    for run_key, producer in list(_owned.producers.items()):
        if run_key[:2] == key:
            frames |= producer.ends()
    if frames:
        sender.finish(frames, _owned.configs[key].settings.exit_wait_s)
    sender.close()
