#!/bin/sh
# usage: diff.sh N
# Shows what step N adds to the step before it: its packages, and the change
# of the recipe. In colour on a terminal.
set -eu

here=$(dirname "$0")
dir=$(sh "$here/step.sh" "${1-}")
number=${dir#steps/}
number=${number%%-*}

packages() { # of a directory, with the first sentence of their comments
	go list -f '{{if ne .Name "main"}}  {{.ImportPath}}{{"\t"}}{{.Doc}}{{end}}' "./$1/..." |
		sed -e '/^$/d' -e 's|zeyrho/steps/||' | awk -F '\t' '{ printf "%-28s %s\n", $1, $2 }'
}

before=$(expr "$number" - 1 || true)
if [ "$before" -eq 0 ]; then
	echo "Step $number is the first: there is nothing before it. Its packages:"
	echo
	packages "$dir"
	echo
	echo "Its recipe, which every later step is compared with, is $dir/store/open.go."
	exit 0
fi
old=$(sh "$here/step.sh" "$before")

echo "Step $number adds these packages:"
echo
packages "$dir"
echo
echo "and takes these from the steps before it:"
echo
go list -deps "./$dir" | grep '^zeyrho/steps/' | grep -v "^zeyrho/$dir" | sed -e 's|^zeyrho/steps/|  |' | sort
echo
echo "The recipe, then and now:"
echo
# git diff says 1 when there is a difference, which is what we came for.
git --no-pager diff --no-index --no-prefix --patience "$old/store/open.go" "$dir/store/open.go" || [ $? -eq 1 ]
