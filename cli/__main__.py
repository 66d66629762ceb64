"""`python -m geounet_cli`: the command line without its script, as torchrun needs it."""

import os
import sys

from .main import main

if __name__ == "__main__":
    try:
        main()
    except SystemExit as ended:
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            raise
        # one of a group whose work is done: taking the group's threads down can end in an abort (seen once in dozens)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 0)
