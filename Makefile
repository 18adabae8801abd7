# Every target is a script; without make, call the script.
.PHONY: setup train test test-oldest check docs wheel ci
setup test test-oldest check docs wheel:
	scripts/$@
train:
	scripts/train $(ARGS)
ci:
	.ci/run
