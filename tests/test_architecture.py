"""The rules of the tree: who may import whom, how long things may be, what may not be in them.

The tables below are the rules; the code after them only applies them. Each rule is one test, which lists all
that break it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator

import pytest

from lab import loop
from tests.codebase import PACKAGES, Function, Module, dotted, module_names, modules, modules_in_tests

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # room: what it may import of this project and of third parties, besides itself and the standard library
    "backends": (),
    "lab": ("backends", "lab.loop"),
    "lab.__main__": ("lab.cli",),
    "lab.errors": (),
    "lab.factories": ("backends", "lab"),
    "lab.program": ("lab.errors",),
    "lab.on_loop": ("lab.factories", "lab.program", "lab.errors"),
    "lab.results": ("lab.errors",),
    "lab.loop": ("backends",),
    "lab.tracing": ("lab.loop", "backends", "jinja2", "markupsafe"),
    "lab.workloads": ("lab.results", "lab.errors", "httptools"),
    "lab.harness": ("lab.workloads", "lab.results", "lab.errors", "lab.factories", "psutil"),
    "lab.harness.subjects": ("lab", "lab.workloads", "lab.results", "lab.errors", "backends"),
    "lab.cli": (
        "backends",
        "lab",
        "lab.program",
        "lab.tracing",
        "lab.harness",
        "lab.workloads",
        "lab.results",
        "lab.errors",
        "reports",
        "click",
        "rich",
    ),
    "reports": ("lab.results", "lab.errors", "jinja2", "markupsafe", "matplotlib", "numpy", "pandas"),
}
"""A module belongs to the longest room name that fits it. Nobody imports the command line."""

PART_OF = {"lab.harness.subjects": "lab.harness"}
"""A room with rules of its own that is still part of another: whoever may import that may import it."""

APART: dict[str, tuple[str, ...]] = {
    "lab.harness.machine": ("lab.harness",),
    "lab.harness.load": ("lab.harness.measured", "lab.harness.planning", "lab.harness.trials"),
    "lab.harness.measured": ("lab.harness.load", "lab.harness.planning"),
    "lab.harness.planning": ("lab.harness.load",),
}
"""Rooms within a room: what else of it each may not import. Load and server are programs apart."""

ONLY_WITHOUT_SOCKETS = ("reports", "lab.results")
"""These rooms judge what is on the disk: they import none of these modules."""
SOCKET_MODULES = {"socket", "select", "selectors", "asyncio", "ssl", "socketserver"}
PROCESS_MODULES = {"multiprocessing", "subprocess"}

ENTRY_POINTS = (
    "lab.__main__",
    "lab.cli",
    "lab.on_loop",
    "lab.harness.measured.worker",
    "lab.harness.measured.keeper",
    "lab.harness.load.process",
    "lab.harness.channel",
)
"""Only these print or end the process: the command line, and the child processes of a sample."""
ENDS_OR_PRINTS = {"print", "exit", "quit", "sys.exit", "os._exit", "os.abort"}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
STUB_MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

MAX_FILE_LINES, MAX_HOT_FILE_LINES = 300, 450
MAX_FUNCTION_LINES, MAX_HOT_FUNCTION_LINES = 40, 90

ASSERTIONS = {"raises", "warns", "fail", "deprecated_call"}
"""Calls that make a test able to fail, besides ``assert`` and functions whose name starts with ``assert``."""


@pytest.fixture(scope="module", autouse=True)
def forget_the_trees() -> Iterator[None]:
    """The garbage collector would look through them again and again, in all tests to come."""
    yield
    modules.cache_clear()
    modules_in_tests.cache_clear()


def offenders(among: Iterable[Module], rule: Callable[[Module], Iterable[str]]) -> dict[str, list[str]]:
    """Module -> what in it breaks ``rule``; those that keep it are left out."""
    return {module.name: found for module in among if (found := sorted(rule(module)))}


def room_of(name: str) -> str:
    """The longest room name that ``name`` is in."""
    return max((room for room in MAY_IMPORT if is_in(name, room)), key=len)


def is_in(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def forbidden_imports(module: Module) -> Iterator[str]:
    room = room_of(module.name)
    for name in module.imports:
        top = name.partition(".")[0]
        if top in PACKAGES:
            target = room_of(name)
            outer = PART_OF.get(target, target)
            if outer not in (room, PART_OF.get(room)) and not {target, outer} & set(MAY_IMPORT[room]):
                yield name
        elif top not in sys.stdlib_module_names and top not in MAY_IMPORT[room]:
            yield name


def project_imports(module: Module) -> set[str]:
    """The modules of this project that it imports, itself not counted."""
    return {name for name in module.imports if name in module_names() and name != module.name}


def test_a_module_imports_only_what_its_room_may() -> None:
    assert offenders(modules(), forbidden_imports) == {}


@pytest.mark.parametrize("room", APART)
def test_a_room_within_a_room_keeps_apart(room: str) -> None:
    inside = {module.name: project_imports(module) for module in modules() if is_in(module.name, room)}
    others = {name for name in module_names() if not is_in(name, room)}
    apart = {name for name in others if any(is_in(name, other) for other in APART[room])}
    assert inside and apart
    assert not {name: found & apart for name, found in inside.items() if found & apart}


def test_imports_have_no_cycle() -> None:
    graph = {module.name: project_imports(module) for module in modules()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a cycle: {' -> '.join((*path[path.index(name) :], name))}"
        if name not in done:
            for each in sorted(graph[name]):
                visit(each, (*path, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
    assert done == set(graph)


def test_a_cycle_between_rooms_is_impossible_by_the_table() -> None:
    # `lab` is the public face: it re-exports the loop, and only `subjects` looks through it.
    allowed = {room: {name for name in may if name in MAY_IMPORT} for room, may in MAY_IMPORT.items()}
    settled: set[str] = set()
    while ready := {room for room, needs in allowed.items() if room not in settled and needs <= settled}:
        settled |= ready
    assert settled == set(allowed)


def test_the_story_can_be_read_in_its_order() -> None:
    order = [f"lab.loop.{chapter.removesuffix('.py')}" for chapter in loop.READING_ORDER]
    chapters = {module.name: module for module in modules() if module.name.startswith("lab.loop.")}
    assert sorted(order) == sorted(chapters), "READING_ORDER names every file of lab/loop once"
    for position, name in enumerate(order):
        later = {each for each in project_imports(chapters[name]) if each in order[position:]}
        assert not later, f"{name} imports what the reader has not met yet"


@pytest.mark.parametrize("room", ONLY_WITHOUT_SOCKETS)
def test_a_judge_never_touches_a_socket(room: str) -> None:
    judges = [module for module in modules() if is_in(module.name, room)]
    touched = {module.name: module.imports & (SOCKET_MODULES | PROCESS_MODULES) for module in judges}
    assert judges
    assert not {name: found for name, found in touched.items() if found}


def test_only_entry_points_print_or_exit() -> None:
    others = [each for each in modules() if not any(is_in(each.name, entry) for entry in ENTRY_POINTS)]
    assert offenders(others, ends_or_prints) == {}


def ends_or_prints(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Call) and dotted(node.func) in ENDS_OR_PRINTS:
            yield f"line {node.lineno}: {dotted(node.func)}"
        if isinstance(node, ast.Raise) and node.exc and ast.unparse(node.exc).startswith("SystemExit"):
            yield f"line {node.lineno}: raise SystemExit"


def test_modules_are_named_for_what_they_hold() -> None:
    parts = {part for module in (*modules(), *modules_in_tests()) for part in module.name.split(".")}
    assert not parts & FORBIDDEN_NAMES
    inner = {part for module in modules() for part in module.name.split(".")[1:] if "." not in part}
    shadowing = {part for part in inner & sys.stdlib_module_names if not part.startswith("_")}
    assert shadowing <= {"pipes"}, "named like a standard module"  # that one is gone since Python 3.13


def test_files_and_functions_stay_short() -> None:
    assert offenders((*modules(), *modules_in_tests()), too_long) == {}


def too_long(module: Module) -> Iterator[str]:
    if module.lines > (MAX_HOT_FILE_LINES if module.hot else MAX_FILE_LINES):
        yield f"the file: {module.lines}"
    for function in module.functions:
        if function.lines > (MAX_HOT_FUNCTION_LINES if function.hot else MAX_FUNCTION_LINES):
            yield f"{function.name}, line {function.line}: {function.lines}"


def test_a_module_says_what_it_is_for() -> None:
    silent = [each.name for each in modules() if each.text.strip() and not ast.get_docstring(each.tree)]
    assert silent == []


def test_nothing_is_marked_as_unfinished() -> None:
    assert offenders((*modules(), *modules_in_tests()), unfinished) == {}


def unfinished(module: Module) -> list[str]:
    if not STUB_MARKS.search(module.text):
        return []
    return [f"line {line}" for line, comment in module.comments.items() if STUB_MARKS.search(comment)]


def test_no_function_is_a_stub() -> None:
    assert offenders(modules(), stubs) == {}


def stubs(module: Module) -> list[str]:
    return [function.name for function in module.functions if is_stub(function)]


def is_stub(function: Function) -> bool:
    """Whether all it does is raise NotImplementedError, or nothing at all without saying what it is for."""
    body = function.node.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    rest = body[1:] if documented and isinstance(body[0].value.value, str) else body
    if len(rest) != 1:
        return False
    if isinstance(rest[0], ast.Raise):
        return "NotImplementedError" in ast.unparse(rest[0]) and not documented
    return isinstance(rest[0], ast.Pass) and not documented


def sentences_in(module: Module) -> Iterator[Function]:
    return (function for function in module.functions if function.name.startswith("test_"))


def test_every_test_can_fail() -> None:
    tests = [module for module in modules_in_tests() if module.path.name.startswith("test_")]
    assert offenders(tests, idle_tests) == {}


def idle_tests(module: Module) -> list[str]:
    checking = {function.name for function in module.functions if asserts(function.node, set())}
    return [function.name for function in sentences_in(module) if not asserts(function.node, checking)]


def asserts(node: ast.AST, checking: set[str]) -> bool:
    """Whether ``node`` holds an assertion, or a call of one of the functions in ``checking`` that do."""
    for each in ast.walk(node):
        if isinstance(each, ast.Assert):
            return True
        if isinstance(each, ast.Call):
            name = dotted(each.func).rpartition(".")[2]
            if name in ASSERTIONS or name in checking or name.lower().startswith(("assert", "check_")):
                return True
    return False


NEED_A_REASON = ("pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail")


def test_every_skip_has_a_reason() -> None:
    assert offenders(modules_in_tests(), bare_skips) == {}


def bare_skips(module: Module) -> list[str]:
    reasoned = {
        id(node.func)
        for node in module.nodes
        if isinstance(node, ast.Call) and (node.args or any(each.arg == "reason" for each in node.keywords))
    }
    return [
        f"line {node.lineno}: {dotted(node)}"
        for node in module.nodes
        if isinstance(node, ast.Attribute) and dotted(node) in NEED_A_REASON and id(node) not in reasoned
    ]
