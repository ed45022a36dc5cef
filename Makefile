# Each verb is a line or two that you could type yourself. It works with the
# make that comes with macOS (3.81) and needs nothing but a POSIX shell.

scripts := harness/scripts

.PHONY: help matrix test doctor docs serve refresh bench mutants clean go
.DEFAULT_GOAL := help

help:
	@echo 'The verbs (N is the number of a step, such as 2):'
	@echo
	@sed -n 's/^## /  make /p' Makefile
	@echo
	@echo 'New here? Try make doctor, then make matrix. README.md says what you will see.'

go:
	@command -v go >/dev/null || { echo 'Go is not installed, or not in the PATH. make doctor says more.' >&2; exit 1; }

## matrix    break every step on purpose and print the grid of what held
matrix: go
	@go run ./harness matrix

## test      all tests, and the checks of formatting, layout and documents
test: go
	@sh $(scripts)/test.sh

## step-N    the tests of step N, and its column of the matrix
step-%: go
	@sh $(scripts)/step.sh $* >/dev/null
	@sh $(scripts)/test.sh $*
	@go run ./harness matrix -steps $*

## run-N     start step N and open its shell (ctrl-D leaves it)
run-%: go
	@dir=$$(sh $(scripts)/step.sh $*) && go run ./$$dir

## diff-N    what step N changed in the recipe, and which packages it added
diff-%: go
	@sh $(scripts)/diff.sh $*

## doctor    does this machine have what is needed?
doctor:
	@sh $(scripts)/doctor.sh

## docs      build the site into site/
docs:
	@sh $(scripts)/mkdocs.sh build

## serve     show the site on http://127.0.0.1:8000/, or make serve PORT=8001
PORT = 8000
serve:
	@sh $(scripts)/mkdocs.sh serve $(PORT)

## refresh   rewrite the listings and outputs in the documents from the sources
refresh: go
	@go run ./harness/listings -refresh

## bench     measure the steps side by side with something bare
bench: go
	@go run ./harness bench

## mutants   plant every known bug and see that the harness catches it
mutants: go
	@go run ./harness mutants

## clean     remove what was built, here and in the user's cache directory
clean:
	rm -rf .build bin site
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/zeyrho" "$$HOME/Library/Caches/zeyrho"
