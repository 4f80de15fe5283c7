"""What the command says to the shell."""

DONE = 0
FAILED = 1
"""A sample failed, a check of ``doctor`` found something to mend, or the system refused (a full disk)."""
BAD_INPUT = 2
"""An unknown name, a bad value, an unusable run folder; click's own usage errors too."""
INTERRUPTED = 130
"""128 + SIGINT, as shells report it: Ctrl-C, SIGTERM or SIGHUP. Samples taken so far are kept."""
