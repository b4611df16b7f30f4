"""Regime plug-ins: ``prepare(images, labels, classes, generator, **parameters)`` returns what a network is trained on.

``images`` uint8 [n, C, H, W] and ``labels`` int16 [n] are the training set; ``generator`` is a numpy Generator that
belongs to the run. The plug-in returns images and labels of the same shapes. A regime may fix training settings in the
literal ``TRAINING``.
"""
