"""Instructional notes: the codes they name, and look-ups of what is in force at a code."""
