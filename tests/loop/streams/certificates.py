"""Certificates for tests, made anew: a server's for localhost and 127.0.0.1, and who trusts it."""

from __future__ import annotations

import functools
import ssl
from typing import NamedTuple

import trustme


class Contexts(NamedTuple):
    """Both sides of a TLS connection; ``strangers`` trusts nobody."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    strangers: ssl.SSLContext


@functools.cache
def contexts() -> Contexts:
    """A certificate authority's work, done once."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client, strangers = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(client)
    return Contexts(server, client, strangers)
