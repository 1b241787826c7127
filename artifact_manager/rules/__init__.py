"""The rules that a plan keeps, one module for each part of it. Importing the package registers them."""

from artifact_manager.rules import feeds, identity, inference, parameters, query, training
from artifact_manager.rules.registry import checks, covered

__all__ = ["checks", "covered", "feeds", "identity", "inference", "parameters", "query", "training"]
