"""Whether a figure fits its page."""

from matplotlib.figure import Figure

from spikegrid.figures import style


def assert_within_page(figure: Figure) -> None:
    """Draw a figure and check that its legends, panels and the texts in them lie between its left and right edges."""
    figure.draw_without_rendering()
    assert figure.get_figwidth() * 25.4 <= style.FULL_WIDTH + 1e-6
    page = figure.bbox.padded(1)
    boxes = [part.get_tightbbox() for part in [*figure.legends, *figure.axes]]
    boxes += [text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text()]
    for box in boxes:
        assert page.containsx(box.x0)
        assert page.containsx(box.x1)
