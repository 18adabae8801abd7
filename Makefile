.PHONY: setup test check
setup:
	scripts/setup
test:
	scripts/test
check:
	scripts/check
