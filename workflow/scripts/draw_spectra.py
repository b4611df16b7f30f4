"""Draw the spectra of principal components of the last layer, for one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.networks import final_units
from spikegrid.figures.spectra import draw_spectra
from spikegrid.job import logged
from spikegrid.tables import at_last_epoch, final_accuracies, join_features, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    spectra = final_units(snakemake.input.spectra, runs)
    features = at_last_epoch(join_features(snakemake.input.features, runs))
    style.save(draw_spectra(spectra, features, params.regimes), *output, names=snakemake.wildcards)
