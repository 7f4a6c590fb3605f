"""Times as the tables keep them, microseconds after 1970, as times of Python."""

import datetime as dt

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def utc(us: int) -> dt.datetime:
    """The time *us* microseconds after 1970, in UTC."""
    return EPOCH + dt.timedelta(microseconds=us)
