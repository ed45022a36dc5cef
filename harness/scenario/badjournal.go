package scenario

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/real"
)

// badJournals starts step 04 with flags and on directories that it has to
// refuse, and then once more on the good one, in which there is a file that is
// none of its business.
func (r *Run) badJournals() error {
	s := r.theServer()
	notes := filepath.Join(s.dir, "notes.txt")
	if err := os.WriteFile(notes, []byte("buy milk"), 0o644); err != nil {
		return err
	}
	err := errors.Join(r.badStoreFlags(), r.badDirectories(), r.damagedJournals())
	if err != nil {
		return err
	}
	if err := errors.Join(r.sys.kill(), r.sys.restart()); err != nil {
		return err
	}
	b, err := os.ReadFile(notes)
	r.expect("refusal", err == nil && string(b) == "buy milk", "a file in the directory that is not the store's is left alone: %q%s", b, orNothing(err))
	return nil
}

// badStoreFlags tries values that the flags of step 04 must not have.
func (r *Run) badStoreFlags() error {
	flags := [][3]string{ // name, value, and a word that the answer must hold
		{"-queue-bytes", "-1", "-queue-bytes"},
		{"-queue-wait", "-1s", "-queue-wait"},
		{"-sessions", "-1", "-sessions"},
		{"-segment", "-1", "-segment"},
	}
	if _, ok := r.sys.(*cluster); ok {
		flags = append(flags, nodeFlags...)
	} else {
		flags = append(flags, [][3]string{
			{"-sync", "sometimes", "batch"},
			{"-sync", "-1s", "batch"},
			{"-batch", "0", "-batch"},
		}...)
	}
	var all error
	for _, f := range flags {
		dir := filepath.Join(r.dir, "flags"+f[0])
		all = errors.Join(all, r.refusesToStart(2, f[2], "-serve", "-listen", "127.0.0.1:0", "-dir", dir, f[0], f[1]))
	}
	return errors.Join(all, r.badDumps())
}

// badDirectories tries paths at which there can be no store, and to give
// another number of sessions to a store that has one.
func (r *Run) badDirectories() error {
	s := r.theServer()
	file := filepath.Join(r.dir, "a-file")
	locked := filepath.Join(r.dir, "read-only")
	err := errors.Join(os.WriteFile(file, []byte("dear diary"), 0o644), os.Mkdir(locked, 0o555))
	err = errors.Join(err,
		r.refusesToStart(1, "is a file", s.args("127.0.0.1:0", file)...),
		r.refusesToStart(1, "not a directory", s.args("127.0.0.1:0", filepath.Join(file, "below"))...))
	if os.Getuid() != 0 { // who may do everything is not refused
		err = errors.Join(err, r.refusesToStart(1, "permission", s.args("127.0.0.1:0", locked)...))
	}
	other, errCopy := r.copyJournal("another", nil)
	args, word := append(s.args("127.0.0.1:0", other), "-sessions", "77"), "sessions"
	if _, ok := r.sys.(*cluster); ok {
		args, word = append(s.args("127.0.0.1:0", other), "-new"), "has one already"
	}
	return errors.Join(err, errCopy, r.refusesToStart(1, word, args...))
}

// journal is the files of a journal, by name.
type journal map[string][]byte

func readJournal(dir string) (journal, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return nil, err
	}
	j := journal{}
	for _, p := range paths {
		if j[filepath.Base(p)], err = os.ReadFile(p); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// name returns the name of the n-th file.
func (j journal) name(n int) string { return slices.Sorted(maps.Keys(j))[n] }

// copyJournal copies the server's journal into another directory, with a change.
// Nobody writes while it does so.
func (r *Run) copyJournal(name string, change func(journal)) (dir string, err error) {
	j, err := readJournal(r.theServer().dir)
	if err != nil {
		return "", err
	}
	if len(j) < 3 {
		return "", fmt.Errorf("the journal has %d files: too few to damage them", len(j))
	}
	if change != nil {
		change(j)
	}
	dir = filepath.Join(r.dir, name)
	err = os.MkdirAll(dir, 0o755)
	for name, b := range j {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	return dir, err
}

// damagedJournals starts step 04 on journals that are not as it wrote them. It
// has to say what is wrong, and to change nothing.
func (r *Run) damagedJournals() error {
	stranger, err := r.otherJournal()
	if err != nil {
		return err
	}
	for name, d := range map[string]struct {
		word   string
		change func(journal)
	}{
		"bit-flipped":   {"damaged", func(j journal) { j[j.name(0)][32+32+8] ^= 4 }},
		"other-version": {"another version", func(j journal) { newerFormat(j[j.name(0)]) }},
		"text":          {"does not begin", func(j journal) { j[j.name(0)] = []byte(strings.Repeat("dear diary\n", 20)) }},
		"cut-short":     {"header", func(j journal) { j[j.name(0)] = j[j.name(0)][:20] }},
		"cut":           {"damaged", func(j journal) { j[j.name(1)] = j[j.name(1)][:len(j[j.name(1)])-1] }},
		"gap":           {"damaged", func(j journal) { delete(j, j.name(1)) }},
		"no-beginning":  {"damaged", func(j journal) { delete(j, j.name(0)) }},
		"stranger":      {"another journal", func(j journal) { j[j.name(0)] = stranger }},
		"renamed": {"damaged", func(j journal) {
			last := j.name(len(j) - 1)
			j["00000000000000099999.journal"] = j[last]
			delete(j, last)
		}},
	} {
		if err := r.damagedJournal(name, d.word, d.change); err != nil {
			return err
		}
	}
	return nil
}

// newerFormat makes a file say that a later version of the program wrote it.
func newerFormat(file []byte) {
	binary.LittleEndian.PutUint32(file[8:], 2)
	binary.LittleEndian.PutUint32(file[28:], crc32.Checksum(file[:28], crc32.MakeTable(crc32.Castagnoli)))
}

func (r *Run) damagedJournal(name, word string, change func(journal)) error {
	dir, err := r.copyJournal(name, change)
	if err != nil {
		return err
	}
	before, err := readJournal(dir)
	if err != nil {
		return err
	}
	if err := r.refusesToStart(1, word, r.theServer().args("127.0.0.1:0", dir)...); err != nil {
		return err
	}
	after, err := readJournal(dir)
	r.expect("refusal", maps.EqualFunc(before, after, bytes.Equal), "the damaged journal (%s) is as it was when the program has refused it", name)
	return err
}

// otherJournal returns the first file of a journal of another store.
func (r *Run) otherJournal() ([]byte, error) {
	dir := filepath.Join(r.dir, "other-store")
	args := r.theServer().args("127.0.0.1:0", dir)
	if _, ok := r.sys.(*cluster); ok {
		args = append(args, "-new")
	}
	p, err := r.launch(real.Spec{Name: "another server", Path: r.program(), Args: args})
	if err != nil {
		return nil, err
	}
	_, err = p.Listening(r.ctx)
	p.Kill()
	if err != nil {
		return nil, err
	}
	j, err := readJournal(dir)
	if err != nil {
		return nil, err
	}
	return j[j.name(0)], nil
}
