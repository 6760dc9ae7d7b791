"""`python -m gather_diagnostics`."""

from gather_diagnostics.cli import main

main()
