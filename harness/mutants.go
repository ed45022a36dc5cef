package main

import (
	"context"
	"errors"
)

func runMutants(context.Context, []string) (int, error) { return exitUsage, errors.New("not yet") }
