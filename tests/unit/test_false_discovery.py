"""Adjusted p-values against scipy."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from spikegrid.false_discovery import benjamini_hochberg


@given(p_values=st.lists(st.one_of(st.floats(0, 1), st.just(np.nan), st.sampled_from([0.01, 0.05, 1.0])), max_size=40))
@example(p_values=[])
@example(p_values=[np.nan, np.nan])
@example(p_values=[0.0, np.nan, 1.0])
def test_benjamini_hochberg_equals_that_of_scipy_on_the_tests_which_were_made(p_values):
    p_values = np.array(p_values, float)
    made = ~np.isnan(p_values)
    adjusted = benjamini_hochberg(p_values)
    np.testing.assert_array_equal(np.isnan(adjusted), ~made)
    if made.any():
        expected = stats.false_discovery_control(p_values[made], method="bh")
        np.testing.assert_allclose(adjusted[made], expected, rtol=1e-12)


def test_benjamini_hochberg_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        benjamini_hochberg(np.array([0.2, 1.1, np.nan]))
