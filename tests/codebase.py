"""The source tree as data: files, imports, functions and their lengths.

`test_architecture.py` judges it; ``python -m tests.codebase`` prints the sizes (``make size``).
"""

from __future__ import annotations

import ast
import functools
import io
import statistics
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("backends", "lab", "reports")
HOT = "# HOT"


@dataclass(frozen=True)
class Function:
    """A function or method; nested ones count for themselves and for what holds them."""

    name: str
    line: int
    lines: int
    hot: bool
    """Marked ``# HOT`` in the line above it or inside it."""
    node: ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file. ``name`` is what one imports: ``lab.harness.planning.plan``."""

    name: str
    path: Path
    text: str

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.text.splitlines())

    @property
    def hot(self) -> bool:
        """Whether anything in it is marked ``# HOT``."""
        return bool(self.hot_lines)

    @property
    def is_package(self) -> bool:
        """Whether it is an ``__init__.py``."""
        return self.path.name == "__init__.py"

    @functools.cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, str(self.path))

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of that tree."""
        return tuple(ast.walk(self.tree))

    @functools.cached_property
    def comments(self) -> dict[int, str]:
        """Line -> comment, real ones only: not what looks like one inside a string."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    @functools.cached_property
    def hot_lines(self) -> set[int]:
        """The lines that bear the mark."""
        if HOT not in self.text:
            return set()
        return {line for line, comment in self.comments.items() if comment.startswith(HOT)}

    @functools.cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function of the file, at any depth."""
        return tuple(self._functions())

    def _functions(self) -> Iterator[Function]:
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                last = node.end_lineno or node.lineno
                hot = not self.hot_lines.isdisjoint(range(first - 1, last + 1))
                yield Function(node.name, node.lineno, last - node.lineno + 1, hot, node)

    @functools.cached_property
    def imports(self) -> set[str]:
        """The full names of all imported modules, wherever the import stands, relative ones resolved.

        ``from a import b`` counts as ``a.b`` when that is a module of this project, else as ``a``.
        """
        return {name for node in self.nodes for name in self._imported(node)}

    def _imported(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = self._absolute(node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in module_names() else base
        elif isinstance(node, ast.Call) and dotted(node.func) in ("importlib.import_module", "__import__"):
            yield from (each.value for each in node.args[:1] if isinstance(each, ast.Constant))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        package = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*package, *([node.module] if node.module else [])])


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as it is written, its first part empty where that is no plain name: ``.join``."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


@functools.cache
def module_names() -> frozenset[str]:
    """The names of all modules of the packages."""
    return frozenset(_name(path) for path in _paths())


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every source file of the packages."""
    return tuple(Module(_name(path), path, path.read_text("utf-8")) for path in _paths())


@functools.cache
def modules_in_tests() -> tuple[Module, ...]:
    """Every Python file under ``tests``."""
    return tuple(
        Module(_name(path), path, path.read_text("utf-8")) for path in sorted(ROOT.glob("tests/**/*.py"))
    )


def _paths() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).glob("**/*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def main() -> None:
    """Print lines per file, the longest functions and the medians."""
    everything = (*modules(), *modules_in_tests())
    for module in everything:
        print(f"{module.lines:5}  {module.path.relative_to(ROOT)}{'  HOT' if module.hot else ''}")
    functions = [(function, module) for module in modules() for function in module.functions]
    print("\nThe longest functions")
    for function, module in sorted(functions, key=lambda pair: -pair[0].lines)[:15]:
        mark = "  HOT" if function.hot else ""
        print(f"{function.lines:5}  {module.path.relative_to(ROOT)}:{function.line} {function.name}{mark}")
    lengths = [function.lines for function, _ in functions]
    print(
        f"\n{len(modules())} files, {sum(module.lines for module in modules()):,} lines, "
        f"{len(functions)} functions, median {statistics.median(lengths):g} lines; "
        f"tests {sum(module.lines for module in modules_in_tests()):,} lines"
    )


if __name__ == "__main__":
    main()
