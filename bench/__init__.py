"""Measurements side by side, in one session: ratios, since machines differ and are shared."""
