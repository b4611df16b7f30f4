"""spikegrid against what researchers do today, as ratios of one run: ``make bench``."""
