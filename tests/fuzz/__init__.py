"""Hostile input for every decoder of network bytes: `cd tests && python -m fuzz 1000000`, or `make fuzz N=1000000`.

An input is made by its decoder's name, the seed and its number alone, from valid bodies that are mutated; so a failure
comes again with `--only NAME --seed SEED --from NUMBER`.
"""
