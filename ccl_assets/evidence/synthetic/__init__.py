"""The synthetic tier: evidence written for codes that neither index nor notes cover."""
