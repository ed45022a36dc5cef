package snapshot_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/06-catchup/snapshot"
)

func TestWhatIsWrittenIsNoSnapshotBeforeItIsPublished(t *testing.T) {
	w := small(1)
	m, first := written(t, w)
	second := w.goOn(10, 10).state()
	require.NoError(t, snapshot.Write(m, second))
	requireFinds(t, m.clone(), first)
	require.NoError(t, snapshot.Publish(m, second.Position))
	requireFinds(t, m, second)
}

func TestWhatIsNotWantedAnyMoreIsWithdrawn(t *testing.T) {
	w := small(2)
	m, first := written(t, w)
	before := m.list()
	second := w.goOn(10, 10).state()
	require.NoError(t, snapshot.Write(m, second))
	require.NotEqual(t, before, m.list())
	require.NoError(t, snapshot.Withdraw(m, second.Position))
	require.Equal(t, before, m.list())
	requireFinds(t, m, first)
	require.NoError(t, snapshot.Withdraw(m, second.Position), "once more")
	require.Error(t, snapshot.Publish(m, second.Position), "there is nothing to publish")
	requireFinds(t, m, first)
}

func TestWhatHasComeIsNoSnapshotBeforeItIsCheckedAndPublished(t *testing.T) {
	w := small(3)
	m, first := written(t, w)
	from, second := source(t, w.goOn(10, 10))
	in := incoming(t, m)
	require.NoError(t, sendAll(in, from))
	require.ErrorContains(t, in.Publish(), "has not been checked")
	got, err := in.Check()
	require.NoError(t, err)
	requireIs(t, second, got)
	requireFinds(t, m.clone(), first)
	require.NoError(t, send(in, from, 0, chunk), "a chunk that comes again hurts nobody")
	require.NoError(t, in.Publish())
	require.Zero(t, in.Identity())
	requireFinds(t, m, second)
}

// Another node leads, before the snapshot that was checked is published.
func TestWhatWasCheckedMayBeFollowedByAnotherOne(t *testing.T) {
	w := small(4)
	from, _ := source(t, w)
	m := newMemory()
	in := incoming(t, m)
	require.NoError(t, sendAll(in, from))
	_, err := in.Check()
	require.NoError(t, err)
	later, state := source(t, w.goOn(10, 10))
	require.NoError(t, send(in, later, 0, 10))
	require.ErrorContains(t, in.Publish(), "has not been checked")
	require.NoError(t, sendAll(in, later))
	_, err = complete(in)
	require.NoError(t, err)
	requireFinds(t, m, state)
}
