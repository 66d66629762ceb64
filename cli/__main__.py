"""`python -m geounet_cli`: the command line without its script, as torchrun needs it."""

from .main import main

if __name__ == "__main__":
    main()
