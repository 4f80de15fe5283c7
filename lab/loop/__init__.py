"""How does asyncio actually work? Read these files in this order; each uses only what comes before it.
``docs/tour`` leads here from the beginning, in eight small programs.

A generator can be paused and resumed, and a coroutine is a generator with ``await``. A *future* is a promise
with callbacks: PENDING, then CANCELLED or FINISHED. A *task* drives a coroutine with ``send()`` and is woken
by the done-callback of the future that the coroutine waits for. A *handle* is a callback in a queue, a
*party* is whoever waits for a descriptor. The loop takes *turns*: it runs what is ready, and asks the kernel
when nothing is. The rest is what a loop does with that: *diagnostics* when something fails, its *lifecycle*,
its *wakeup* by threads and signals, *names* looked up in threads, and *sockets*, where each wait is a
*readiness*, and *sendfile* on top of them.

Where sockets are asked for data, *transports* push it into protocols: a *sending* half, a reading half with
its *delivery*, and *encryption* in between, where *TLS* is wanted. *Connections* are made (as a *race*, if
a host has several addresses), *servers* listen for them, and files are *transferred* into them. *Datagrams*
and *pipes* are simpler *endpoints*; pipes lead to *subprocesses*, whose end the loop learns of as of any
*child's*.

The classes form a tower by single inheritance (``TurnLoop``, ``DiagnosticsLoop`` ... ``Loop``); each storey
is a working loop that knows only what is below it.
"""

READING_ORDER = (
    "future",
    "task",
    "handle",
    "parties",
    "turn",
    "diagnostics",
    "lifecycle",
    "wakeup",
    "names",
    "readiness",
    "sockets",
    "sendfile",
    "sending",
    "delivery",
    "transports",
    "encryption",
    "tls",
    "racing",
    "addresses",
    "connections",
    "transfer",
    "listening",
    "servers",
    "endpoints",
    "datagrams",
    "pipes",
    "children",
    "subprocesses",
    "loop",
)
"""The story's chapters: also the order in which they may import one another."""
