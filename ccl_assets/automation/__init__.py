"""Jobs, sensors and schedules of the Dagster UI, and the versions of outside sources."""
