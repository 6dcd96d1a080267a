"""Exploration planning: frontiers, paths, gains, strategies, the explorer and teams."""
