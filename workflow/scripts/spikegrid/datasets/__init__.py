"""Dataset plug-ins: ``load(data_root, **parameters)`` returns an ImageSet.

``data_root`` is the folder where downloads lie. A source without a split of its own returns ``split=None``.
"""
