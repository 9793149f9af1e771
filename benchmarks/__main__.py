"""Run a benchmark by name: `python -m benchmarks training`; without a name, list them."""

import importlib
import os
import pkgutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow leaves its fast convolutions off on CPUs of AMD; both sides of a benchmark get them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import benchmarks


def main(arguments):
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.name.startswith("_")
    )
    if not arguments or arguments[0] not in names:
        print("usage: python -m benchmarks NAME, where NAME is one of:")
        for name in names:
            summary = importlib.import_module(f"benchmarks.{name}").__doc__.splitlines()[0]
            print(f"  {name:<16} {summary}")
        return 2 if arguments else 0
    return importlib.import_module(f"benchmarks.{arguments[0]}").main(*arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
