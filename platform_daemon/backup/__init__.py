"""Backups of a whole state folder: taken while the daemon serves, sealed by it, restored where no daemon runs.

container.py   the file: a passphrase, a header, sealed chunks
contents.py    what the chunks hold: pieces, in order
snapshot.py    the state folder as of one moment, as pieces
sessions.py    a backup under way, page by page
unpacking.py   pieces become a folder
decisions.py   what the owner has decided since holds on
swap.py        one folder takes the place of another
restore.py     the steps from a file to a state folder
"""
