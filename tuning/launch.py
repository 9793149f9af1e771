"""Run a script's searches in several processes, here or on several machines.

    python -m tuning.launch --workers 4 my_search.py
    python -m tuning.launch --workers 4 --storage postgresql://me@host/studies my_search.py

The script is an ordinary one that calls `search`; what is given here stands for the arguments
`workers` and `storage` where the script does not give them. The same second line on another machine
joins the study; each machine may come and go.
"""

import argparse
import os
import runpy
import sys
from pathlib import Path

from tuning import _checks, _device_checks


def main(arguments=None):
    """Read the command line, then run the script as `python script.py` would."""
    parser = argparse.ArgumentParser(
        prog="python -m tuning.launch", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--workers", type=int, default=1, help="processes on this machine")
    parser.add_argument("--storage", help="URL of the database that all machines share")
    parser.add_argument("script", help="a Python file that calls search")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the script")
    given = parser.parse_args(arguments)

    os.environ["TUNING_WORKERS"] = str(_checks.count("workers", given.workers))
    if given.storage:
        os.environ["TUNING_STORAGE"] = str(_device_checks.storage(given.storage))
    sys.argv = [given.script, *given.rest]
    sys.path[0] = str(Path(given.script).resolve().parent)
    runpy.run_path(given.script, run_name="__main__")


if __name__ == "__main__":
    main()
