package main

import "io"

func runExplore(c config, out io.Writer) error { return nil }
