"""The command line ``muxlab``: arguments in, terminal output out, no logic of its own.

What it tells the shell stands in `exit_codes`.

Rule: commands import what they need when they run, so that ``--help`` does not wait for pandas.
"""

from __future__ import annotations

import sys

from lab.cli.app import muxlab

__all__ = ["main", "muxlab"]


def main() -> None:
    """The entry point of the ``muxlab`` command; always ends in `SystemExit`."""
    if sys.platform == "win32":
        sys.exit(
            "muxlab: expected Linux, macOS or a BSD, got Windows, which has neither readiness calls for all "
            "descriptors nor fork: run it in WSL (https://learn.microsoft.com/windows/wsl/install)"
        )
    muxlab(prog_name="muxlab")
