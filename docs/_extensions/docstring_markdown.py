"""Docstrings as Markdown.

They are written for reading in the source: prose with `names`, indented equations, doctests, and
sections like `Args:`. What MyST reads differs little: equations and doctests get fences.
"""

import re
import textwrap

SECTIONS = {"Args", "Attributes", "Raises", "Returns", "Yields"}


def markdown(text: str) -> str:
    """Turn a docstring into Markdown."""
    blocks: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if blocks and is_indented(paragraph) and is_indented(blocks[-1]):
            blocks[-1] += f"\n\n{paragraph}"  # one derivation, with blank lines inside
        else:
            blocks.append(paragraph)
    return "\n\n".join(markdown_block(block) for block in blocks)


def markdown_block(block: str) -> str:
    """One paragraph, section, derivation or doctest."""
    first, _, rest = block.partition("\n")
    if first.startswith(">>>"):
        return fenced("pycon", block)
    if is_indented(block):
        return fenced("text", textwrap.dedent(block))
    if first.endswith(":") and first[:-1] in SECTIONS and is_indented(rest):
        return section(first[:-1], rest)
    return escape(block)


def section(title: str, text: str) -> str:
    """`Args:` and the like, as a list with the names set as code."""
    entries: list[str] = []
    for line in textwrap.dedent(text).splitlines():
        if line.startswith(" ") and entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line)
    if title in {"Returns", "Yields"}:
        return f"**{title}:** {escape(' '.join(entries))}"
    items = [re.sub(r"^([\w*, ]+):", lambda m: f"{as_code(m[1])}:", each) for each in entries]
    heading = {"Args": "Arguments"}.get(title, title)
    return "\n".join([f"**{heading}**", "", *(f"- {escape(item)}" for item in items)])


def as_code(names: str) -> str:
    """`a, b` as two pieces of code."""
    return ", ".join(f"`{name.strip()}`" for name in names.split(","))


def is_indented(block: str) -> bool:
    """Whether a block is set in, as derivations are."""
    return block.startswith("    ")


def escape(text: str) -> str:
    """Keep Markdown from reading `<…>` as HTML; what stands between backticks is left alone."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else p.replace("<", "\\<") for p in pieces)


def fenced(what: str, text: str) -> str:
    """A fence that is longer than every fence inside."""
    longest = max((len(run) for run in re.findall(r"^`+", text, re.MULTILINE)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{what}\n{text}\n{fence}"
