package scenario

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

func badInput() Scenario {
	checkers := []check.Checker{undisturbed, check.Model, check.Witness("refusal"), check.Witness("page"), check.Coverage(check.Need{OK: 40})}
	return Scenario{
		Name:     "bad-input",
		Question: "Somebody sends nonsense of every kind: does each get a clear error, and is nothing lost?",
		Cells: append([]Cell{
			{Column: "01", World: Real, Expect: Pass, Run: nonsense(), Checkers: checkers},
			{Column: "02", World: Real, Expect: Pass, Run: nonsense((*Run).badFiles), Checkers: checkers},
			{Column: "03", World: Real, Expect: Pass, Run: nonsense((*Run).badRequests), Checkers: with(checkers, check.Witness("bounds"))},
			{Column: "04", World: Real, Expect: Pass, Run: nonsense((*Run).badRequests, (*Run).badJournals), Flags: []string{"-segment", "65536"}, Checkers: with(checkers, check.Witness("bounds"))},
		}, each(clustered, Cell{
			World: Real, Expect: Pass, Run: nonsense((*Run).badRequests, (*Run).badJournals, (*Run).badNodes), Flags: []string{"-segment", "65536"}, Lazy: true,
			Checkers: with(checkers, append(replicated, check.Witness("bounds"))...),
		})...),
	}
}

// nonsense writes good data, sends bad lines and flags and whatever else the
// column can be sent, and reads the data again.
func nonsense(more ...func(*Run) error) func(*Run) error {
	return func(r *Run) error {
		odd := []string{"a/b", "a//b", "..", ".", "%2F", "a?b#c", "ä ö", "line\nbreak", `quo"te`, strings.Repeat("k", 1024)}
		r.rec.Phase("warm-up")
		err := r.together(1, func(w *worker) error {
			for _, k := range odd {
				w.put(k, w.value(), nil)
			}
			w.put("empty", "", nil)
			w.put("big", strings.Repeat("x", 1<<20), nil)
			r.rec.Phase("faults")
			if err := r.badLines(w); err != nil {
				return err
			}
			if err := r.badFlags(); err != nil {
				return err
			}
			for _, f := range more {
				if err := f(r); err != nil {
					return err
				}
			}
			r.rec.Phase("quiet")
			for _, k := range append(odd, "empty", "big", "never-written") {
				w.get(k)
			}
			for i := range 20 {
				w.put(odd[i%len(odd)], w.value(), nil)
			}
			w.scan("", "", 0)
			r.pages(w)
			return nil
		})
		return errors.Join(err, r.compare())
	}
}

// pages asks for more than a page may hold: in bytes, and in keys.
func (r *Run) pages(w *worker) {
	for i := range 5 {
		w.put(fmt.Sprintf("large%d", i), strings.Repeat("x", 1<<20), nil)
	}
	one := w.scan("large", "", 0)
	rest := w.scan("large", "large3", 0)
	r.expect("page", len(one.Items) == 4 && one.More && len(rest.Items) == 1 && !rest.More,
		"of five values of 1 MiB, a page shows %d, and the next one %d; a page ends after 4 MiB", len(one.Items), len(rest.Items))
	if _, ok := r.sys.(*cluster); ok {
		return // a thousand writes to several disks, one after another, take their time
	}
	for i := range 1001 {
		w.put(fmt.Sprintf("many%04d", i), "", nil)
	}
	most := w.scan("many", "", 5000)
	rest = w.scan("many", "many0999", 0)
	r.expect("page", len(most.Items) == 1000 && most.More && len(rest.Items) == 1 && !rest.More,
		"of 1001 keys, a page shows %d, and the next one %d; a page ends after 1000 keys", len(most.Items), len(rest.Items))
}

// badLines asks the shell for what it has to refuse, and expects one line that
// says why.
func (r *Run) badLines(w *worker) error {
	lines := map[string]string{ // line, and a word that the answer must hold
		`frobnicate x`:     "help",
		`put`:              "usage",
		`put onlykey`:      "usage",
		`put k v w`:        "usage",
		`put k v if`:       "version",
		`put k v if seven`: "seven",
		`put k v if -1`:    "-1",
		`get "unclosed`:    "closed",
		`put "" v`:         "empty",
		`get ""`:           "empty",
		`put "\xff\xfe" v`: "UTF-8",
		`get "\xff"`:       "UTF-8",
		`put ` + strings.Repeat("k", 1025) + ` v`:      "1024",
		`put toolarge ` + strings.Repeat("v", 1<<20+1): "1048576",
		`put toolong ` + strings.Repeat("v", 5<<20):    "longer",
		`scan k limit -1`:   "limit",
		`scan k limit many`: "many",
		`scan k after`:      "after",
		`delete k if`:       "version",
	}
	for line, word := range lines {
		ctx, cancel := context.WithTimeout(r.ctx, patience)
		c, err := w.client()
		if err != nil {
			cancel()
			return err
		}
		op, err := c.Ask(ctx, line)
		cancel()
		if err != nil {
			return err
		}
		ok := op.Outcome == history.Fail && strings.Contains(op.Error, word)
		r.expect("refusal", ok, "the line %s is refused with a word about %q: %s %s", brief(line), word, op.Outcome, brief(op.Error))
	}
	return nil
}

