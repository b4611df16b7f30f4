"""Regime plug-ins: ``prepare(training_set, classes, generator, **parameters)`` returns what a network is trained on.

``training_set`` is a ``spikegrid.images.TrainingSet`` of all training images with their true labels; ``classes`` is
their number; ``generator`` is a numpy Generator that belongs to the run and seed. The plug-in returns a TrainingSet:
other labels, other images, or fewer. A regime may fix training settings in the literal ``TRAINING``, and the
literal ``SERIES`` names what it is a dose of: ``label_noise`` or ``training_size``.

A regime that shows other images, in training and in test, has a second function
``alter(images, generator, **parameters)``. It gets a whole ``spikegrid.images.ImageSet`` and a numpy Generator of its
own for the run and seed. It returns what stands in the place of ``images.images``: an array of that shape, uint8, or
float32 in the same unit. ``prepare`` gets its training set from these images, networks are tested on them, and they are
presented to them.
"""
