"""Orders of presentation: permutations that belong to the network and the images, not to the spike file."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from spikegrid import spikes
from spikegrid.orders import orders_by_seed, presentation_order

ORDERS = ["random", "class_blocked", "given"]
NETWORK = ("digits", "mlp", "memorizing", 3)

images = st.integers(0, 120).flatmap(
    lambda count: st.tuples(
        st.lists(st.integers(0, 10_000), min_size=count, max_size=count, unique=True).map(np.array),
        st.lists(st.sampled_from([0, 1, 2, 7]), min_size=count, max_size=count).map(lambda x: np.array(x, np.int16)),
    )
)


@pytest.mark.parametrize("order", ORDERS)
@given(pair=images)
def test_order_holds_every_place_once(order, pair):
    index, labels = pair
    places = presentation_order(order, index, labels, *NETWORK)
    assert places.dtype == np.int64
    assert sorted(places.tolist()) == list(range(len(index)))


@pytest.mark.parametrize("order", ORDERS)
@given(pair=images, seed=st.integers(0, 2**32))
def test_order_of_images_does_not_depend_on_the_order_of_the_file(order, pair, seed):
    index, labels = pair
    file = np.random.default_rng(seed).permutation(len(index))
    shown = index[presentation_order(order, index, labels, *NETWORK)]
    shown_from_file = index[file][presentation_order(order, index[file], labels[file], *NETWORK)]
    np.testing.assert_array_equal(shown_from_file, shown)


@given(pair=images)
def test_given_order_is_that_of_the_dataset(pair):
    index, labels = pair
    shown = index[presentation_order("given", index, labels, *NETWORK)]
    np.testing.assert_array_equal(shown, np.sort(index))
    assert presentation_order("given", index, labels).tolist() == presentation_order("given", index, labels, 1).tolist()


@given(pair=images)
def test_class_blocked_order_is_sorted_by_class_and_is_the_random_order_within_one(pair):
    index, labels = pair
    blocked = presentation_order("class_blocked", index, labels, *NETWORK)
    np.testing.assert_array_equal(labels[blocked], np.sort(labels))
    shuffled = presentation_order("random", index, labels, *NETWORK)
    for label in np.unique(labels):
        members = [place for place in shuffled.tolist() if labels[place] == label]
        assert [place for place in blocked.tolist() if labels[place] == label] == members


@pytest.mark.parametrize("order", ["random", "class_blocked"])
def test_every_network_has_an_order_of_its_own_that_repeats(order):
    index, labels = np.arange(40), np.arange(40) % 4
    networks = [
        (dataset, architecture, regime, seed)
        for dataset in ("digits", "mnist")
        for architecture in ("mlp", "cnn")
        for regime in ("memorizing", "generalizing")
        for seed in range(3)
    ]
    orders = {tuple(presentation_order(order, index, labels, *network).tolist()) for network in networks}
    assert len(orders) == len(networks) == 24
    again = {tuple(presentation_order(order, index, labels, *network).tolist()) for network in networks}
    assert again == orders


def test_random_order_does_not_know_the_labels():
    index = np.arange(50)[::-1]
    one, other = (presentation_order("random", index, labels, *NETWORK) for labels in (index % 3, np.zeros(50)))
    np.testing.assert_array_equal(one, other)


def test_random_orders_of_networks_are_uniform_over_all_orders():
    index, labels = np.array([4, 0, 9, 2]), np.zeros(4)
    drawn = Counter(tuple(presentation_order("random", index, labels, "dots", seed).tolist()) for seed in range(2400))
    counts = [drawn[order] for order in permutations(range(4))]
    assert len(counts) == math.factorial(4)
    assert chisquare(counts).pvalue > 1e-4


def test_random_order_within_a_class_is_random():
    index, labels = np.arange(30), np.repeat([1, 0, 2], 10)
    firsts = [presentation_order("class_blocked", index, labels, "dots", seed)[0] for seed in range(1000)]
    assert set(firsts) <= set(range(10, 20))
    assert chisquare(np.bincount(firsts, minlength=20)[10:]).pvalue > 1e-4


@pytest.mark.parametrize("order", ["randomly", "", None, "class", 3])
def test_another_order_is_refused_with_those_that_there_are(order):
    with pytest.raises(ValueError, match=f"order is {order!r}; expected random, class_blocked or given"):
        presentation_order(order, np.arange(3), np.arange(3), *NETWORK)


def test_orders_of_a_spike_file_are_those_of_its_networks(write_spikes):
    rng = np.random.default_rng(0)
    index, labels = rng.permutation(1000)[:29].astype(np.int32), rng.integers(0, 4, 29).astype(np.int16)
    path = write_spikes({"hidden": rng.random((3, 1, 29, 5)) < 0.5}, index=index, labels=labels)
    with spikes.load(path) as run_spikes:
        orders = orders_by_seed(run_spikes, iter(ORDERS))
    assert list(orders) == [0, 1, 2]
    for seed, places in orders.items():
        assert list(places) == ORDERS
        for order in ORDERS:
            expected = presentation_order(order, index, labels, "dots", "net", "generalizing", seed)
            np.testing.assert_array_equal(places[order], expected)
    assert orders[0]["given"].tolist() == orders[1]["given"].tolist()
    assert orders[0]["random"].tolist() != orders[1]["random"].tolist()


def test_numbers_of_seeds_of_any_integer_type_give_the_same_order():
    index = np.arange(20)
    expected = presentation_order("random", index, index, "dots", 3).tolist()
    for seed in (np.int32(3), np.int64(3), "3"):
        assert presentation_order("random", index, index, "dots", seed).tolist() == expected


def test_chance_of_one_order_is_not_common_to_all_networks():
    """Half the images fire; when the first half of the random order fires most differs from network to network."""
    fires, index = np.arange(200) < 100, np.arange(200)
    places = [presentation_order("random", index, index % 2, "dots", seed) for seed in range(300)]
    early = np.array([fires[order][:100].sum() for order in places])
    z = (early - 50) / np.sqrt(100 * 0.25 * 100 / 199)
    jittered = z + np.random.default_rng(0).uniform(-0.5, 0.5, 300) / np.sqrt(100 * 0.25 * 100 / 199)
    assert kstest(jittered, "norm").pvalue > 1e-3