// brief cuts a text that is too long to be read.
func brief(s string) string {
	if len(s) > 160 {
		return fmt.Sprintf("%q… (%d bytes)", s[:60], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// refusesToStart starts the step's program and expects it to end at once with a
// status and a sentence that holds a word.
func (r *Run) refusesToStart(status int, word string, args ...string) error {
	return r.refused("refusal", status, word, args...)
}

// refused does that on behalf of any checker.
func (r *Run) refused(checker string, status int, word string, args ...string) error {
	p, err := r.launch(real.Spec{Name: "bad start", Path: r.program(), Args: args})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	exit, err := p.Wait(ctx)
	said := p.Stderr()
	ok := err == nil && exit.Code == status && strings.Contains(said, word) && !strings.Contains(said, "goroutine ")
	first, _, _ := strings.Cut(said, "\n")
	r.expect(checker, ok, "started with %q it %v with a word about %q: %s", args, exit, word, brief(first))
	p.Kill()
	return nil
}

// badFlags starts the step with flags that make no sense.
func (r *Run) badFlags() error {
	if err := r.refusesToStart(2, "-frobnicate", "-frobnicate"); err != nil {
		return err
	}
	return r.refusesToStart(2, "stray", "stray")
}

// badFiles starts step 02 on files that it has to refuse.
func (r *Run) badFiles() error {
	good, err := os.ReadFile(filepath.Join(r.dir, "store.kv"))
	if err != nil {
		return err
	}
	scribbled := bytes.Clone(good)
	scribbled[4096+8+binary.LittleEndian.Uint32(good[4096:])-1] ^= 1 // the last byte of the first value: only a checksum can tell
	otherVersion := bytes.Clone(good)
	otherVersion[8] ^= 0xff
	for name, f := range map[string]struct {
		content []byte
		word    string
	}{
		"text":      {[]byte("dear diary\n"), "not"},
		"nothing":   {nil, "not"},
		"other":     {otherVersion, "version"},
		"cut-short": {good[:len(good)/2], "short"},
		"scribbled": {scribbled, "damaged"},
	} {
		path := filepath.Join(r.dir, name)
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
		if err := r.refusesToStart(1, f.word, "-file", path); err != nil {
			return err
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, f.content) {
			r.expect("refusal", false, "the file %s was changed by a program that refused it", name)
		}
	}
	if err := r.refusesToStart(1, "no such", "-file", filepath.Join(r.dir, "no", "such", "directory", "f")); err != nil {
		return err
	}
	if err := r.refusesToStart(1, "size", "-file", filepath.Join(r.dir, "tiny"), "-size", "10"); err != nil {
		return err
	}
	return r.refusesToStart(1, "directory", "-file", r.dir)
}

// badRequests sends step 03 requests that make no sense, and expects a status
// in the 400s and then a server that still lives.
func (r *Run) badRequests() error {
	addr := r.theServer().addr
	for _, q := range []struct {
		text   string
		status int
	}{
		{"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 404},
		{"PATCH /kv/k HTTP/1.1\r\nHost: h\r\n\r\n", 405},
		{"GET /kv/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /kv/%ff%fe HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /kv/" + strings.Repeat("k", 1025) + " HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /kv?limit=-1 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /kv?limit=many HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"PUT /kv/k HTTP/1.1\r\nHost: h\r\nIf-Match: seven\r\nContent-Length: 1\r\n\r\nv", 400},
		{"PUT /kv/k HTTP/1.1\r\nHost: h\r\nIdempotency-Key: nonsense\r\nContent-Length: 1\r\n\r\nv", 400},
		{"PUT /kv/k HTTP/1.1\r\nHost: h\r\nIdempotency-Key: nobody/1\r\nContent-Length: 1\r\n\r\nv", 410},
		{"PUT /kv/k HTTP/1.1\r\nHost: h\r\nIf-Match: \"1\"\r\nContent-Length: 1\r\n\r\nv", 412},
		{"PUT /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413},
		{"GET /kv/k HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		{"GET /kv/k HTTP/1.1\r\n\r\n", 400},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is no HTTP\r\n\r\n", 400},
		{"PUT /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 400},
	} {
		status, err := r.rawRequest(addr, q.text)
		r.expect("refusal", err == nil && status == q.status, "%s is answered with %d, as %d is asked (%v)", brief(q.text), status, q.status, err)
	}
	if err := r.endlessBody(addr); err != nil {
		return err
	}
	r.bound("memory", r.theServer().server, 192<<20)
	return r.refusesToStart(1, "in use", "-serve", "-listen", addr)
}

// rawRequest sends bytes and returns the status of the answer.
func (r *Run) rawRequest(addr, text string) (int, error) {
	c, err := (&net.Dialer{Timeout: patience}).DialContext(r.ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

// endlessBody sends a chunked body of 256 MiB; the server has to stop reading
// long before its end.
func (r *Run) endlessBody(addr string) error {
	c, err := (&net.Dialer{Timeout: patience}).DialContext(r.ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "PUT /kv/endless HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat("e", 64<<10))
	sent := 0
	for range 4096 {
		if _, err := io.WriteString(c, chunk); err != nil {
			break
		}
		sent += 64 << 10
	}
	status := 0
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
		status = resp.StatusCode
		resp.Body.Close()
	}
	// The answer itself may be lost with the connection, which is TCP's way.
	r.expect("refusal", sent < 64<<20 && (status == 413 || status == 0), "an endless body is cut off after %d MiB (status %d)", sent>>20, status)
	return nil
}
