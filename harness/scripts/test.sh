#!/bin/sh
# usage: test.sh [N]
# Runs the tests and checks of everything, or of step N. A check that passes
# says so in a line; one that fails shows what it found, and the others run on.
set -eu

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
here=$(dirname "$0")

tree=.
if [ $# -gt 0 ]; then
	tree=$(sh "$here/step.sh" "$1")
fi
failed=0

# What the tests leave in the directory for temporary files when they are
# interrupted goes with it. Its name stays the same from run to run, or go would
# not know the results of tests again that have looked it up.
TMPDIR=${TMPDIR:-/tmp}
TMPDIR=${TMPDIR%/}/zeyrho-test-$(pwd | cksum | cut -d ' ' -f 1)
mkdir -p "$TMPDIR"
export TMPDIR
trap 'rm -rf "$TMPDIR"; exit 130' INT TERM

check() { # NAME, ADVICE, COMMAND...: quiet unless it fails
	name=$1 advice=$2
	shift 2
	if found=$("$@" 2>&1); then
		printf '%-12s ok\n' "$name"
	else
		printf '%-12s FAILED\n%s\n' "$name" "$found"
		if [ -n "$advice" ]; then echo "$advice"; fi
		failed=1
	fi
}

formatted() {
	list=$(git ls-files -- "$tree" | grep '\.go$' | while read -r f; do [ ! -f "$f" ] || echo "$f"; done | xargs gofmt -l)
	[ -z "$list" ] || { echo "$list"; return 1; }
}

# The race detector needs a C compiler on Linux. Whether it works is found out
# by trying; the result is kept by go's build cache.
race=-race
if ! why=$(go build -race -o /dev/null ./steps/01-map 2>&1); then
	race=
	if go build -o /dev/null ./steps/01-map 2>/dev/null; then
		echo 'The race detector does not work here, so the tests run WITHOUT it:'
		echo "$why" | sed 's/^/  /'
		echo '  It needs a C compiler; make doctor says how to get one.'
	fi
fi

check gofmt "These files are not formatted; mend them with gofmt -w FILE." formatted
check vet '' go vet "./$tree/..."
if [ "$tree" = . ]; then
	# The first proxy is what was downloaded before, so that only the first run
	# needs the network.
	proxies="file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)"
	check modules 'Run go mod tidy.' env GOPROXY="$proxies" GOFLAGS=-mod=mod go mod tidy -diff
	check staticcheck '' env GOPROXY="$proxies" go run "$staticcheck" ./...
fi

# Packages without tests are left out: they would only make noise.
packages=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "./$tree/...")
printf '%-12s %s\n' tests "${race:+with the race detector}"
# shellcheck disable=SC2086 # the lists are meant to be split
go test $race $packages || failed=1

rmdir "$TMPDIR" 2>/dev/null || true # others may be at work in it

if [ $failed -ne 0 ]; then
	echo
	echo 'FAILED: see above.'
fi
exit $failed
