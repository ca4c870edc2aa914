"""`python -m nwidth` is the command `nwidth`."""

from nwidth.cli.main import main

if __name__ == "__main__":
    main()
