#!/bin/sh
# usage: mkdocs.sh build | serve PORT
# Builds the site or shows it, or says how to get mkdocs.
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

taken() { # PORT: is somebody there? Without python3 we shall see.
	command -v python3 >/dev/null 2>&1 && ! python3 -c '
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null
}

if [ "${1-}" = serve ]; then
	if taken "$2"; then
		echo "Port $2 of 127.0.0.1 cannot be had. Try another: make serve PORT=8001" >&2
		exit 1
	fi
	exec mkdocs serve --dev-addr "127.0.0.1:$2"
fi
# What mkdocs says while it builds matters only if it fails.
if ! said=$(mkdocs build --strict 2>&1); then
	echo "$said" >&2
	exit 1
fi
echo 'The site is in site/. make serve shows it.'
