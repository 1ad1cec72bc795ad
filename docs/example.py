"""A service that hangs: two threads, two locks, the wrong order. `pitviper dump` shows where."""
import threading

accounts, journal = threading.Lock(), threading.Lock()
both_hold_one = threading.Barrier(2)


def transfer(amount, currency):
    with accounts:
        both_hold_one.wait()
        with journal:
            return amount, currency


def audit(year):
    entries = {"opened": 12, "closed": [3, 5]}
    with journal:
        both_hold_one.wait()
        with accounts:
            return year, entries


threading.Thread(target=audit, args=(2026,), name="auditor", daemon=True).start()
transfer(99.5, "€")
