package bench

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheRunSaysWhatDiskItMeasured(t *testing.T) {
	b := small(t)
	b.Dir = t.TempDir()
	assert.Empty(t, b.settings().FileSystem, "nothing is on a disk yet")
	one, err := b.files("one")
	require.NoError(t, err)
	two, err := b.files("two")
	require.NoError(t, err)
	assert.NotEqual(t, one, two)
	s := b.settings()
	assert.NotEmpty(t, s.FileSystem)
	assert.Positive(t, s.SyncMS)
	assert.Contains(t, s.String(), "files on "+s.FileSystem+", where an append with its fsync takes ")
	b.close()
	left, err := os.ReadDir(b.Dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestADiskThatIsNotThereIsAnError(t *testing.T) {
	b := small(t)
	b.Dir = t.TempDir() + "/absent"
	_, err := b.files("one")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWritesThatShareASyncAreCounted(t *testing.T) {
	b := small(t)
	alone, err := b.step04("batch", "-batch", "1")
	require.NoError(t, err)
	l, err := b.journaled(t.Context(), alone, 4)
	require.NoError(t, err)
	defer l.close()
	s, err := l.take(t.Context(), 20*time.Millisecond)
	require.NoError(t, err)
	assert.Equal(t, 1.0, s.writesPerSync)
}

func TestAPlainFileIsReadAndChecked(t *testing.T) {
	path, err := small(t).writePlain(25)
	require.NoError(t, err)
	require.NoError(t, readPlain(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[len(text)-1] ^= 1
	require.NoError(t, os.WriteFile(path, text, 0o644))
	require.ErrorContains(t, readPlain(path), "wrong checksum")
}

// The protocol is tried here without Redis, which may not be installed.
func TestASetIsAListOfStringsAfterTheirLengths(t *testing.T) {
	var c connection
	writeSet(&c, "key-1", []byte("abc"))
	assert.Equal(t, "*3\r\n$3\r\nSET\r\n$5\r\nkey-1\r\n$3\r\nabc\r\n", c.out.String())
}

func TestARefusalOfRedisIsAnError(t *testing.T) {
	for answer, wrong := range map[string]bool{"+OK\r\n": false, "-OOM too much\r\n": true} {
		near, far := net.Pipe()
		c := &connection{conn: near, in: bufio.NewReader(near)}
		go func() {
			far.Read(make([]byte, 100))
			far.Write([]byte(answer))
		}()
		set.write(c, "key", nil)
		err := set.ask(c)
		assert.Equal(t, wrong, err != nil, "%q: %v", answer, err)
		near.Close()
	}
}

func TestACurveHasBothAtEveryPoint(t *testing.T) {
	pairs, end, err := small(t).openCurve(t.Context(), 2)
	require.NoError(t, err)
	defer end()
	require.Len(t, pairs, 2)
	r, err := oneRound(t.Context(), 0, 10*time.Millisecond, pairs[1].group.take, pairs[1].alone.take)
	require.NoError(t, err)
	p := pairs[1].point([]round{r})
	assert.Equal(t, 2, p.Clients)
	assert.Equal(t, 1.0, p.Alone.WritesPerSync)
	assert.Positive(t, p.Group.PerSecond)
	var out bytes.Buffer
	(&Curve{Points: []Point{p}}).WriteTable(&out)
	assert.Contains(t, out.String(), "clients  group commit")
}
