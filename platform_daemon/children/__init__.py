"""What runs in child processes, and how the primary starts and speaks to them.

`spawn` and `channel` are the primary's side; they import no numerical library. `worker` and `trainer` are process
mains; `framing` and `process` are known to both sides.
"""
