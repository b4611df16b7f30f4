"""The table of a run of the benchmarks: printed, as csv, and as a figure."""
