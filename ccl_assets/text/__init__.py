"""Words and places in notes: folding, distinguishing words, sides, tokens, windows, sections, grounding. Pure; knows no release."""
