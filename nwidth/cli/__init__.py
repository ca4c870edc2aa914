"""The command line: ``nwidth run | generate | solve | train | predict | certify | ...``.

One file per command; `nwidth.cli.main` holds the entry point.
"""
