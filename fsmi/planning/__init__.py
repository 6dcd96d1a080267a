"""Where to go next: frontiers, paths, the explorer, teams."""
