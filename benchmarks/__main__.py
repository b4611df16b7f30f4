"""Run the benchmarks, all or those named, print the table, and write results/benchmarks.csv and its figure."""

import argparse

from benchmarks import table

STEPS = ("extraction", "statistics", "training", "workflow", "scaling")


def main() -> None:
    """Run ``python -m benchmarks [step ...]``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="step", help=f"some of {', '.join(STEPS)}; all where none is named")
    chosen = parser.parse_args().steps or STEPS
    unknown = sorted(set(chosen) - set(STEPS))
    if unknown:
        parser.error(f"{unknown[0]} is no step; expected some of {', '.join(STEPS)}")
    table.run_steps([step for step in STEPS if step in chosen])


if __name__ == "__main__":
    main()
