"""Figures: one module each, with one public function that takes tables or spikes and returns a matplotlib Figure.

``style`` holds what all share: sizes, fonts, the look of each regime, how a figure is saved. ``networks`` says which
networks and layers a figure shows, ``curves`` draws values over training.
"""
