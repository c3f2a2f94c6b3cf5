"""`python -m crash N [--seed S] [--database URL]`: N kills, then the comparison; exit status 1 where it differs."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from crash.killing import ordeal


def main() -> int:
    parser = argparse.ArgumentParser(prog="crash", description="Kill the server N times while it is sent to.")
    parser.add_argument("kills", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="SQLAlchemy URL of an empty database; by default a SQLite file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upheld-crash-") as folder:
        found = ordeal(Path(folder), given.kills, given.seed, given.database, show=True)
    print(json.dumps(found.figures, indent=2))
    for difference in found.differences[:20]:
        print(f"DIFFERS: {difference}", file=sys.stderr)
    print(f"{given.kills:,} kills, {len(found.differences)} differences")
    return 1 if found.differences else 0


if __name__ == "__main__":
    sys.exit(main())
