"""A mapping turns an export with a CRM's own headings and words into one with the documented ones, before anything else sees it."""

from worker.mapping.applying import map_export
from worker.mapping.faults import MappingFault, MappingRefused
from worker.mapping.loading import parse_mapping, read_mapping
from worker.mapping.model import RESULT_COLUMNS, ExportMapping, ResultsNames

__all__ = [
    "RESULT_COLUMNS",
    "ExportMapping",
    "MappingFault",
    "MappingRefused",
    "ResultsNames",
    "map_export",
    "parse_mapping",
    "read_mapping",
]
