"""One file a figure, in one style.

Rule: figures go into files, and no window system is asked for. So MPLBACKEND, which chooses one, does not
count here: where it names none that it knows, as in a shell started from a notebook, matplotlib would raise.
"""

import os

_chosen = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib  # noqa: F401
finally:
    if _chosen is not None:
        os.environ["MPLBACKEND"] = _chosen
