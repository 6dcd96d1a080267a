"""Privacy funnels: releases that keep utility and hold leakage under a budget."""
