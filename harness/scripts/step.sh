#!/bin/sh
# usage: step.sh N
# Prints the directory of step N, which may be written 2 or 02.
set -eu

case ${1-} in
'' | *[!0-9]*) ;;
*)
	for dir in "steps/$1"-* "steps/0$1"-*; do
		if [ -d "$dir" ]; then
			echo "$dir"
			exit 0
		fi
	done
	;;
esac
{
	echo "There is no step '${1-}'. The steps are:"
	for dir in steps/*/; do
		name=${dir#steps/}
		number=${name%%-*}
		echo "  ${number#0}  ${name%/}"
	done
} >&2
exit 1
