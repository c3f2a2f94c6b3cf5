"""`python -m simulation [--days 7] [--seed 1]`: whole days with faults, then the audit; exit status 1 where it finds
anything."""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from simulation import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description="Whole days of a provider, with faults, audited.")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upheld-simulation-") as folder:
        days, found, counts = simulate(Path(folder), given.days, given.seed)
    print(json.dumps(asdict(days.happened) | counts, indent=2))
    for one in found[:20]:
        print(f"WRONG: {one}", file=sys.stderr)
    print(f"{given.days:g} days, seed {given.seed}: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
