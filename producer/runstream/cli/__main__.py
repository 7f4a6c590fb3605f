"""`python -m runstream.cli`: the same command for processes that must run under this very interpreter."""

import sys

from runstream.cli.command import main

sys.exit(main())
