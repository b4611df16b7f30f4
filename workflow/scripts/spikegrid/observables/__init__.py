"""Observable plug-ins: ``observe(artefacts, **parameters)`` maps the artefacts of one run to tidy tables.

``artefacts`` holds the path of each artefact that the literal ``READS`` names: ``spikes``, ``checkpoints``,
``history``. The plug-in returns a table with the columns of ``spikegrid.features.COLUMNS`` and, where the literal
``UNITS`` is true, a table of per-unit values beside it.
"""
