"""Predictions: worker processes, the models that they hold, and what a reference means."""
