"""Readiness backends: what the kernel offers for waiting on many descriptors, behind one contract."""

from backends.contract import (
    BOTH,
    ERROR,
    HANGUP,
    INVALID,
    LONGEST_TIMEOUT,
    READ,
    READ_HANGUP,
    WRITE,
    Backend,
    BackendUnavailableError,
    DescriptorLimitError,
    Event,
)
from backends.registry import UnknownBackendError, backend_class, names, open_backend, unavailable

__all__ = [
    "BOTH",
    "ERROR",
    "HANGUP",
    "INVALID",
    "LONGEST_TIMEOUT",
    "READ",
    "READ_HANGUP",
    "WRITE",
    "Backend",
    "BackendUnavailableError",
    "DescriptorLimitError",
    "Event",
    "UnknownBackendError",
    "backend_class",
    "names",
    "open_backend",
    "unavailable",
]
