"""Map files and messages of other tools."""
