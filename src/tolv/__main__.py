"""`python -m tolv`: the command line."""

from tolv.cli.main import main

if __name__ == "__main__":
    main()
