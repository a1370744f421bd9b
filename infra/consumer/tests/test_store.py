import sqlite3
import tempfile
import unittest
from pathlib import Path

import support
from store_contract import StoreContract

from outcome import Outcome
from store import SqliteStore


class OnSqlite(StoreContract, unittest.TestCase):
    def setUp(self):
        self.store = SqliteStore()

    def test_what_is_kept_outlives_the_process(self):
        first, second = map(Outcome.of, support.story()[:2])
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "outcomes.db")
            SqliteStore(path).keep(second)
            self.assertFalse(SqliteStore(path).keep(first))
            self.assertTrue(SqliteStore(path).keep(second))

    def test_a_column_of_32_bits_fails_loudly(self):
        # As a database that clamps what does not fit would store it.
        clamped = support.numbered(support.story()[0], support.STORY, 2**31 - 1)
        with self.assertRaises(sqlite3.IntegrityError):
            self.store.keep(Outcome.of(clamped))


if __name__ == "__main__":
    unittest.main()
