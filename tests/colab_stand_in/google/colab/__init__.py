"""Stands in for the module that Colab has imported when a notebook's kernel starts."""
