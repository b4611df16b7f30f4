"""Regime plug-ins: ``prepare(training_set, classes, generator, **parameters)`` returns what a network is trained on.

``training_set`` is a ``spikegrid.images.TrainingSet`` of all training images with their true labels; ``classes`` is
their number; ``generator`` is a numpy Generator that belongs to the run and seed. The plug-in returns a TrainingSet:
other labels, other images, or fewer. A regime may fix training settings in the literal ``TRAINING``, and the
literal ``SERIES`` names what it is a dose of: ``label_noise`` or ``training_size``.
"""
