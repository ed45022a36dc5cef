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
# The theme's current releases print an advertisement unless told not to.
NO_MKDOCS_2_WARNING=1 exec mkdocs "$@"
