"""Spike trains as neo objects, which elephant and others of neuroscience measure."""

import neo
import numpy as np
import quantities as pq

from spikegrid.trains import SpikeTrains


def neo_trains(trains: SpikeTrains, period: pq.Quantity = 1 * pq.ms) -> list[neo.SpikeTrain]:
    """Return the trains as neo.SpikeTrain, one for each unit, over N images that take a ``period`` > 0 each.

    A train goes from 0 to N periods, and a spike at image n lies in the middle of it, at (n + 1/2) periods: so bins and
    slices whose edges lie between images hold whole images. Rates are then spikes a period, intervals those of
    ``spikegrid.intervals`` in periods. Pitfall: the time is the order of images, which means nothing where it was drawn
    at random. Needs the package neo.
    """
    spikes = (np.flatnonzero(fired) for fired in trains.to_array())
    return [neo.SpikeTrain((images + 0.5) * period, t_stop=trains.length * period) for images in spikes]
