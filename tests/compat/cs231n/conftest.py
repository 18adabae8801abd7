"""The scripts are no tests: they find their modules when `handgrad cs231n` runs them."""

collect_ignore = ["scripts"]
