"""Labels that networks are trained on."""

NOT_SHOWN = -1
"""Label of a training image of the dataset that a network was not trained on."""
