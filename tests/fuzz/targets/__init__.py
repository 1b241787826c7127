"""One module for each parser of foreign bytes."""
