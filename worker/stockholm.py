"""The time zone of the CRM and of Vitec: both write times by Stockholm's clock, mostly without an offset."""

from typing import Final
from zoneinfo import ZoneInfo

STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")
