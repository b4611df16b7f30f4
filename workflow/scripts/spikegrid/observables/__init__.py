"""Observable plug-ins: ``observe(artefacts, **parameters)`` maps the artefacts of one run to tidy tables.

``artefacts`` holds the path of each artefact that the literal ``READS`` names: ``spikes``, ``checkpoints``,
``history``. The plug-in returns a table with the columns of ``spikegrid.features.COLUMNS``; or, where the literal
``TABLES`` names further tables, a dictionary of that table, as ``features``, and of those. Two literals list
patterns of names of its features: ``LABELS``, those that need the labels of the images, and ``RATES``, those that under
their null hold nothing which the firing rates do not.
"""
