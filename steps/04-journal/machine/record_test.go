package machine_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
)

// The records, written anew from their description.
func settingsRecord(sessions uint64, incarnation string) []byte {
	return append(binary.LittleEndian.AppendUint64([]byte{1}, sessions), incarnation...)
}

func numberedRecord(id session.Identity, c kv.Command) []byte {
	b := append([]byte{3, byte(len(id.Session))}, id.Session...)
	return codec.Append(binary.LittleEndian.AppendUint64(b, id.Number), c)
}

func commandRecord(c kv.Command) []byte { return codec.Append([]byte{2}, c) }

var openRecord = []byte{4}

func TestRecordsAreAsDescribedAndRead(t *testing.T) {
	id := session.Identity{Session: "inc-1", Number: 300}
	for _, c := range []struct {
		request machine.Request
		record  []byte
	}{
		{machine.Request{OpenSession: true}, openRecord},
		{machine.Request{Command: kv.Put("k", []byte("v")).IfAbsent()}, commandRecord(kv.Put("k", []byte("v")).IfAbsent())},
		{machine.Request{Command: kv.Delete("k").IfVersion(7)}, commandRecord(kv.Delete("k").IfVersion(7))},
		{machine.Request{Identity: id, Command: kv.Put("k", []byte("v"))}, numberedRecord(id, kv.Put("k", []byte("v")))},
	} {
		require.Equal(t, append([]byte("before"), c.record...), machine.AppendRequest([]byte("before"), c.request), c.request)
		got, err := machine.ReadRequest(c.record)
		require.NoError(t, err)
		require.Equal(t, c.request, got)
	}
	settings := machine.Settings{Sessions: 5, Incarnation: "inc"}
	require.Equal(t, settingsRecord(5, "inc"), machine.AppendSettings(nil, settings))
	got, err := machine.ReadSettings(settingsRecord(5, "inc"))
	require.NoError(t, err)
	require.Equal(t, settings, got)
}

func TestARequestSharesNoMemoryWithItsRecord(t *testing.T) {
	id := session.Identity{Session: "inc-1", Number: 300}
	record := numberedRecord(id, kv.Put("key", []byte("value")))
	got, err := machine.ReadRequest(record)
	require.NoError(t, err)
	clear(record)
	require.Equal(t, machine.Request{Identity: id, Command: kv.Put("key", []byte("value"))}, got)
}

func TestADescriptionIsReadByPeople(t *testing.T) {
	id := session.Identity{Session: "inc-1", Number: 300}
	var text strings.Builder
	for i, b := range [][]byte{
		settingsRecord(5, "inc"),
		openRecord,
		commandRecord(kv.Put("k", []byte("v\n"))),
		commandRecord(kv.Delete("k").IfVersion(7)),
		commandRecord(kv.Put("k", nil).IfAbsent()),
		numberedRecord(id, kv.Put(strings.Repeat("k", 100), make([]byte, 100))),
		{9},
		{},
	} {
		text.WriteString(machine.Describe(uint64(i+1), b) + "\n")
	}
	require.Equal(t, `settings: room for 5 sessions, which are named inc-1, …
open a session
put "k" "v\n"
delete "k" if 7
put "k" "" if 0
put "`+strings.Repeat("k", 40)+`" "`+strings.Repeat(`\x00`, 40)+`"  (request inc-1/300)
an entry of kind 9: not a record that this program knows; a later version may have written it
an empty entry: not a record that this program knows; a later version may have written it
`, text.String())
}

func TestWhatIsNoRecordIsRefused(t *testing.T) {
	good := settingsRecord(5, "inc")
	whole := numberedRecord(session.Identity{Session: "inc-1", Number: 1}, kv.Put("k", nil))
	bad := [][]byte{
		{}, {0}, {9}, {2}, {4, 0}, good, append(bytes.Clone(whole), 0),
		append([]byte{3}, bytes.Repeat([]byte{0xff}, 12)...),
		{3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	}
	for n := range whole {
		bad = append(bad, whole[:n])
	}
	for _, b := range bad {
		_, err := machine.ReadRequest(b)
		require.ErrorIs(t, err, machine.ErrRecord, "% x", b)
	}
	for _, b := range [][]byte{{}, {1}, good[:8], openRecord, settingsRecord(0, "inc"), settingsRecord(1<<63, "inc")} {
		_, err := machine.ReadSettings(b)
		require.ErrorIs(t, err, machine.ErrRecord, "% x", b)
	}
}

func TestCompleteSettingsCanBeReadAgain(t *testing.T) {
	for _, s := range []machine.Settings{{}, {Sessions: 1}, {Sessions: 1<<31 - 1, Incarnation: "inc"}} {
		complete, err := s.Complete()
		require.NoError(t, err)
		got, err := machine.ReadSettings(machine.AppendSettings(nil, complete))
		require.NoError(t, err)
		require.Equal(t, complete, got)
	}
	complete, err := machine.Settings{}.Complete()
	require.NoError(t, err)
	require.Equal(t, 10_000, complete.Sessions)
	require.NotEmpty(t, complete.Incarnation)
	for _, n := range []int{-1, 1 << 31} {
		_, err := machine.Settings{Sessions: n}.Complete()
		require.ErrorContains(t, err, "there may be at most 2147483647")
	}
}
