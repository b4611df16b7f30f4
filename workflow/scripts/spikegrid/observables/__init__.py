"""Observable plug-ins: ``observe(artefacts, **parameters)`` maps the artefacts of one run to tidy tables.

``artefacts`` holds the path of each artefact that the literal ``READS`` names: ``spikes``, ``checkpoints``,
``history``, ``dataset``; and under the name of each parameter of the format ``dataset`` the path of the image set that
it names. The plug-in returns a table with the columns of ``spikegrid.features.COLUMNS``; or, where the literal
``TABLES`` names further tables, a dictionary of that table, as ``features``, and of those. Two literals hold patterns
of names of its features: ``LABELS`` lists those that need the labels of the images; ``CAVEATS`` has those by their
caveat that are stable indicators with a caveat at best. The built-in observables know two: ``bound to rates``, it
changes when the units' firing rates alone change, and ``not learned``, it differs before any training.
The literal ``SHOWN`` is ``train`` or ``test`` where the plug-in chooses its images itself and reads no spikes. The
literal ``EPOCHS`` is ``last`` where it measures networks at the end of training alone, and has no course over it.
"""
