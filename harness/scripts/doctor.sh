#!/bin/sh
# Says whether this machine has what the project needs, and what to do about
# what is missing. It must run where nothing is installed, hence plain sh.
# The exit status is 0 if everything needed is there.
set -eu
cd "$(dirname "$0")/../.."

missing=0

good() { printf '  ok       %-12s %s\n' "$1" "$2"; }
bad() { # needed, and not there
	printf '  MISSING  %-12s %s\n' "$1" "$2"
	missing=1
}
could() { printf '  optional %-12s %s\n' "$1" "$2"; }
note() { printf '  %-21s %s\n' '' "$1"; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_least A B: whether version A is B or later, by its first two numbers.
at_least() {
	awk -v a="$1" -v b="$2" 'BEGIN {
		split(a, x, "."); split(b, y, ".")
		exit !(x[1] + 0 > y[1] + 0 || (x[1] + 0 == y[1] + 0 && x[2] + 0 >= y[2] + 0))
	}'
}

system() {
	case $(uname -s) in
	Linux)
		if grep -qi microsoft /proc/version 2>/dev/null; then
			good system 'Linux in WSL'
			case $PWD in /mnt/*)
				note 'This folder is on a Windows disk, where files cannot be mapped'
				note 'and locked as step 02 needs it. Clone into your Linux home instead.'
				missing=1
				;;
			esac
		else
			good system Linux
		fi
		;;
	Darwin) good system macOS ;;
	MINGW* | MSYS* | CYGWIN*)
		bad system 'Windows'
		note 'Use WSL2: run "wsl --install" in PowerShell, then clone inside of it.'
		;;
	*)
		could system "$(uname -s): only Linux and macOS are tried; it may well work"
		;;
	esac
}

golang() {
	want=$(awk '$1 == "go" { print $2 }' go.mod)
	if ! have go; then
		bad go "needed: version $want or later"
		note 'Get it from https://go.dev/dl/ and open a new terminal.'
		return
	fi
	got=$(cd / && GOTOOLCHAIN=local go version | awk '{ sub(/^go/, "", $3); print $3 }')
	if at_least "$got" "$want"; then
		good go "$got (go.mod asks for $want)"
	elif at_least "$got" 1.21; then
		good go "$got; it will download $want by itself when first used"
	else
		bad go "$got is too old: go.mod asks for $want"
		note 'Get a current one from https://go.dev/dl/.'
		return
	fi
	if GOPROXY=off go list -deps -test ./... >/dev/null 2>&1; then
		good libraries 'downloaded'
	else
		could libraries 'not downloaded yet: the first run fetches a few megabytes'
		note '"go mod download" does it now.'
	fi
}

tools() {
	for tool in git make; do
		if have $tool; then
			good $tool "$($tool --version 2>/dev/null | head -n 1)"
		else
			bad $tool 'needed'
			note 'Debian, Ubuntu: sudo apt-get install git make. macOS: xcode-select --install.'
		fi
	done
	if have curl; then
		good curl 'to talk to steps 03 and 04 by hand'
	else
		could curl 'would let you talk to steps 03 and 04 by hand'
	fi
}

race() {
	if ! have go; then return; fi
	if go build -race -o /dev/null ./steps/01-map >/dev/null 2>&1; then
		good race 'the race detector works (there is a C compiler)'
	else
		could race 'no race detector: the tests run without it'
		note 'It needs a C compiler. Debian, Ubuntu: sudo apt-get install gcc libc6-dev.'
		note 'macOS: xcode-select --install.'
	fi
}

site() {
	dir=$(mktemp -d)
	mkdir "$dir/docs"
	echo '# x' >"$dir/docs/index.md"
	printf 'site_name: x\ntheme: material\n' >"$dir/mkdocs.yml"
	if ! have mkdocs; then
		could mkdocs 'needed by make docs and make serve only'
		note 'Debian, Ubuntu: sudo apt-get install mkdocs mkdocs-material'
		note "Elsewhere:      python3 -m pip install 'mkdocs<2' mkdocs-material"
	elif (cd "$dir" && mkdocs build --quiet) >/dev/null 2>&1; then
		good mkdocs 'with its theme: make docs works'
	else
		could mkdocs 'is here, its theme mkdocs-material is not'
		note 'Debian, Ubuntu: sudo apt-get install mkdocs-material'
		note 'Elsewhere:      python3 -m pip install mkdocs-material'
	fi
	rm -rf "$dir"
}

# port says whether a step can have the port that it asks for. The harness
# itself takes any free one.
port() { # NUMBER, STEP
	if have curl; then
		status=0
		curl --silent --noproxy '*' --max-time 2 --output /dev/null "http://127.0.0.1:$1/" || status=$?
	elif have nc; then
		status=7
		if nc -z 127.0.0.1 "$1" >/dev/null 2>&1; then status=0; fi
	else
		return
	fi
	if [ "$status" -eq 7 ]; then # connection refused: nobody listens
		good port "$1 on 127.0.0.1 is free for step $2"
	else
		could port "$1 on 127.0.0.1 is taken by another program"
		note "Step $2 can use another one: go run ./steps/$2-* -listen 127.0.0.1:0"
	fi
}

# calls says whether the system calls of a program can be watched.
calls() {
	if [ "$(uname -s)" != Linux ]; then return; fi
	if have strace && strace -o /dev/null true >/dev/null 2>&1; then
		good strace 'to watch step 04 sync, by hand and in three tests'
	else
		could strace 'would let you watch step 04 sync; three tests are skipped without it'
		note 'Debian, Ubuntu: sudo apt-get install strace.'
	fi
}

echo 'This machine:'
echo
system
golang
tools
race
site
port 7003 03
port 7004 04
port 7005 05
port 7006 06
calls
echo
if [ $missing -ne 0 ]; then
	echo 'Something needed is missing: see above.'
	exit 1
fi
echo 'All that is needed is here.'
