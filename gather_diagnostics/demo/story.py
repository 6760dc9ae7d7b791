"""What happens in the staged incident: commits, deploys, errors - and which change is to blame.

Times are minutes before the onset (negative: after it), so a story can be moved along the clock as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SERVICE = "checkout"
HOME = "services/checkout"


@dataclass(frozen=True, slots=True)
class Commit:
    minutes: float
    """Before the onset."""
    author: str
    message: str
    files: Mapping[str, str]
    """Path to whole new content."""


@dataclass(frozen=True, slots=True)
class Deploy:
    minutes: float
    """Before the onset."""
    tag: str
    author: str = "Deploy Bot"


@dataclass(frozen=True, slots=True)
class Story:
    commits: tuple[Commit, ...]
    deploys: tuple[Deploy, ...]
    """Each ships every commit before it."""
    error: str
    """The error text that begins at the onset; may span lines."""
    onset_minutes: float = 23.0
    """How long before now the onset lies."""
    planted: str = ""
    """Tag or first line of the commit message that is to blame; empty: no change is."""
    alert: str = "CheckoutErrorBudgetBurn: 5xx ratio of checkout above 5 % for 10 minutes"


POOL_BEFORE = """\
from app.settings import POOL_SIZE

_pool = create_pool(size=POOL_SIZE, recycle=300)


def connection():
    return _pool.acquire(timeout=5.0)
"""
POOL_AFTER = """\
from app.settings import POOL_SIZE


def connection():
    # One pool per caller keeps slow callers apart.
    pool = create_pool(size=POOL_SIZE, recycle=300)
    return pool.acquire(timeout=2.0)
"""
POOL_ERROR = """\
order could not be placed: PoolTimeout: no connection from pool "orders" within 2.0 s
Traceback (most recent call last):
  File "/app/services/checkout/app/handlers/order.py", line 58, in place_order
    with db.connection() as connection:
  File "/app/services/checkout/app/db/pool.py", line 7, in connection
    return pool.acquire(timeout=2.0)
PoolTimeout: no connection from pool "orders" within 2.0 s"""

HISTORY = (
    Commit(14400, "Amara Okafor", "Start the checkout service", {f"{HOME}/app/db/pool.py": POOL_BEFORE}),
    Commit(14380, "Amara Okafor", "Place orders", {f"{HOME}/app/handlers/order.py": "def place_order(cart): ...\n"}),
    Commit(14000, "Jonas Weber", "cart: keep items for a week", {"services/cart/app/items.py": "TTL_DAYS = 7\n"}),
    Commit(
        10100, "Priya Nair", "Deploy checkout with four replicas", {"deploy/checkout/values.yaml": "replicaCount: 4\n"}
    ),
    Commit(
        7200,
        "Priya Nair",
        "Round prices per line (#812)",
        {f"{HOME}/app/pricing.py": "def total(cart):\n    return 0\n"},
    ),
    Commit(4300, "Jonas Weber", "Tests for rounding", {f"{HOME}/tests/test_pricing.py": "def test_total(): ...\n"}),
    Commit(
        700, "Amara Okafor", "Show delivery slots in the summary (#845)", {f"{HOME}/app/summary.py": "SLOTS = True\n"}
    ),
)
HISTORY_DEPLOYS = (
    Deploy(10000, "checkout-v2.12.0"),
    Deploy(4000, "checkout-v2.13.0"),
    Deploy(640, "checkout-v2.14.0"),
)

STORY = Story(
    commits=(
        *HISTORY,
        Commit(
            95,
            "Jonas Weber",
            "Log slow requests at WARNING",
            {f"{HOME}/config/logging.yaml": "level: INFO\nslow: WARNING\n"},
        ),
        Commit(
            48,
            "Amara Okafor",
            "Give each caller its own connection pool (#851)",
            {f"{HOME}/app/db/pool.py": POOL_AFTER},
        ),
        Commit(
            41, "Priya Nair", "Translate the receipt (#852)", {f"{HOME}/app/receipt.py": "TITLE = {'de': 'Beleg'}\n"}
        ),
        Commit(9, "Jonas Weber", "cart: drop the legacy endpoint", {"services/cart/app/routes.py": "ROUTES = ()\n"}),
        Commit(-6, "Priya Nair", "README: how to run the tests", {f"{HOME}/README.md": "Run `make test`.\n"}),
    ),
    deploys=(
        *HISTORY_DEPLOYS,
        Deploy(8, "cart-v1.9.3"),
        Deploy(3, "checkout-v2.14.1"),
    ),
    error=POOL_ERROR,
    planted="checkout-v2.14.1",
)
