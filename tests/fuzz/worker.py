"""One decoder and its inputs, in a process of its own: `python -m fuzz.worker NAME SEED FIRST BEHIND BOARD [checked]`.

It writes to the board, a small file in memory, where it is; whoever reads that sees when an input takes too long or has
ended the process. `checked` runs the compiled scanners with every index checked, also where they read eight bytes at a
time.
"""

import json
import mmap
import os
import resource
import struct
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

BOARD = struct.Struct("<qdqq")
"""The number of the input, when it began (monotonic seconds), how many were taken and how many refused."""
ROOM = 1 << 30
"""How many bytes of address space the inputs may take beyond what the process has before them."""


def check_indices() -> None:
    """Lets compiled code check what it reads. To be called before a decoder is imported."""
    os.environ["NUMBA_BOUNDSCHECK"] = "1"
    import numba
    import numpy as np

    from upheld.readers import protobuf_scan

    @numba.njit(cache=False)  # type: ignore[untyped-decorator]
    def word(array: Any, index: Any) -> Any:
        if index < 0 or index + 8 > len(array):
            raise IndexError("eight bytes behind the end")
        found = np.uint64(0)
        for i in range(8):
            found |= np.uint64(array[index + i]) << np.uint64(8 * i)
        return found

    protobuf_scan.word = word


def input_of(name: str, seed: int, number: int) -> bytes:
    """An input by its number."""
    from fuzz.targets import targets

    return targets()[name].make(Random(f"{name} {seed} {number}"))


def run(
    name: str, seed: int, first: int, behind: int, board: mmap.mmap | bytearray, *, limited: bool = True
) -> dict[str, Any]:
    """What came of the inputs: how many were taken and refused, and the longest, in seconds, with its number; and of
    the first defect its number and what was said. Before them the valid bodies are read, which compiles the code."""
    from fuzz.targets import targets

    target = targets()[name]
    for body in target.valid:
        assert target.take(body), f"{name} refuses a valid body: {body!r}"
    if limited:
        _limit_memory()
    taken, slowest, slowest_number = 0, 0.0, first
    for number in range(first, behind):
        body = target.make(Random(f"{name} {seed} {number}"))
        began = time.monotonic()
        BOARD.pack_into(board, 0, number, began, taken, number - first - taken)
        try:
            taken += target.take(body)
        except Exception:
            return {"defect": number, "said": traceback.format_exc()}
        took = time.monotonic() - began
        if took > slowest:
            slowest, slowest_number = took, number
    return {"taken": taken, "refused": behind - first - taken, "slowest": slowest, "slowest_number": slowest_number}


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        most = pages * resource.getpagesize() + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def main(arguments: list[str]) -> None:
    name, seed, first, behind, path, *checked = arguments
    if checked:
        check_indices()
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), BOARD.size) as board:
        json.dump(run(name, int(seed), int(first), int(behind), board), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
