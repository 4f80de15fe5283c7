"""From a workload's description of its clients to the engine that plays them: a closed set, one line each.

The description crosses from the parent to the load process as JSON. An engine is imported only where it is
asked for, since the load is started for every sample.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lab.harness.load.clients import LoadClients
from lab.harness.load.connecting import Address
from lab.workloads.clients import (
    Asking,
    Churning,
    Clients,
    Datagrams,
    Mixing,
    Offering,
    OfferingRequests,
    Pipelining,
    Publishing,
    Requesting,
)

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

ENGINES: dict[type[Clients], tuple[str, str]] = {
    Asking: ("lab.harness.load.asking_clients", "AskingClients"),
    Offering: ("lab.harness.load.offering_clients", "OfferingClients"),
    Pipelining: ("lab.harness.load.pipelining_clients", "PipeliningClients"),
    Churning: ("lab.harness.load.churning_clients", "ChurningClients"),
    Datagrams: ("lab.harness.load.datagram_clients", "DatagramClients"),
    Mixing: ("lab.harness.load.mixing_clients", "MixingClients"),
    Publishing: ("lab.harness.load.publishing_clients", "PublishingClients"),
    OfferingRequests: ("lab.harness.load.offering_clients", "OfferingClients"),
    Requesting: ("lab.harness.load.requesting_clients", "RequestingClients"),
}
"""Each kind of client: the module and the class that plays it."""

_KINDS = {each.kind: each for each in ENGINES}


def to_job(described: Clients) -> dict[str, Any]:
    """The description as a child's job holds it."""
    return {"kind": described.kind, **asdict(described)}


def from_job(fields: dict[str, Any]) -> Clients:
    """The description that `to_job` was given."""
    return _KINDS[fields["kind"]](**{name: value for name, value in fields.items() if name != "kind"})


def open_clients(described: Clients, address: Address, wire: Wire, seed: int) -> LoadClients:
    """The engine that plays ``described`` clients of the server at ``address``; nothing is connected yet.

    Where they are a part of the load, their payloads are others than those of the other parts.
    """
    module, name = ENGINES[type(described)]
    return getattr(import_module(module), name)(address, wire, described, seed + described.first)
