package main

import (
	"bytes"
	"context"
	"errors"

	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
)

// ask lets a store carry out op, and says what came of it. Values are made pad
// bytes longer on their way to the store.
//
// Like a caller who reuses his buffers, it scribbles over every slice that it
// has handed over or been given: a store that keeps one of them will be found
// out later.
func ask(ctx context.Context, s kv.Store, op history.Op, pad int) history.Answer {
	switch op.Kind {
	case history.Get:
		it, err := s.Get(ctx, op.Key)
		a := answerItem(it, pad, err)
		scribble(it.Value)
		return a
	case history.Scan:
		p, err := s.Scan(ctx, kv.Range{Prefix: op.Key, After: op.After, Limit: op.Limit})
		a := answerPage(p, pad, err)
		scribblePage(p)
		return a
	}
	c := command(op, pad)
	r, err := s.Do(ctx, c)
	a := answerResult(r, err)
	scribble(c.Value)
	return a
}

// padded returns value made longer by pad bytes that follow from it. Copying a
// long value takes time, in which others can come in between.
func padded(value string, pad int) []byte {
	b := append(make([]byte, 0, len(value)+pad), value...)
	for i := range pad {
		b = append(b, byte('a'+(len(value)+i)%26))
	}
	return b
}

// stripped is the reverse of padded. A value that is not whole stays as it is,
// and no checker will take it for one that was written.
func stripped(b []byte, pad int) string {
	value := string(b[:max(0, len(b)-pad)])
	if !bytes.Equal(padded(value, pad), b) {
		return string(b)
	}
	return value
}

// command returns what op asks for, with a value of its own.
func command(op history.Op, pad int) kv.Command {
	c := kv.Delete(op.Key)
	if op.Kind == history.Put {
		c = kv.Put(op.Key, padded(op.Value, pad))
	}
	if op.If != nil {
		c = c.IfVersion(kv.Version(*op.If))
	}
	return c
}

// operation is the reverse of command.
func operation(c kv.Command) history.Op {
	op := history.Op{Kind: history.Put, Key: c.Key, Value: string(c.Value)}
	if c.Op == kv.OpDelete {
		op.Kind = history.Delete
	}
	if c.If.Checked {
		v := uint64(c.If.Version)
		op.If = &v
	}
	return op
}

func answerError(err error) history.Answer {
	if errors.Is(err, kv.ErrUnknown) {
		return history.Answer{Outcome: history.Unknown, Error: err.Error()}
	}
	return history.Answer{Outcome: history.Fail, Error: err.Error()}
}

func answerItem(it kv.Item, pad int, err error) history.Answer {
	switch {
	case err != nil:
		return answerError(err)
	case !it.Exists():
		return history.Answer{Outcome: history.OK, Status: history.Absent}
	}
	return history.Answer{Outcome: history.OK, Status: history.Done, Value: stripped(it.Value, pad), Version: uint64(it.Version)}
}

func answerResult(r kv.Result, err error) history.Answer {
	if err != nil {
		return answerError(err)
	}
	status := map[kv.Status]history.Status{kv.Done: history.Done, kv.Conflict: history.Conflict, kv.NotFound: history.Absent}
	return history.Answer{Outcome: history.OK, Status: status[r.Status], Version: uint64(r.Version)}
}

func answerPage(p kv.Page, pad int, err error) history.Answer {
	if err != nil {
		return answerError(err)
	}
	a := history.Answer{Outcome: history.OK, Status: history.Done, More: p.More}
	for _, it := range p.Items {
		a.Items = append(a.Items, history.Item{Key: it.Key, Value: stripped(it.Value, pad), Version: uint64(it.Version)})
	}
	return a
}

// scribble overwrites b, and what lies behind it in the same array.
func scribble(b []byte) {
	b = b[:cap(b)]
	copy(b, bytes.Repeat([]byte("?"), len(b)))
}

func scribblePage(p kv.Page) {
	for i := range p.Items {
		scribble(p.Items[i].Value)
		p.Items[i] = kv.Item{Key: "?"}
	}
}

// asker is a way to get an operation done: in this process or in another.
type asker func(context.Context, history.Op) history.Answer

// local asks a store in this process; for pad see ask.
func local(s kv.Store, pad int) asker {
	return func(ctx context.Context, op history.Op) history.Answer { return ask(ctx, s, op, pad) }
}

// recorded does an operation and writes it down. It is a Store for whoever
// wants one.
type recorded func(context.Context, history.Op) history.Op

// record lets client write down what ask does; for one goroutine.
func record(ask asker, client *history.Client) recorded {
	return func(ctx context.Context, op history.Op) history.Op {
		call := client.Begin(op)
		return call.End(ask(ctx, op))
	}
}

// Get implements kv.Store.
func (do recorded) Get(ctx context.Context, key string) (kv.Item, error) {
	op := do(ctx, history.Op{Kind: history.Get, Key: key})
	if op.Outcome != history.OK || op.Status == history.Absent {
		return kv.Item{Key: key}, failure(op)
	}
	return kv.Item{Key: key, Value: []byte(op.Value), Version: kv.Version(op.Version)}, nil
}

// Do implements kv.Store.
func (do recorded) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	op := do(ctx, operation(c))
	status := map[history.Status]kv.Status{history.Done: kv.Done, history.Conflict: kv.Conflict, history.Absent: kv.NotFound}
	return kv.Result{Status: status[op.Status], Version: kv.Version(op.Version)}, failure(op)
}

// Scan implements kv.Store.
func (do recorded) Scan(ctx context.Context, r kv.Range) (kv.Page, error) {
	op := do(ctx, history.Op{Kind: history.Scan, Key: r.Prefix, After: r.After, Limit: r.Limit})
	p := kv.Page{More: op.More}
	for _, it := range op.Items {
		p.Items = append(p.Items, kv.Item{Key: it.Key, Value: []byte(it.Value), Version: kv.Version(it.Version)})
	}
	return p, failure(op)
}

func failure(op history.Op) error {
	switch op.Outcome {
	case history.OK:
		return nil
	case history.Unknown:
		return errors.Join(kv.ErrUnknown, errors.New(op.Error))
	}
	return errors.New(op.Error)
}
