"""The env as a PettingZoo ParallelEnv, for learners other than ours: one agent per intersection."""

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from leed_traffic.domain.situation import Situation
from leed_traffic.simulation.env.signal_env import SignalEnv

Observations = dict[str, NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]


class ParallelSignals(ParallelEnv[str, NDArray[np.float32], int]):  # type: ignore[misc]  # pettingzoo ships no types
    """One agent per intersection: observes the table of `domain/observation.py`, acts by naming the next stage.

    `infos[agent]["action_mask"]` names the stages that may be asked for; any other request is overruled by the
    envelope. An episode is one scenario hour and is truncated, never terminated.
    """

    metadata = {"name": "leed_signals_v0", "is_parallelizable": True, "render_modes": []}  # noqa: RUF012  # PettingZoo's name
    render_mode = None

    def __init__(self, env: SignalEnv, *, first_seed: int = 1) -> None:
        """Offer an env; each reset without a seed takes the next one from `first_seed` on."""
        self._env = env
        self._next_seed = first_seed
        self.possible_agents = [i.id for i in env.intersections]
        self.agents: list[str] = []
        self.observation_spaces = {
            spec.intersection: Box(
                np.array([entry.low for entry in spec.entries], dtype=np.float32),
                np.array([entry.high for entry in spec.entries], dtype=np.float32),
            )
            for spec in env.specs
        }
        self.action_spaces = {i.id: Discrete(i.n_stages) for i in env.intersections}

    def observation_space(self, agent: str) -> Box:
        """(D,) of one intersection."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """The stages of one intersection."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Begin an hour."""
        chosen = self._next_seed if seed is None else seed
        self._next_seed = chosen + 1
        self.agents = list(self.possible_agents)
        return self._views(self._env.reset(chosen))

    def step(
        self, actions: dict[str, int]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """One decision step; an agent without an action asks for nothing."""
        transition = self._env.step([actions.get(agent) for agent in self.possible_agents])
        observations, infos = self._views(transition.situation)
        rewards = {agent: float(reward) for agent, reward in zip(self.agents, transition.reward, strict=True)}
        terminated = dict.fromkeys(self.agents, False)
        truncated = dict.fromkeys(self.agents, transition.ended)
        if transition.ended:
            self.agents = []
        return observations, rewards, terminated, truncated, infos

    def close(self) -> None:
        """End the simulation."""
        self._env.close()

    def _views(self, situation: Situation) -> tuple[Observations, Infos]:
        sizes = [spec.size for spec in self._env.specs]
        observations = {a: situation.observation[n, : sizes[n]] for n, a in enumerate(self.possible_agents)}
        infos: Infos = {
            agent: {"action_mask": situation.legal[n, : self._env.intersections[n].n_stages].astype(np.int8)}
            for n, agent in enumerate(self.possible_agents)
        }
        return observations, infos
