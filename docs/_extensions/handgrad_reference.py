"""A Sphinx extension that writes docs/reference/ from the library's docstrings and source.

Every module of handgrad gets a page without being listed anywhere: a new op's page appears by
itself.
"""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import handgrad
from docstring_markdown import escape, fenced, markdown

ROOT = Path(__file__).parents[2]
# Insides, and what has pages of its own.
WITHOUT_PAGE = {"__main__", "cli", "examples", "files", "kernels", "ops", "plans"}


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call us before it looks for pages."""
    app.connect("config-inited", lambda app, _config: write_reference(Path(app.srcdir)))
    app.connect("doctree-read", lambda _app, tree: trim_code(tree))
    return {"parallel_read_safe": True}


def write_reference(docs: Path) -> None:
    """Write every page that changed, and remove those whose module is gone."""
    folder = docs / "reference"
    pages = {folder / name: text for name, text in reference_pages()}
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.rglob("*.md")) - set(pages):
        path.unlink()


def trim_code(tree: Any) -> None:
    """Drop the blank line that a doctest needs between its last output and the end of a fence."""
    from docutils import nodes  # noqa: PLC0415  (the tests of this module do without Sphinx)

    for block in tree.findall(nodes.literal_block):
        text = block.astext().rstrip("\n")
        block.rawsource = text
        block.children = [nodes.Text(text)]


# -- pages --------------------------------------------------------------------------------------


def reference_pages() -> Iterator[tuple[str, str]]:
    """(file, Markdown) of every page of the reference."""
    ops = list(modules("handgrad.ops", without={"array"}))
    for module in ops:
        yield f"ops/{last_name(module)}.md", op_page(module)
    yield "ops/index.md", index_page("The ops", handgrad.ops, ops)
    rest = list(modules("handgrad", without=WITHOUT_PAGE))
    for module in rest:
        yield f"{last_name(module)}.md", api_page(module)
    yield "index.md", index_page("The library", handgrad, rest)
    yield "command-line.md", command_page()


def modules(package: str, without: set[str]) -> Iterator[ModuleType]:
    """The modules of a package, by name."""
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name not in without and not info.name.startswith("_"):
            yield importlib.import_module(f"{package}.{info.name}")


def index_page(title: str, package: ModuleType, pages: list[ModuleType]) -> str:
    """The list of a package's pages, and a line about each."""
    rows = [
        f"- [{page_title(module)}]({last_name(module)}.md): {first_line(module)}"
        for module in pages
    ]
    names = [last_name(module) for module in pages]
    toctree = ["```{toctree}", ":hidden:", "", *names, "```"]
    lead = markdown(inspect.getdoc(package) or "")
    return "\n".join([f"# {title}", "", lead, "", *rows, "", *toctree, ""])


def op_page(module: ModuleType) -> str:
    """A family of ops: for each function its derivation, and below it the code that follows it."""
    parts = [f"# {page_title(module)}", markdown(inspect.getdoc(module) or "")]
    cases = f"tests/ops/test_{last_name(module)}.py"
    proof = f", proved by `{cases}`" if (ROOT / cases).exists() else ""
    parts.append(f"Source: `src/handgrad/ops/{last_name(module)}.py`{proof}.")
    if numbers := constants(module):
        parts.append(fenced("python", numbers))
    op = ""
    for name, function in own(module, inspect.isfunction):
        heading = re.sub(r"_(forward|backward|step)$", "", name)
        if heading != op:
            op = heading
            parts.append(f"## {heading.replace('_', ' ')}")
        named = getattr(handgrad.ops, name, None) is function
        home = "handgrad.ops" if named else module.__name__
        parts.append(directive("function", name, function, module=home))
        parts.append(fenced("python", code_without_docstring(function)))
    records = list(own(module, inspect.isclass))
    if records:
        parts.append("## What travels from forward to backward")
        parts += [fenced("python", inspect.getsource(record).strip()) for _, record in records]
    return "\n\n".join(parts) + "\n"


