"""HTTP for machines: measurements and agreements in, verdicts and cases out. `docs/api.md` is its manual."""
