"""Draw rasters of the last thresholded layer of one architecture on one dataset."""

from spikegrid import spikes
from spikegrid.figures import style
from spikegrid.figures.raster import draw_raster
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    recordings = [spikes.load(path) for path in snakemake.input.spikes]
    style.save(draw_raster(recordings, runs, params.regimes), *output, names=snakemake.wildcards)
