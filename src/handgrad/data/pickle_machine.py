"""The machine that pickles are programs for, without its power to import and to call."""

import re
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from handgrad.checks import FileFormatError
from handgrad.data.pickled_arrays import ALLOWED, Blank, Global, show

SCALARS = (str, bytes, int, float, type(None))  # (bool is an int)
ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\[^\\'\"nrtx]")  # but for these
PROTOCOL = 5  # the newest
CURE = "Only plain values and NumPy arrays are read; save the arrays alone."


class Machine:
    """The stack, the memo, and the place in the program.

    Args:
        content: the program.
        encoding: what the strings of Python 2 become.
    """

    def __init__(self, content: bytes, encoding: str) -> None:
        self.content = content
        self.encoding = encoding
        self.place = 0
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Follow the instructions up to the one that ends the program."""
        while (code := self.take(1)) != b".":
            if code not in INSTRUCTIONS:
                raise ValueError(f"there is no instruction {code!r}")
            INSTRUCTIONS[code](self)
        return self.stack.pop()

    # -- taking from the program ----------------------------------------------------------------

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if not 0 <= size <= len(self.content) - self.place:
            raise ValueError(f"{size:,} bytes should follow, but it ends")
        start = self.place
        self.place += size
        return self.content[start : self.place]

    def line(self) -> bytes:
        """What comes before the next end of line."""
        line = self.take(self.content.index(b"\n", self.place) - self.place)
        self.place += 1
        return line

    def number(self, form: str) -> Any:
        """The next number, in the form that `struct` knows."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    # -- the stack ------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        """Put a value on top."""
        self.stack.append(value)

    def top(self, count: int) -> list[Any]:
        """The last `count` values; they stay."""
        if len(self.stack) < count:
            raise ValueError("a value is missing")
        return self.stack[len(self.stack) - count :]

    def mark(self) -> None:
        """Begin a group of values."""
        self.marked.append(self.stack)
        self.stack = []

    def group(self) -> list[Any]:
        """Take all values above the last mark."""
        values, self.stack = self.stack, self.marked.pop()
        return values

    def remember(self, key: int) -> None:
        """Note the last value under a number."""
        value = self.memo[key] = self.stack[-1]
        if isinstance(value, Blank):
            value.keys.append(key)

    # -- values ---------------------------------------------------------------------------------

    def python2(self, content: bytes) -> str | bytes:
        """A string of Python 2, which may be text or data."""
        if self.encoding == "bytes":
            return content
        try:
            return content.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"a string of Python 2 is not {self.encoding} ({show(content)}). "
                "Read the pickle with encoding='latin1' or 'bytes'."
            ) from error

    def quoted(self) -> str | bytes:
        r"""A string of Python 2 in quotes, with \ escapes."""
        line = self.line().strip()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in {b"'", b'"'}:
            raise ValueError("a string has no quotes")
        if ESCAPE.search(line):
            raise ValueError("a string has an escape that Python 2 does not write")
        return self.python2(line[1:-1].decode("unicode_escape").encode("latin1"))

    def digits(self) -> int:
        """An integer in digits; 00 and 01 are False and True."""
        line = self.line()
        return line == b"01" if line in {b"00", b"01"} else int(line)

    def tuple_of(self, count: int) -> None:
        """Make the last values one tuple."""
        self.stack[len(self.stack) - count :] = [tuple(self.top(count))]

    def append(self, values: list[Any]) -> None:
        """Put values at the end of the list below them."""
        if not isinstance(self.stack[-1], list):
            raise TypeError("what is appended to is no list")
        cast("list[Any]", self.stack[-1]).extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Put key, value, key, value … into the dict below them."""
        if not isinstance(self.stack[-1], dict) or len(values) % 2:
            raise TypeError("what is filled is no dict, or a key has no value")
        for key in values[::2]:
            kind = type(key).__name__
            parts = cast("tuple[Any, ...]", key) if kind == "tuple" else (key,)
            if not all(isinstance(part, SCALARS) for part in parts):
                raise FileFormatError(f"a key is a {kind}, which is not read. {CURE}")
        cast("dict[Any, Any]", self.stack[-1]).update(zip(values[::2], values[1::2], strict=True))

    def pairs(self) -> None:
        """A dict of the group of values."""
        values = self.group()
        self.push({})
        self.set_items(values)

    # -- names and calls ------------------------------------------------------------------------

    def look_up(self, module: Any, name: Any) -> None:
        """Put an allowed function on the stack; nothing is imported."""
        if (module, name) not in ALLOWED:
            raise FileFormatError(
                f"it asks for {show(module)}.{show(name)}, which is not read. {CURE}"
            )
        self.push(Global(f"{module}.{name}", ALLOWED[module, name]))

    def call(self) -> None:
        """Put the result of an allowed function in the place of it and its arguments."""
        function, arguments = self.top(2)
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise TypeError("what is called is no function")
        self.stack[-2:] = [function.call(self.encoding, *cast("tuple[Any, ...]", arguments))]

    def build(self) -> None:
        """Fill the blank array or dtype below with its state, here and in the memo."""
        blank, state = self.top(2)
        if not isinstance(blank, Blank) or not isinstance(state, tuple):
            raise TypeError("what is filled is no array")
        value = blank.fill(self.encoding, cast("tuple[Any, ...]", state))
        self.stack[-2:] = [value]
        self.memo.update(dict.fromkeys(blank.keys, value))


# -- the instructions ---------------------------------------------------------------------------


def protocol(machine: Machine) -> None:
    """Check the version that the program says it has."""
    version = machine.number("<B")
    if version > PROTOCOL:
        raise FileFormatError(
            f"its protocol must be 0 to {PROTOCOL}, but is {version}. Save it with protocol 4."
        )


def refuse(_: Machine, *, what: str) -> None:
    """An instruction that makes what is not read."""
    raise FileFormatError(f"it asks for {what}, which is not read. {CURE}")


def push_number(machine: Machine, *, form: str) -> None:
    """A number."""
    machine.push(machine.number(form))


def push_sized(machine: Machine, *, form: str, make: Callable[[Machine, bytes], Any]) -> None:
    """What is made of so many bytes."""
    machine.push(make(machine, machine.take(machine.number(form))))


def push_made(machine: Machine, *, make: Callable[[Machine], Any]) -> None:
    """What is made of what comes next, or of the stack."""
    value = make(machine)  # this first: it may replace the stack
    machine.push(value)


Instruction = Callable[[Machine], object]
FORMS = {b"J": "<i", b"K": "<B", b"M": "<H", b"G": ">d"}
SIZED: dict[bytes, tuple[str, Callable[[Machine, bytes], Any]]] = {
    b"U": ("<B", Machine.python2),
    b"T": ("<i", Machine.python2),
    b"C": ("<B", lambda _, content: content),
    b"B": ("<I", lambda _, content: content),
    b"\x8e": ("<Q", lambda _, content: content),
    b"\x96": ("<Q", lambda _, content: bytearray(content)),
    b"\x8c": ("<B", lambda _, content: content.decode("utf-8", "surrogatepass")),
    b"X": ("<I", lambda _, content: content.decode("utf-8", "surrogatepass")),
    b"\x8d": ("<Q", lambda _, content: content.decode("utf-8", "surrogatepass")),
    b"\x8a": ("<B", lambda _, content: int.from_bytes(content, "little", signed=True)),
    b"\x8b": ("<i", lambda _, content: int.from_bytes(content, "little", signed=True)),
}
MADE: dict[bytes, Callable[[Machine], Any]] = {
    b"N": lambda _: None,
    b"\x88": lambda _: True,
    b"\x89": lambda _: False,
    b")": lambda _: (),
    b"]": lambda _: [],
    b"}": lambda _: {},
    b"l": Machine.group,
    b"t": lambda machine: tuple(machine.group()),
    b"I": Machine.digits,
    b"L": lambda machine: int(machine.line().removesuffix(b"L")),
    b"F": lambda machine: float(machine.line()),
    b"S": Machine.quoted,
    b"V": lambda machine: machine.line().decode("raw-unicode-escape"),
    b"2": lambda machine: machine.stack[-1],
    b"g": lambda machine: machine.memo[int(machine.line())],
    b"h": lambda machine: machine.memo[machine.number("<B")],
    b"j": lambda machine: machine.memo[machine.number("<I")],
}
DONE: dict[bytes, Instruction] = {
    b"\x80": protocol,
    b"\x95": lambda machine: machine.take(
        8
    ),  # the size of a frame, which only readers of pipes use
    b"(": Machine.mark,
    b"0": lambda machine: machine.stack.pop(),
    b"1": Machine.group,
    b"p": lambda machine: machine.remember(int(machine.line())),
    b"q": lambda machine: machine.remember(machine.number("<B")),
    b"r": lambda machine: machine.remember(machine.number("<I")),
    b"\x94": lambda machine: machine.remember(len(machine.memo)),
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"a": lambda machine: machine.append([machine.stack.pop()]),
    b"e": lambda machine: machine.append(machine.group()),
    b"s": lambda machine: machine.set_items([machine.stack.pop() for _ in "kv"][::-1]),
    b"u": lambda machine: machine.set_items(machine.group()),
    b"d": Machine.pairs,
    b"c": lambda machine: machine.look_up(machine.line().decode(), machine.line().decode()),
    b"\x93": lambda machine: machine.look_up(*[machine.stack.pop() for _ in "mn"][::-1]),
    b"R": Machine.call,
    b"b": Machine.build,
}
REFUSED = {
    b"i": "an object (INST)",
    b"o": "an object (OBJ)",
    b"\x81": "an object (NEWOBJ)",
    b"\x92": "an object (NEWOBJ_EX)",
    b"\x82": "a registered extension (EXT1)",
    b"\x83": "a registered extension (EXT2)",
    b"\x84": "a registered extension (EXT4)",
    b"P": "something outside the file (PERSID)",
    b"Q": "something outside the file (BINPERSID)",
    b"\x97": "something outside the file (NEXT_BUFFER)",
    b"\x98": "something outside the file (READONLY_BUFFER)",
    b"\x8f": "a set",
    b"\x90": "a set",
    b"\x91": "a frozenset",
}
INSTRUCTIONS: dict[bytes, Instruction] = {
    **{code: partial(push_number, form=form) for code, form in FORMS.items()},
    **{code: partial(push_sized, form=form, make=make) for code, (form, make) in SIZED.items()},
    **{code: partial(push_made, make=make) for code, make in MADE.items()},
    **DONE,
    **{code: partial(refuse, what=what) for code, what in REFUSED.items()},
}
