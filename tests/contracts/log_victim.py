"""Processes that append and compact until they are killed, one after the other: `log_victim.py URL`.

Each line of standard input, `FIRST SECONDS`, starts one that appends batches from the number FIRST on and is killed so
long after its first acknowledgement. On standard output stand `POSITION NUMBER` of each batch that was acknowledged,
and `killed` at the end. They are forks of one process, which does not have to import everything each time.
"""

import os
import select
import signal
import sys
import threading
import time

import upheld.store.compacting as compacting
from upheld.measurements.model import Measurement, to_table
from upheld.store import open_store


def append_and_compact(url: str, first: int, told: int) -> None:
    """Appends one batch after the other, compacts all the while, and writes to `told` what was acknowledged."""
    compacting.AT_ONCE = 40
    store = open_store(url)

    def compact() -> None:
        while True:
            store.compactor.run(0, compacting.When(age=0, rows=1))

    threading.Thread(target=compact, daemon=True).start()
    while True:
        rows = [Measurement("vpn-1", "rtt", first * 10 + m, value=float(first), known_at=first) for m in range(10)]
        os.write(told, f"{store.append('t', to_table(rows))} {first}\n".encode())
        first += 1


def main(url: str) -> None:
    for line in sys.stdin:
        first, seconds = line.split()
        ours, theirs = os.pipe()
        victim = os.fork()
        if victim == 0:
            os.dup2(2, 1)  # its log
            append_and_compact(url, int(first), theirs)
        os.close(theirs)
        select.select([ours], [], [], 60)
        time.sleep(float(seconds))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        with os.fdopen(ours) as told:
            sys.stdout.writelines(told)
        print("killed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
