"""A judge that never touches a socket: results in, pages and pictures out.

``write_report(folder)`` is all that others need. Importing this package loads pandas and matplotlib, about
a second: import it where a report is wanted, not at the top of a command line.
"""

from reports.report import ReportFiles, write_report

__all__ = ["ReportFiles", "write_report"]
