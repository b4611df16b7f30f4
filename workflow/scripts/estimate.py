"""Print what a grid will cost before it starts: ``make estimate CONFIG=my_grid.yaml``."""

from spikegrid.estimate import main

if __name__ == "__main__":
    main()
