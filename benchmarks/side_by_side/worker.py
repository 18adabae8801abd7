"""The process of one side: requests as lines of JSON on stdin, answers as lines on stdout.

    python -m side_by_side.worker "LIBRARY MODE" FOLDER

A process of its own, because libraries in one process share threads and spoil each other's times.
Its first line says that the side is ready, or why it cannot do the work.
"""

import json
import os
import sys
from importlib import import_module
from typing import Any

from side_by_side.side import Side, UnsupportedError

KINDS = {"handgrad": "Handgrad", "torch": "Torch", "sklearn": "Sklearn"}


def start(name: str, folder: str) -> Side:
    """The side of that name ("torch channels_last": library and mode), ready for the work."""
    library, *modes = name.split()
    module = import_module(f"side_by_side.in_{library}")
    return getattr(module, KINDS[library])(folder, *modes)


def answer(side: Side, request: dict[str, Any]) -> Any:
    """Do what a request asks."""
    match request.pop("do"):
        case "losses":
            return side.outputs() if side.task["infer"] else side.losses(**request)
        case "chunk":
            return side.chunk(**request)
        case "memory":
            return side.memory(**request)
        case "train":
            return side.train()
        case other:
            raise ValueError(f"{other!r} is no request")


def main() -> None:
    """Start the side, then answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not get between the answers

    def say(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    try:
        side = start(*sys.argv[1:])
        say({"ready": side.versions()})
        for line in sys.stdin:
            say({"answer": answer(side, json.loads(line))})
    except (UnsupportedError, ModuleNotFoundError) as error:
        say({"missing": str(error)})
    except Exception as error:
        say({"failed": f"{type(error).__name__}: {error}".partition("\n")[0]})
        raise


if __name__ == "__main__":
    main()
