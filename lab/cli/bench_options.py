"""The options of ``muxlab bench``, by what they decide.

Rule: an option only turns what was typed into values. What they mean together, and whether they fit, is for
`lab.harness.planning.selection` to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from lab.cli import values

Options = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Options of a command as one decorator, which lists them in the order they are written here."""


def _together(*options: Options) -> Options:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


what: Options = _together(
    click.option(
        "-b",
        "--backend",
        "backends",
        multiple=True,
        callback=values.names_option,
        metavar="NAME[,NAME...]",
        help="What to measure, besides asyncio (the control) and the floor; see `muxlab backends`. "
        "Repeatable, or a list: epoll,uvloop. module:factory names any other loop.",
    ),
    click.option(
        "--nonconforming",
        is_flag=True,
        help="Time other loops even if they fail the conformance test; the report then warns of them.",
    ),
    click.option(
        "-w",
        "--workload",
        "workloads",
        multiple=True,
        callback=values.names_option,
        metavar="NAME[,NAME...]",
        help="What it has to do; see `muxlab workloads`. Repeatable, or a list.",
    ),
)
"""Who is measured, and at what."""

how_long: Options = _together(
    click.option(
        "--profile",
        default="quick",
        show_default=True,
        metavar="smoke|quick|full",
        help="How thorough: smoke under a minute, quick under four, full over an hour.",
    ),
    click.option(
        "--rounds",
        callback=values.option(values.whole),
        metavar="N",
        help="How often each subject is measured in each scenario.  [default: by profile]",
    ),
    click.option(
        "--duration",
        callback=values.option(values.duration_s),
        metavar="TIME",
        help="The measured window of one sample: 0.3, 300ms, 2s.  [default: by profile]",
    ),
    click.option(
        "--precision",
        callback=values.option(values.share),
        metavar="SHARE",
        help="Add rounds until the interval of every ratio to asyncio is narrower than this: 5%.",
    ),
    click.option(
        "--max-time",
        callback=values.option(values.duration_s),
        metavar="TIME",
        help="Begin no round that would end later: 90s, 10m, 2h.  [with --precision: 1h; quick as it is: "
        "220s]",
    ),
    click.option(
        "--syscalls/--no-syscalls",
        default=None,
        help="Count system calls by name with strace, after the last round, untimed; a second or two for "
        "each subject and scenario.  [default: in full, where strace works]",
    ),
)
"""How thorough a run is, and when it ends."""

parameters: Options = _together(
    click.option(
        "--connections",
        multiple=True,
        callback=values.list_option(values.whole),
        metavar="N[,N...]",
        help="The main number of connections, where a workload has one; see `muxlab workloads`. "
        "Several make several scenarios.",
    ),
    click.option(
        "--size",
        multiple=True,
        callback=values.list_option(values.size_bytes),
        metavar="SIZE[,SIZE...]",
        help="The message's size, where a workload has one: 1024, 1KiB, 100k.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        callback=values.settings_option,
        metavar="WORKLOAD.PARAMETER=N[,N...]",
        help="Any parameter of a workload: ring.pairs=100,1000. Wins over the two above.",
    ),
    click.option(
        "--rate",
        "rates",
        multiple=True,
        callback=values.list_option(values.rate),
        metavar="N[,N...]|knee",
        help="Offer so many requests per second, whether or not replies come (open loop); each rate is a "
        "scenario. knee: find rates up to what the subjects can serve, and where each gives in.",
    ),
    click.option(
        "--allocator",
        "allocators",
        multiple=True,
        callback=values.names_option,
        metavar="seasoned|fresh[,...]",
        help="Whether the measured process has once freed a large block, as a server on asyncio has once its "
        "first client has left: with glibc, large reads are then nearly free. fresh: it has not. Both make "
        "every scenario twice.  [default: seasoned; full has echo-protocol and echo-streams in both]",
    ),
    click.option(
        "--load-processes",
        callback=values.option(values.whole_within(1, 64)),
        metavar="N",
        help="Divide a server's clients among so many processes.  [default: one for each physical core "
        "beside the server's, up to 4]",
    ),
)
"""The values of the workloads' parameters, and how their clients come."""

own_program: Options = _together(
    click.option(
        "--serve",
        metavar="COMMAND",
        help="Measure your own server instead of the workloads, started by this command on each subject: "
        "'uvicorn app:app --loop {loop} --port {port}'. {port} is a free port; {loop}, as module:factory, is "
        "the subject's loop. Without {loop}, Python programs that call asyncio.run are put on it.",
    ),
    click.option(
        "--app",
        metavar="MODULE:COROUTINE",
        help="The same for a coroutine function that takes a listening socket and serves HTTP on it.",
    ),
    click.option(
        "--http",
        "paths",
        multiple=True,
        metavar="PATH",
        help="What your own program is asked for with GET; each path is a scenario.  [default: /]",
    ),
    click.option(
        "--http-body",
        callback=values.option(values.one_of("same", "length", "any")),
        metavar="same|length|any",
        help="What each reply's body must have in common with the first one's.  [default: same]",
    ),
)
"""A program that is not the lab's."""

which_run: Options = _together(
    click.option(
        "--seed",
        callback=values.option(values.whole_within(0)),
        metavar="N",
        help="Repeats the order of an earlier run.",
    ),
    click.option(
        "--out",
        callback=values.option(values.folder),
        metavar="DIR",
        help="The run's own folder, new or empty.  [default: runs/<time>]",
    ),
    click.option(
        "--resume",
        type=click.Path(),
        callback=values.option(values.folder),
        metavar="RUN",
        help="Go on with an interrupted run, as it was planned; failed samples are tried again.",
    ),
)
"""A new run and its folder, or an earlier one."""
