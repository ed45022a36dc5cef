package history

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Every line on disk is a JSON object with a "type": header, op or event.
type (
	headerLine struct {
		Type string `json:"type"`
		Header
	}
	eventLine struct {
		Type string `json:"type"`
		Event
	}
	// opLine hides those fields of Op that may hold any bytes.
	opLine struct {
		Type string `json:"type"`
		Op
		Key   text       `json:"key"`
		Value text       `json:"value,omitempty"`
		After text       `json:"after,omitempty"`
		Error text       `json:"error,omitempty"`
		Items []itemLine `json:"items,omitempty"`
	}
	itemLine struct {
		Key     text   `json:"key"`
		Value   text   `json:"value"`
		Version uint64 `json:"version"`
	}
)

// text is a JSON string, or, when it is not UTF-8, {"base64": "…"}: values are
// bytes, and JSON would silently change them.
type text string

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return marshal(string(t))
	}
	return json.Marshal(map[string][]byte{"base64": []byte(t)})
}

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var wrapped struct {
		Base64 *[]byte `json:"base64"`
	}
	if err := strict(b, &wrapped); err != nil {
		return err
	}
	if wrapped.Base64 == nil {
		return errors.New(`neither a string nor {"base64": …}`)
	}
	*t = text(*wrapped.Base64)
	return nil
}

// Write writes h as JSON lines: the header, then operations and events in the
// order in which they began.
func Write(w io.Writer, h History) error {
	type line struct {
		at int64
		v  any
	}
	var lines []line
	for _, e := range h.Events {
		lines = append(lines, line{e.At, eventLine{"event", e}})
	}
	for _, op := range h.Ops {
		lines = append(lines, line{op.Call, toLine(op)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(headerLine{"header", h.Header}); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	for _, l := range lines {
		if err := enc.Encode(l.v); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// Read reads what Write has written. It is strict: an unknown type or field,
// a missing header or a broken line is an error that names the line. Whether
// the history makes sense is for Validate to say.
func Read(r io.Reader) (History, error) {
	var h History
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		b, err := in.ReadBytes('\n')
		if err == io.EOF && len(b) == 0 {
			if n == 1 {
				return History{}, errors.New("read history: it is empty")
			}
			return h, nil
		}
		if err == io.EOF {
			err = errors.New("the line has no end: the file was cut short")
		}
		if err == nil {
			err = h.readLine(n, b)
		}
		if err != nil {
			return History{}, fmt.Errorf("read history: line %d: %w", n, err)
		}
	}
}

func (h *History) readLine(n int, b []byte) error {
	var t struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	if (n == 1) != (t.Type == "header") {
		return fmt.Errorf("type %q: the header, and nothing else, is the first line", t.Type)
	}
	switch t.Type {
	case "header":
		var l headerLine
		err := strict(b, &l)
		h.Header = l.Header
		return err
	case "op":
		var l opLine
		err := strict(b, &l)
		h.Ops = append(h.Ops, l.op())
		return err
	case "event":
		var l eventLine
		err := strict(b, &l)
		h.Events = append(h.Events, l.Event)
		return err
	}
	return fmt.Errorf("type %q: neither header, op nor event", t.Type)
}

func toLine(op Op) opLine {
	l := opLine{Type: "op", Op: op, Key: text(op.Key), Value: text(op.Value), After: text(op.After), Error: text(op.Error)}
	for _, it := range op.Items {
		l.Items = append(l.Items, itemLine{text(it.Key), text(it.Value), it.Version})
	}
	return l
}

func (l opLine) op() Op {
	op := l.Op
	op.Key, op.Value, op.After, op.Error = string(l.Key), string(l.Value), string(l.After), string(l.Error)
	for _, it := range l.Items {
		op.Items = append(op.Items, Item{string(it.Key), string(it.Value), it.Version})
	}
	return op
}

func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// marshal is json.Marshal without the escapes that HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