def api_page(module: ModuleType) -> str:
    """A module or package: its classes with their methods, then its functions."""
    parts = [f"# {page_title(module)}", markdown(inspect.getdoc(module) or "")]
    classes = dict(own(module, inspect.isclass))
    shown = set(classes.values())
    parent = {thing: next(filter(shown.__contains__, thing.__mro__[1:]), None) for thing in shown}
    roots = set(parent.values()) - {thing for thing in shown if parent[thing]}
    for name, thing in sorted(classes.items(), key=lambda i: (i[1] not in roots, *line_of(i[1]))):
        parts.append(f"## {name}")
        methods = [
            directive(kind, member_name, member, module=None)
            for member_name, kind, member in members(thing)
        ]
        base = parent[thing]
        derived = [f"Derives from `{base.__name__}`."] if base else []
        parts.append(
            directive("class", name, thing, module=module.__name__, inside=[*derived, *methods])
        )
    functions = list(own(module, inspect.isfunction))
    if functions:
        parts.append("## Functions")
        parts += [directive("function", name, function) for name, function in functions]
    return "\n\n".join(parts) + "\n"


def command_page() -> str:
    """What `--help` says, of every command."""
    parts = ["# The command line"]
    waiting: list[list[str]] = [[]]
    while waiting:
        words = waiting.pop(0)
        text = help_text(words)
        parts += [f"## {' '.join(['handgrad', *words])}", fenced("text", text)]
        table = text.partition("Commands")[2]
        waiting += [[*words, name] for name in re.findall(r"^│ (\w+) ", table, re.MULTILINE)]
    return "\n\n".join(parts) + "\n"


def help_text(words: list[str]) -> str:
    """What one command says about itself, 96 columns wide and without colours."""
    done = subprocess.run(
        [sys.executable, "-m", "handgrad", *words, "--help"],
        env=os.environ | {"COLUMNS": "96", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def own(module: ModuleType, kind: Any) -> Iterator[tuple[str, Any]]:
    """What a module offers: the names in `__all__`, or all that it defines itself."""
    offered = getattr(module, "__all__", None)
    for name, thing in vars(module).items():
        if kind(thing) and not name.startswith("_"):
            here = thing.__module__ == module.__name__
            if name in offered if offered is not None else here:
                yield name, thing


def members(thing: type) -> Iterator[tuple[str, str, Any]]:
    """(name, kind, function) of what a class itself documents: methods and properties."""
    for name, member in vars(thing).items():
        kind, function = "method", member
        if isinstance(member, classmethod):
            kind, function = "classmethod", member.__func__
        elif isinstance(member, property):
            kind, function = "property", member.fget
        if inspect.isfunction(function) and not name.startswith("_") and function.__doc__:
            yield name, kind, function


def constants(module: ModuleType) -> str:
    """The lines that give a module's numbers their names, comments and all."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    return "\n".join(
        lines[node.lineno - 1]
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()
    )


def line_of(thing: type) -> tuple[str, int]:
    """Where a class stands: bases come before what derives from them."""
    return thing.__module__, inspect.getsourcelines(thing)[1]


def page_title(module: ModuleType) -> str:
    """`regression_losses` as `Regression losses`."""
    return last_name(module).replace("_", " ").capitalize()


def last_name(module: ModuleType) -> str:
    """The name after the last dot."""
    return module.__name__.rpartition(".")[2]


def first_line(module: ModuleType) -> str:
    """The sentence that opens a module's docstring, without the page's title before it."""
    line = (inspect.getdoc(module) or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")
    line = line.removeprefix(f"{page_title(module)}: ")
    return escape(line[:1].upper() + line[1:])


# -- one function or class ----------------------------------------------------------------------


def directive(
    kind: str, name: str, thing: Any, *, module: str | None = "", inside: list[str] | None = None
) -> str:
    """A function, class or method as Sphinx knows it, so that the index and the search find it."""
    options = [] if module is None else [f":module: {module or thing.__module__}", ""]
    body = "\n\n".join([markdown(inspect.getdoc(thing) or ""), *(inside or [])])
    arguments = "" if kind == "property" else signature(thing)
    lines = [f"{{py:{kind}}} {name}{arguments}", *options, body]
    return fenced("\n".join(lines[:1]), "\n".join(lines[1:]))


def signature(thing: Any) -> str:
    """The arguments with their defaults; the annotations stand in the code."""
    try:
        found = inspect.signature(thing)
    except ValueError:
        return ""
    parameters = [
        parameter.replace(
            annotation=parameter.empty,
            default=parameter.default
            if parameter.default is parameter.empty
            else Default(parameter.default),
        )
        for name, parameter in found.parameters.items()
        if name not in {"self", "cls"}
    ]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


class Default:
    """A default value, written as one would write it: functions and classes by their name."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return getattr(self.value, "__name__", None) or repr(self.value)


def code_without_docstring(function: Any) -> str:
    """A function's source, comments and all, without its docstring."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    node = ast.parse("\n".join(lines)).body[0]
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
        docstring = node.body[0]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
    return "\n".join(lines)
