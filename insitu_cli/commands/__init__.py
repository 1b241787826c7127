"""One module for each command of `insitu`; `command` is what the root adds."""
