"""Simulation: worlds, a lidar, the closed loop of exploration, pictures of it."""
