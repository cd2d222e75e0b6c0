"""Every step of a recipe has one place."""

from dataclasses import replace

import pytest

from interim.training.place import place_of, total_steps
from interim.training.recipe import Recipe


def test_phases_follow_each_other(recipe: Recipe) -> None:
    """Epochs count on through the phases, steps begin anew in each."""
    places = [place_of(step, recipe, 2) for step in range(total_steps(recipe, 2))]
    assert [(p.phase.name, p.epoch, p.step, p.phase_step) for p in places] == [
        ("dense", 0, 0, 0),
        ("dense", 0, 1, 1),
        ("adaptive", 1, 0, 0),
        ("adaptive", 1, 1, 1),
    ]


def test_there_is_nothing_beyond_the_last_step(recipe: Recipe) -> None:
    """A step too many is an error, not the last place again."""
    with pytest.raises(IndexError, match="beyond the recipe's 2 epochs"):
        place_of(4, recipe, 2)


def test_scenes_end_where_the_recipe_says(recipe: Recipe) -> None:
    """The last part of a phase sees real images only."""
    phase = replace(recipe.phases[0], scenes_share=0.2, scenes_until=0.5, epochs=10)
    places = [place_of(step, replace(recipe, phases=(phase,)), 1) for step in range(10)]
    assert [place.scenes_share for place in places] == [0.2] * 5 + [0.0] * 5


def test_masks_come_on_and_let_dense_steps_through(recipe: Recipe) -> None:
    """After the share that the phase names, but for every so many-th step; never in a phase without them."""
    phase = replace(recipe.phases[1], masked_from=0.4, dense_every=3, epochs=10)
    places = [place_of(step, replace(recipe, phases=(phase,)), 1) for step in range(10)]
    assert [place.phase_step for place in places if place.masked] == [4, 5, 7, 8]
    assert [place_of(step, recipe, 2).masked for step in range(4)] == [False, False, True, True]
