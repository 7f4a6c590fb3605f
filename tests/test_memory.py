"""The consumer's process keeps the memory of one fold for the next."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from runstream_consumer.memory import keep_memory
assert keep_memory()

def columns():
    for column in [np.empty(400_000) for _ in range(5)]:
        column.fill(1.0)

columns()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    columns()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_columns_are_given_the_memory_of_earlier_ones() -> None:
    """Fifty columns of 3.2 MB after the first five cost less than the page faults of one fresh column."""
    n_faults = int(subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout)

    assert n_faults < 400_000 * 8 // 4096
