"""The command line ``muxlab``: arguments in, terminal output out, no logic of its own.

What it tells the shell stands in `exit_codes`.

Rule: commands import what they need when they run, so that ``--help`` does not wait for pandas.
"""

from __future__ import annotations

import signal
import sys

from lab.cli.exit_codes import INTERRUPTED


def main() -> None:
    """The entry point of the ``muxlab`` command; always ends in `SystemExit`."""
    if sys.platform == "win32":
        sys.exit(
            "muxlab: expected Linux, macOS or a BSD, got Windows, which has neither readiness calls for all "
            "descriptors nor fork: run it in WSL (https://learn.microsoft.com/windows/wsl/install)"
        )
    try:
        # Imported here, so that Ctrl-C in these first tenths of a second ends without a traceback too.
        from lab.cli.app import muxlab
        from lab.cli.invocation import program
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    try:
        muxlab(prog_name=program())
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # A further Ctrl-C has nothing left to interrupt, and would end the process by the signal.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise
