"""The project's own small, open corpus.

``notes/`` holds what people edit: invented notes with their evidence marked up. ``files/`` holds what is loaded: the
same notes compiled into the layouts of MIMIC-IV, MIMIC-III and MDACE, so that the sample is read by the code that reads
real data.
"""

from pathlib import Path

NOTES = Path(__file__).parent / "notes"
FILES = Path(__file__).parent / "files"
