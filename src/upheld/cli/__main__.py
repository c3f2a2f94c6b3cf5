"""`python -m upheld.cli`, the same as `upheld`."""

from upheld.cli import main

main()
