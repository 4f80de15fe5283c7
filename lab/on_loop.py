"""``python -m lab.on_loop module:factory program...``: an asyncio program on a loop, as `lab.program` has it.

For the lab's measurements of somebody's own program: nothing of the command line is imported, so that the
process holds little beside the program. ``program`` is what follows ``python`` otherwise: a file, or ``-m``
and a module, and their arguments.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab.errors import LabError
from lab.factories import named, telling
from lab.program import run_module, run_script


def main(words: list[str]) -> None:
    """Run it; what it raises, `SystemExit` too, goes to the interpreter as ever."""
    if not sys.flags.safe_path and sys.path[0] == os.getcwd():
        del sys.path[0]  # put there by -m for this module; the program finds its own folder there
    place, *program = words
    factory = telling(named(place))
    try:
        if program[0] == "-m":
            run_module(program[1], program[2:], factory)
        else:
            run_script(Path(program[0]), program[1:], factory)
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
