"""A submitted run does not belong to the notebook: the kernel may be restarted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from runstream import Run
from tests.scripts import ROOT
from tests.submitted import EXPERIMENT, ended, folder
from tests.waiting import until

ANSWER_S = 60.0


@pytest.fixture
def kernel(home_path: Path) -> Iterator[KernelManager]:
    """Give a running IPython kernel with this test's home."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(ROOT), env={**os.environ, "RUNSTREAM_HOME": str(home_path)})
    yield manager
    manager.shutdown_kernel(now=True)


def run_cell(kernel: KernelManager, code: str) -> str:
    """Run a cell; return what it printed."""
    client: BlockingKernelClient = kernel.client()
    client.start_channels()
    printed: list[str] = []
    try:
        client.wait_for_ready(timeout=ANSWER_S)
        reply = client.execute_interactive(
            code,
            timeout=ANSWER_S,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
    return "".join(printed)


def test_the_kernel_is_restarted_and_the_run_goes_on(kernel: KernelManager, tmp_path: Path) -> None:
    """A run that was submitted in a cell survives the kernel's restart; the new kernel attaches to it and reads it."""
    gate = tmp_path / "gate"
    script = f"""
        import os, time
        from runstream import Run
        while not os.path.exists({str(gate)!r}):
            time.sleep(0.01)
        Run.get_context().log("m", 1)
    """
    source = folder(tmp_path / "code", script)
    setup = "from tests.submitted import EXPERIMENT, submit; from runstream import Run; from pathlib import Path"
    run_id = run_cell(kernel, f"{setup}\nprint(submit(Path({str(source)!r})).id)").strip()
    run = Run(EXPERIMENT, run_id)
    until(lambda: run.get_status() == "Running", what="the script's start")
    kernel.restart_kernel(now=True)
    assert run_cell(kernel, f"{setup}\nprint(Run(EXPERIMENT, {run_id!r}).get_status())").strip() == "Running"
    gate.touch()
    assert ended(run) == "Completed"
    assert run_cell(kernel, f"{setup}\nprint(Run(EXPERIMENT, {run_id!r}).get_metrics())").strip() == "{'m': 1}"
