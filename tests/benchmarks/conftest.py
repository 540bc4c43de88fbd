"""Modules of ``benchmarks/span_to_code`` are imported by their bare names, as that benchmark imports them itself."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks" / "span_to_code"))
