"""Figures: one module each, with one public function that takes tables or spikes and returns a matplotlib Figure.

``style`` holds what all share: sizes, fonts, the look of each regime, and how a figure is saved. ``networks`` says which
networks a figure averages, ``curves`` draws them against training.
"""
