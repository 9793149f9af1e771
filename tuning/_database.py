"""The database of a ledger: `connect` opens it, `shown` is its URL without the password."""

import contextlib
import importlib.util
import sqlite3
import threading
import time
import warnings
from pathlib import Path

from tuning import _device_checks, _faults

# Drivers for a URL that names none; which of them SQLAlchemy would take depends on its version.
POSTGRESQL = ("psycopg", "psycopg2")
# What SQLite's errors begin with where a file is no longer a database.
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_thread = threading.local()


def connect(url, *, heartbeat_interval, grace_period, patience):
    """Optuna's storage at `url`; its tables may be made by several processes at once.

    Args:
        url: SQLAlchemy URL.
        heartbeat_interval, grace_period: as `optuna.storages.RDBStorage` has them.
        patience: seconds for which SQLite waits for a lock.
    """
    from optuna.exceptions import ExperimentalWarning, StorageInternalError
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    local = url.startswith("sqlite")
    to_file = {"timeout": patience, "factory": _Connection}
    options = {"connect_args": to_file} if local else {"pool_pre_ping": True}
    for attempt in range(5):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                storage = RDBStorage(
                    _with_driver(url),
                    engine_kwargs=options,
                    heartbeat_interval=heartbeat_interval,
                    grace_period=grace_period,
                )
            break
        except ImportError:
            raise _device_checks.driver_missing(shown(url)) from None
        except (SQLAlchemyError, StorageInternalError) as error:
            problem = error if isinstance(error, SQLAlchemyError) else error.__cause__ or error
            _stop_where_damaged(getattr(problem, "orig", None), shown(url))
            # Another process may be creating the same tables.
            time.sleep(0.2 * (attempt + 1))
        except RuntimeError as error:
            raise _device_checks.other_tables(shown(url), error) from None
    else:
        raise _device_checks.unreachable(shown(url), problem) from None
    if local:
        _serialise(storage.engine)
    return storage


def shown(url):
    """A storage URL without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def _with_driver(url):
    """The URL with the name of a driver that is installed."""
    from sqlalchemy.engine import make_url

    parts = make_url(url)
    if parts.drivername != "postgresql":
        return url
    found = [name for name in POSTGRESQL if importlib.util.find_spec(name)]
    driver = found[0] if found else POSTGRESQL[0]
    return parts.set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)


@contextlib.contextmanager
def reading():
    """What this thread does inside only reads: it then takes no lock, and waits for none."""
    _thread.reads = True
    try:
        yield
    finally:
        _thread.reads = False


def _serialise(engine):
    """SQLite: a transaction that may write takes its lock at once, so that none fails half way."""
    from sqlalchemy import event

    path = engine.url.database or ":memory:"
    is_file = path != ":memory:" and not path.startswith("file:")

    @event.listens_for(engine, "do_connect")
    def never_create(dialect, record, arguments, options):
        # SQLite would begin an empty database where the file is away for a while.
        if is_file and not Path(path).exists():
            raise sqlite3.OperationalError(f"{path} is gone")

    @event.listens_for(engine, "begin")
    def begin(connection):
        only_reads = getattr(_thread, "reads", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "handle_error")
    def look_at(context):
        _stop_where_damaged(context.original_exception, path)


def _stop_where_damaged(error, database):
    """Waiting would not help."""
    if getattr(error, "sqlite_errorname", "").startswith(DAMAGED):
        raise _faults.damaged_database(database, error) from None


class _Connection(sqlite3.Connection):
    """Of SQLite: a transaction is written without waiting for the disk, and begins when we say."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.isolation_level = None  # the driver's own BEGIN would take the lock too late
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=NORMAL")
