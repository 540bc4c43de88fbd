"""Schedules; off until somebody switches them on."""

import dagster as dg

from ccl_assets.automation.jobs import release_check

october_and_april = dg.ScheduleDefinition(
    name="october_and_april_release_check",
    job=release_check,
    cron_schedule="0 6 2-8 4,10 *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="On the mornings after October 1 and April 1: is the active release the one in force? A failed run names the one "
    "that is due and what to do. Nothing is fetched: addresses change every year, and the differences are worth a look first.",
)

SCHEDULES = [october_and_april]
