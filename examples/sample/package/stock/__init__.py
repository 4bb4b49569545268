"""Stock keeping for a small warehouse."""

from .item import Item, Quantity
from .ledger import Ledger, Movement
from .orders import Order, OrderBook
from .warehouse import Warehouse

__all__ = ["Item", "Ledger", "Movement", "Order", "OrderBook", "Quantity", "Warehouse"]
