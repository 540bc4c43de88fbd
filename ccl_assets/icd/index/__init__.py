"""The Alphabetic Index and its tables: terms, and cross-references resolved to terms."""
