"""A judge that never touches a socket: results in, pages and pictures out.

``write_report(folder)`` is what others need, and ``widest_interval`` who has to know when a run is precise
enough. Importing this package loads pandas and matplotlib, about
a second: import it where a report is wanted, not at the top of a command line.
"""

from reports.analysis.precision import Widest, widest_interval
from reports.report import ReportFiles, write_report

__all__ = ["ReportFiles", "Widest", "widest_interval", "write_report"]
