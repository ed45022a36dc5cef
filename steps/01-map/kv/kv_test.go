package kv_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
)

func TestAKeyIsUTF8OfOneByteToOneKiB(t *testing.T) {
	for _, key := range []string{
		"k", " ", "\x00", "a b\n", "日本", "a//b", "..", "%2F", "\ufffd",
		strings.Repeat("k", kv.MaxKey),
	} {
		assert.NoError(t, kv.CheckKey(key), "%.20q", key)
		assert.NoError(t, kv.Delete(key).Check(), "%.20q", key)
	}
	for _, test := range []struct{ key, complaint string }{
		{"", "invalid key: it is empty"},
		{strings.Repeat("k", kv.MaxKey+1), "invalid key: 1025 bytes, the limit is 1024"},
		{"a\xff", `invalid key: "a\xff" is not UTF-8`},
		{"\xed\xa0\x80", `invalid key: "\xed\xa0\x80" is not UTF-8`},
	} {
		for _, err := range []error{kv.CheckKey(test.key), kv.Put(test.key, nil).Check(), kv.Delete(test.key).Check()} {
			assert.ErrorIs(t, err, kv.ErrInvalid)
			assert.EqualError(t, err, test.complaint)
		}
	}
}

func TestAValueIsAnyBytesUpToOneMiB(t *testing.T) {
	for _, value := range [][]byte{nil, {}, {0xff, 0, '\n'}, make([]byte, kv.MaxValue)} {
		assert.NoError(t, kv.Put("k", value).Check())
	}
	err := kv.Put("k", bytes.Repeat([]byte{1}, kv.MaxValue+1)).Check()
	assert.ErrorIs(t, err, kv.ErrInvalid)
	assert.EqualError(t, err, "invalid value: 1048577 bytes, the limit is 1048576")
}

func TestACommandIsAPutOrADelete(t *testing.T) {
	assert.ErrorIs(t, kv.Command{Key: "k"}.Check(), kv.ErrInvalid)
	assert.ErrorIs(t, kv.Command{Op: 3, Key: "k"}.Check(), kv.ErrInvalid)
}

func TestALimitIsNotNegative(t *testing.T) {
	assert.NoError(t, kv.Range{}.Check())
	assert.NoError(t, kv.Range{Limit: kv.MaxScan + 1}.Check())
	err := kv.Range{Limit: -1}.Check()
	assert.ErrorIs(t, err, kv.ErrInvalid)
	assert.EqualError(t, err, "invalid limit: -1 is negative")
}

func TestAConditionLeavesTheCommandItWasMadeFromAlone(t *testing.T) {
	c := kv.Put("k", []byte("v"))
	assert.Equal(t, kv.Condition{Checked: true, Version: 7}, c.IfVersion(7).If)
	assert.Equal(t, c.IfVersion(0), c.IfAbsent())
	assert.Equal(t, kv.Condition{}, c.If)
}

func TestAStatusSaysWhatHappened(t *testing.T) {
	assert.Equal(t, "done", kv.Done.String())
	assert.Equal(t, "conflict", kv.Conflict.String())
	assert.Equal(t, "not found", kv.NotFound.String())
	assert.Equal(t, "status 0", kv.Status(0).String())
}

func TestWhatBecomesOfACommandDependsOnTheVersionOfItsKey(t *testing.T) {
	put, del := kv.Put("k", nil), kv.Delete("k")
	done := kv.Result{Status: kv.Done, Version: 9}
	for _, c := range []struct {
		command kv.Command
		old     kv.Version
		want    kv.Result
	}{
		{put, 0, done},
		{put, 5, done},
		{put.IfAbsent(), 0, done},
		{put.IfAbsent(), 5, kv.Result{Status: kv.Conflict, Version: 5}},
		{put.IfVersion(5), 5, done},
		{put.IfVersion(5), 6, kv.Result{Status: kv.Conflict, Version: 6}},
		{put.IfVersion(5), 0, kv.Result{Status: kv.Conflict}},
		{del, 5, done},
		{del, 0, kv.Result{Status: kv.NotFound}},
		{del.IfAbsent(), 0, kv.Result{Status: kv.NotFound}},
		{del.IfVersion(5), 5, done},
		{del.IfVersion(5), 6, kv.Result{Status: kv.Conflict, Version: 6}},
		{del.IfVersion(5), 0, kv.Result{Status: kv.Conflict}},
	} {
		e := kv.Entry{Version: 9, Command: c.command}
		require.Equal(t, c.want, e.Decide(c.old), "%+v on version %d", c.command, c.old)
	}
}
