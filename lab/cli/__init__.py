"""The command line ``muxlab``: arguments in, terminal output out, no logic of its own.

What it tells the shell stands in `exit_codes`.

Rule: commands import what they need when they run, so that ``--help`` does not wait for pandas. This file
imports at its top only what Python has loaded by then: Ctrl-C during an import there could not be caught.
"""

from __future__ import annotations

import os
import sys

from lab.cli.exit_codes import INTERRUPTED


def main() -> None:
    """The entry point of the ``muxlab`` command; always ends in `SystemExit`."""
    if sys.platform == "win32":
        sys.exit(
            "muxlab: expected Linux, macOS or a BSD, got Windows, which has neither readiness calls for all "
            "descriptors nor fork: run it in WSL (https://learn.microsoft.com/windows/wsl/install)"
        )
    _open_closed_streams()
    try:
        # Imported here, so that Ctrl-C in these first tenths of a second ends without a traceback too.
        import signal

        from lab.cli.app import muxlab
        from lab.cli.invocation import program
    except KeyboardInterrupt:
        sys.stderr.write("muxlab: stopped at once\n")
        sys.exit(INTERRUPTED)
    try:
        muxlab(prog_name=program())
    except OSError as error:
        sys.exit(f"muxlab: the system refused: {error.strerror}")  # the help page: commands say more
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # A further Ctrl-C has nothing left to interrupt, and would end the process by the signal.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise


def _open_closed_streams() -> None:
    """Started with standard streams closed (``>&-``): what is opened next would take their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
