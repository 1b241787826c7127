"""What the daemon counts, for the device's owner: plain counters while it works, Prometheus' text format when asked.

No label and no value says anything about an example, an account or a context value; packages' names appear, since
only the owner can ask.
"""

from platform_daemon.metrics.calls import CallMetrics
from platform_daemon.metrics.exposition import CONTENT_TYPE, render
from platform_daemon.metrics.instruments import Counter, Family, Histogram, Kind, Sample, gauge

__all__ = ["CONTENT_TYPE", "CallMetrics", "Counter", "Family", "Histogram", "Kind", "Sample", "gauge", "render"]
