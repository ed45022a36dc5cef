package main

import (
	"errors"
	"sync"

	"zeyrho/harness/simdisk"
	"zeyrho/steps/04-journal/disk"
)

// gate is a disk whose syncs of files stop at a gate, once that is shut. Who
// stands there is let through, or told that it has failed, by hand. So a test
// can look at a store at the very moment when nothing is safe yet.
type gate struct {
	*simdisk.Disk
	arrived chan chan error // a sync that waits; it is sent what becomes of it

	mu   sync.Mutex
	shut bool
}

var errGate = errors.New("input/output error")

func newGate() *gate {
	return &gate{Disk: simdisk.New(), arrived: make(chan chan error, 1)}
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// Create implements disk.Disk.
func (g *gate) Create(name string) (disk.File, error) { return g.guard(g.Disk.Create(name)) }

// Open implements disk.Disk.
func (g *gate) Open(name string) (disk.File, error) { return g.guard(g.Disk.Open(name)) }

func (g *gate) guard(f disk.File, err error) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	return gated{f, g}, nil
}

// gated is a file behind the gate.
type gated struct {
	disk.File
	gate *gate
}

// Sync implements disk.File.
func (f gated) Sync() error {
	if f.gate.isShut() {
		fate := make(chan error)
		f.gate.arrived <- fate
		if err := <-fate; err != nil {
			return err
		}
	}
	return f.File.Sync()
}
