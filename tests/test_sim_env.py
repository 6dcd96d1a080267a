"""The Gymnasium environment: its contract, its reward, its end."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from shapely.geometry import box

from fsmi import Explorer
from fsmi.sim.env import ENV_ID, ExplorationEnv
from fsmi.sim.worlds import finish

ROOM = finish(box(0, 0, 4, 3).difference(box(0.2, 0.2, 3.8, 2.8)), (0.0, 0.0, 4.0, 3.0))


def test_passes_the_checker() -> None:
    check_env(gymnasium.make(ENV_ID, kind="maze", resolution=0.25).unwrapped)
    check_env(gymnasium.make(ENV_ID, world=ROOM, render_mode="rgb_array").unwrapped)


def test_reward_is_the_entropy_removed_and_a_bump_costs() -> None:
    env = ExplorationEnv("office", bump=0.5)
    _, info = env.reset(seed=1, options={"world": 3})
    assert env.robot.world.seed == 3
    after = info
    for action in ((1.0, 0.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0)):
        before = after
        _, reward, _, _, after = env.step(np.array(action, dtype=np.float32))
        bumps = after["collisions"] - before["collisions"]
        assert reward == pytest.approx((before["entropy"] - after["entropy"]) / 1000 - 0.5 * bumps)
    assert after["collisions"] >= 1
    assert 0.0 < after["coverage"] < 1.0
    assert after["travelled"] <= 4.0


def test_same_seed_same_episode() -> None:
    ends = []
    for _ in range(2):
        env = ExplorationEnv("maze")
        env.reset(seed=5)
        for k in range(4):
            seen, *_ = env.step(np.array([1.0, -0.5 * k], dtype=np.float32))
        ends.append(seen)
    np.testing.assert_array_equal(ends[0]["map"], ends[1]["map"])
    np.testing.assert_array_equal(ends[0]["pose"], ends[1]["pose"])


def test_ends_by_coverage_or_by_steps() -> None:
    env = ExplorationEnv(world=ROOM)
    env.reset(seed=0)
    *_, ended, cut, info = env.step(np.zeros(2, dtype=np.float32))
    assert ended
    assert not cut
    assert info["coverage"] >= 0.99
    short = ExplorationEnv("office", max_steps=2)
    short.reset(seed=0)
    assert [short.step(np.zeros(2, dtype=np.float32))[3] for _ in range(2)] == [False, True]


def test_the_explorer_can_drive_it() -> None:
    env = ExplorationEnv("maze", resolution=0.1)
    _, info = env.reset(seed=0, options={"world": 0})
    explorer = Explorer(env.sensor, robot_radius=0.2)
    first = info["coverage"]
    for _ in range(12):
        plan = explorer.plan(env.grid, info["pose"])
        if plan.finished:
            break
        way = plan.path[min(1, len(plan.path) - 1), :2] - info["pose"][:2]
        action = way / max(1.0, float(np.abs(way).max()))
        *_, info = env.step(action.astype(np.float32))
    assert info["coverage"] > 1.5 * first
    assert info["collisions"] == 0


def test_pictures_show_the_robot() -> None:
    env = ExplorationEnv(world=ROOM, render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert picture.shape == (60, 80, 3)
    assert (picture == (214, 39, 40)).all(axis=2).sum() > 20
    assert ExplorationEnv(world=ROOM).render() is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"render_mode": "human"}, "render_mode is 'human'"),
        ({"step": 0.0}, "step is 0"),
        ({"kind": "palace"}, "kind is 'palace'"),
    ],
)
def test_bad_options_are_named(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ExplorationEnv(**options)
