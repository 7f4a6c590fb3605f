"""Kills of every part of a running pipeline, and what the history holds afterwards."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.broker import Broker
from tests.killing import ROOT, Victim, wait_until_logging
from tests.pipeline import Pipeline, faults_of

ARCHIVE_STEPS = ("archive.written", "archive.renamed", "archive.unlinked")
LONGEST_S = 0.25
"""From the first returned call of a victim to its death; at a million points a second that is plenty."""


def kill_producers(pipeline: Pipeline, count: int, seed: int = 0, at_once: int = 2) -> tuple[int, list[str]]:
    """
    Kill `count` logging processes, with 1 and 4 threads in turn, under one consumer that keeps running.

    Returns:
        Points whose call had returned, and faults in words.
    """
    moments = random.Random(seed)
    victims: list[Victim] = []
    while len(victims) < count:
        group = [
            Victim(
                pipeline.home,
                4 if number % 2 else 1,
                run_id=f"producer-{seed}-{number}",
                settings=pipeline.settings,
            )
            for number in range(len(victims), min(len(victims) + at_once, count))
        ]
        for victim in group:
            wait_until_logging(victim)
        for victim in group:
            threading.Event().wait(moments.uniform(0.0, LONGEST_S))
            victim.kill()
        victims += group
    pipeline.send_leftovers()
    return sum(sum(victim.last_steps()) + victim.n_threads for victim in victims), faults_of(pipeline, victims)


def kill_consumer(pipeline: Pipeline, count: int, seed: int = 0) -> tuple[int, list[str]]:
    """
    Kill the consumer `count` times while one process logs.

    Returns:
        Points whose call had returned, and faults in words.
    """
    moments = random.Random(seed)
    victim = Victim(pipeline.home, 1, run_id=f"consumer-{seed}", settings=pipeline.settings)
    wait_until_logging(victim)
    for _ in range(count):
        if pipeline.process is None:
            pipeline.start()
        # A stopped victim does not outrun the consumer: the log stays small enough to be folded in time.
        victim.process.send_signal(signal.SIGCONT)
        threading.Event().wait(moments.uniform(0.0, 0.5))
        pipeline.kill()
        victim.process.send_signal(signal.SIGSTOP)
    victim.process.send_signal(signal.SIGCONT)
    victim.kill()
    pipeline.start()
    pipeline.send_leftovers()
    return sum(victim.last_steps()) + victim.n_threads, faults_of(pipeline, [victim])


def kill_archiving(pipeline: Pipeline, count: int, seed: int = 0) -> tuple[int, int, list[str]]:
    """
    Kill a consumer that archives `count` times, inside a step of moving a segment; embedded, without another consumer.

    Each life of the consumer finds what one dead process more has left, folds it, archives it and dies of that.

    Returns:
        Kills at a step, points whose call had returned, and faults in words.
    """
    moments = random.Random(seed)
    victims: list[Victim] = []
    n_killed = 0
    for number in range(count):
        victim = Victim(pipeline.home, 1, run_id=f"archived-{seed}-{number}", settings=pipeline.settings)
        wait_until_logging(victim)
        threading.Event().wait(moments.uniform(0.0, LONGEST_S))
        victim.kill()
        victims.append(victim)
        n_killed += dies_at(pipeline, ARCHIVE_STEPS[number % len(ARCHIVE_STEPS)])
    pipeline.start()
    return n_killed, sum(victim.last_steps()[0] + 1 for victim in victims), faults_of(pipeline, victims)


def dies_at(pipeline: Pipeline, step: str, timeout_s: float = 60.0) -> bool:
    """Run a consumer until the first pass of this step kills it; False if it never gets there."""
    argv = [sys.executable, "-m", "runstream.cli", "consume"]
    environment = pipeline.environment | {"RUNSTREAM_FAILPOINT": f"{step}:1"}
    with (pipeline.home / "consumer.log").open("ab") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        return process.wait(timeout_s) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def kill_broker(pipeline: Pipeline, broker: Broker, count: int, seed: int = 0) -> tuple[int, list[str]]:
    """
    Kill the broker `count` times and start it again, while one process logs.

    Returns:
        Points whose call had returned, and faults in words.
    """
    moments = random.Random(seed)
    victim = Victim(pipeline.home, 1, run_id=f"broker-{seed}", settings=pipeline.settings)
    wait_until_logging(victim)
    for _ in range(count):
        threading.Event().wait(moments.uniform(0.2, 1.0))
        broker.kill()
        victim.process.send_signal(signal.SIGSTOP)
        broker.start()
        victim.process.send_signal(signal.SIGCONT)
    victim.kill()
    pipeline.send_leftovers()
    return sum(victim.last_steps()) + victim.n_threads, faults_of(pipeline, [victim])


def over_kafka(home: Path, broker: Broker, prefix: str) -> Pipeline:
    """A pipeline over this broker, on topics of its own."""
    pipeline = Pipeline(home, {"RUNSTREAM_BROKERS": broker.servers, "RUNSTREAM_TOPIC_PREFIX": prefix})
    pipeline.command("topics", "create")
    return pipeline
