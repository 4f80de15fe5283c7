"""The descriptor limit of this process: raised as far as it may be, without privileges."""

from __future__ import annotations

import resource

UNLIMITED_FALLBACKS = (1 << 20, 65536, 24576, 10240)
"""Tried in turn where the hard limit is "unlimited": macOS refuses that as a soft limit, and takes at most
its ``kern.maxfilesperproc``, or OPEN_MAX (10,240) on older versions."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open descriptors to the hard one; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wishes = UNLIMITED_FALLBACKS if hard == resource.RLIM_INFINITY else (hard,)
    for wish in wishes:
        if soft != resource.RLIM_INFINITY and wish <= soft:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wish, hard))
        except (ValueError, OSError):
            continue
        return wish
    return soft
