"""Clinical notes from outside: documents, their codes and their evidence spans."""
