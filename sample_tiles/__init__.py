"""Drawn scenes with labels, and the generator that draws them."""
