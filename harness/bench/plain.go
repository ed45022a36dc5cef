package bench

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// A plain file is a list of records: a checksum, the lengths of key and value
// (four bytes each), the key, the value.
const plainHeader = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writePlain writes n records into a plain file, and returns its path.
func (b *bench) writePlain(n int) (string, error) {
	dir, err := b.files("plain")
	if err != nil {
		return "", err
	}
	var text []byte
	for i := range n {
		text = appendPlain(text, b.keys[i%len(b.keys)], b.value)
	}
	path := filepath.Join(dir, "file")
	return path, os.WriteFile(path, text, 0o644)
}

// appendPlain appends a record of a plain file.
func appendPlain(text []byte, key string, value []byte) []byte {
	start := len(text)
	text = append(text, make([]byte, plainHeader)...)
	text = append(append(text, key...), value...)
	h := text[start:]
	binary.LittleEndian.PutUint32(h[4:], uint32(len(key)))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(value)))
	binary.LittleEndian.PutUint32(h, crc32.Checksum(h[4:], castagnoli))
	return text
}

// readPlain reads a plain file into a map.
func readPlain(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 256<<10)
	found := map[string][]byte{}
	record := make([]byte, plainHeader)
	for {
		record = record[:plainHeader]
		if _, err := io.ReadFull(in, record); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		keys, values := int(binary.LittleEndian.Uint32(record[4:])), int(binary.LittleEndian.Uint32(record[8:]))
		record = append(record, make([]byte, keys+values)...)
		body := record[plainHeader:]
		if _, err := io.ReadFull(in, body); err != nil {
			return err
		}
		if crc32.Checksum(record[4:], castagnoli) != binary.LittleEndian.Uint32(record) {
			return errors.New("a plain file has a wrong checksum")
		}
		found[string(body[:keys])] = bytes.Clone(body[keys:])
	}
}
