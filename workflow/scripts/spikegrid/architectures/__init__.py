"""Architecture plug-ins: ``build(shape, classes, **parameters)`` returns a torch module.

``shape`` is that of an image, (channels, height, width); the module maps float images [batch, *shape] to
logits [batch, classes]. Weights are drawn from torch's global generator, which is seeded before the call.
"""
