#!/bin/sh
# usage: mkdocs.sh ARGUMENTS...
# Runs mkdocs, or says how to get it.
set -eu

if ! command -v mkdocs >/dev/null 2>&1; then
	cat >&2 <<'END'
The site is built by mkdocs with the theme mkdocs-material, and mkdocs is not
on this machine. Either of these installs both:

  sudo apt-get install mkdocs mkdocs-material          Debian, Ubuntu
  python3 -m pip install 'mkdocs<2' mkdocs-material    anywhere (in a venv)

Nothing else needs them: the chapters in docs/ read well without a site.
END
	exit 1
fi
export NO_MKDOCS_2_WARNING=1 # of the theme's newer releases

if [ "${1-}" != build ]; then
	exec mkdocs "$@"
fi
# What mkdocs says while it builds matters only if it fails.
if ! said=$(mkdocs "$@" 2>&1); then
	echo "$said" >&2
	exit 1
fi
echo 'The site is in site/. make serve shows it.'
