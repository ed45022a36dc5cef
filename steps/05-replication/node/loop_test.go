package node_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/04-journal/queue"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

func TestWhatArrivesDuringASyncSharesTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		before := d.figures()
		fate := d.hold()
		answers := []chan error{d.put(t.Context(), "first", "")}
		for i := range 20 {
			answers = append(answers, d.put(t.Context(), fmt.Sprint("k", i), ""))
		}
		fate <- nil
		synctest.Wait()
		require.NoError(t, <-answers[0])
		waits(t, answers[1:]...)
		fate <- nil
		for _, a := range answers[1:] {
			require.NoError(t, <-a)
		}
		after := d.figures()
		require.Equal(t, 2, after.Syncs-before.Syncs, "one for the first, and one for those who came meanwhile")
		require.EqualValues(t, 21, after.Applied-before.Applied)
		d.release()
		d.ends()
	})
}

func TestATurnTakesNoMoreWritesThanABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{Batch: 2}, replication.Config{})
		before := d.figures()
		d.hold()
		var answers []chan error
		for i := range 6 {
			answers = append(answers, d.put(t.Context(), fmt.Sprint("k", i), ""))
		}
		d.release()
		for _, a := range answers {
			require.NoError(t, <-a)
		}
		require.Equal(t, 4, d.figures().Syncs-before.Syncs, "1 + 2 + 2 + 1")
		d.ends()
	})
}

func TestWhileTheDiskStandsStillThoseWhoHaveWaitedTooLongAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{Queue: queue.Config{Wait: 200 * time.Millisecond}}, replication.Config{})
		d.hold()
		first, second := d.put(t.Context(), "first", ""), d.put(t.Context(), "second", "")
		began := time.Now()
		err := <-second
		require.ErrorIs(t, err, kv.ErrOverloaded)
		require.NotErrorIs(t, err, kv.ErrUnknown, "it was not taken")
		require.Less(t, time.Since(began), 300*time.Millisecond)
		waits(t, first)
		items, _ := d.Queued()
		require.Zero(t, items, "nobody is in line any more")
		d.release()
		require.NoError(t, <-first, "who is being written is not late")
		d.requireKey("second", false)
		d.ends()
	})
}

// When the disk answers at last, what has waited for too long is not taken.
func TestWhoIsLateWhenHisTurnComesIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{Queue: queue.Config{Wait: time.Second}}, replication.Config{})
		time.Sleep(10 * time.Millisecond) // so that nobody looks between the wait's end and the disk's answer
		d.hold()
		first, second := d.put(t.Context(), "first", ""), d.put(t.Context(), "second", "")
		time.Sleep(time.Second + 5*time.Millisecond)
		waits(t, second)
		d.release()
		require.NoError(t, <-first)
		require.ErrorIs(t, <-second, kv.ErrOverloaded)
		d.requireKey("second", false)
		d.ends()
	})
}

func TestWhatDoesNotFitIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{Queue: queue.Config{Bytes: 200}}, replication.Config{})
		d.hold()
		first, second := d.put(t.Context(), "first", ""), d.put(t.Context(), "second", "")
		items, bytes := d.Queued()
		require.Equal(t, 1, items)
		require.Positive(t, bytes)
		err := <-d.put(t.Context(), "third", string(make([]byte, 200)))
		require.ErrorIs(t, err, kv.ErrOverloaded)
		require.ErrorIs(t, err, queue.ErrFull)
		d.release()
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		d.requireKey("third", false)
		d.ends()
	})
}

func TestWhoGivesUpInTheQueueHasDoneNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		_, err := d.Write(canceled(t), machine.Request{Command: kv.Put("never", nil)})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, kv.ErrUnknown)

		d.hold()
		first := d.put(t.Context(), "first", "")
		ctx, giveUp := context.WithCancel(t.Context())
		second := d.put(ctx, "second", "")
		giveUp()
		err = <-second
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, kv.ErrUnknown)
		d.release()
		require.NoError(t, <-first)
		d.requireKey("second", false)
		d.ends()
	})
}

func TestWhoGivesUpWhileHeIsWrittenDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		d.hold()
		ctx, giveUp := context.WithCancelCause(t.Context())
		answer := d.put(ctx, "k", "")
		giveUp(errors.New("no patience"))
		err := <-answer
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.ErrorContains(t, err, "no patience")
		d.release()
		synctest.Wait()
		d.requireKey("k", true)
		d.ends()
	})
}

func TestReadsGoOnDuringASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		require.NoError(t, <-d.put(t.Context(), "k", "old"))
		d.hold()
		answer := d.put(t.Context(), "k", "new")
		r, err := d.get("k")
		require.NoError(t, err)
		require.Equal(t, "old", string(r.Item.Value), "what is not safe is not shown")
		d.release()
		require.NoError(t, <-answer)
		r, err = d.get("k")
		require.NoError(t, err)
		require.Equal(t, "new", string(r.Item.Value))
		d.ends()
	})
}

func TestOneMayLookWhileTheNodeIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		var ended atomic.Bool
		looking := make(chan node.Figures)
		go func() {
			var f node.Figures
			for !ended.Load() {
				if f = d.figures(); f.Applied > f.Synced || f.Synced > f.Last {
					break
				}
			}
			looking <- f
		}()
		for range 100 {
			_, err := d.Write(t.Context(), machine.Request{Command: kv.Put("k", nil)})
			require.NoError(t, err)
		}
		ended.Store(true)
		f := <-looking
		require.LessOrEqual(t, f.Applied, f.Synced)
		require.LessOrEqual(t, f.Synced, f.Last)
		d.ends()
	})
}

// session is a query for who has seen so much.
func session(index uint64) node.Query {
	return node.Query{Key: "k", Level: node.Session, Seen: node.Position{Index: index, Epoch: first}}
}

func TestAReadThatHasToWaitIsAnsweredWhenItCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		next := d.figures().Last + 1
		shown := make(chan node.Reply, 1)
		go func() {
			r, err := d.Read(t.Context(), session(next))
			require.NoError(t, err)
			shown <- r
		}()
		synctest.Wait()
		require.Empty(t, shown)
		require.NoError(t, <-d.put(t.Context(), "k", "v"))
		require.Equal(t, "v", string((<-shown).Item.Value))
		require.Zero(t, d.gaveUp.Load())
		d.ends()
	})
}

func TestTheNodeIsToldWhenNobodyWaitsForARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("a second has passed"))
		defer cancel()
		began := time.Now()
		_, err := d.Read(ctx, session(1000))
		require.ErrorIs(t, err, node.ErrNotYet)
		require.ErrorContains(t, err, "a second has passed")
		require.Equal(t, time.Second, time.Since(began))
		synctest.Wait()
		require.EqualValues(t, 1, d.gaveUp.Load())
		d.ends()
	})
}

func TestWhenTheInboxIsFullMessagesAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{Inbox: 1000}, replication.Config{})
		message := func(bytes int) node.Message {
			return node.Message{From: 2, To: 1, Kind: "greeting", Data: make([]byte, bytes)}
		}
		d.hold()
		answer := d.put(t.Context(), "k", "") // while this is synced nothing is taken
		require.True(t, d.Deliver(message(2000)), "one at least has room")
		require.False(t, d.Deliver(message(1)))
		d.release()
		require.NoError(t, <-answer)
		synctest.Wait()

		d.hold()
		answer = d.put(t.Context(), "k", "")
		require.True(t, d.Deliver(message(400)))
		require.True(t, d.Deliver(message(400)))
		require.False(t, d.Deliver(message(400)))
		call := make(chan error, 1)
		go func() { call <- d.Call(t.Context(), func() error { return nil }) }()
		d.release()
		require.NoError(t, <-call, "an operator has room")
		require.NoError(t, <-answer)
		d.ends()
	})
}

func TestANodeIsToldOfTheTimeEvenIfNothingArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{Peers: []node.ID{2}, Acks: 1, Heartbeat: 100 * time.Millisecond})
		before := d.sent.Load()
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 10, d.sent.Load()-before)
		d.ends()
	})
}

func TestACallIsAnsweredWhenWhatItWroteIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		d.hold()
		answer := d.call(t.Context(), nil)
		waits(t, answer)
		d.release()
		require.NoError(t, <-answer)
		require.EqualError(t, <-d.call(t.Context(), errors.New("not today")), "not today")
		d.ends()
	})
}

func TestWhoDoesNotWaitForACallDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		err := <-d.call(canceled(t), nil)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, kv.ErrUnknown, "it has not begun")

		d.hold()
		ctx, giveUp := context.WithCancel(t.Context())
		answer := d.call(ctx, nil)
		giveUp()
		require.ErrorIs(t, <-answer, kv.ErrUnknown)
		d.release()
		synctest.Wait()
		d.requireKey("called", true)
		d.ends()
	})
}

func TestAFailedDiskEndsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{Peers: []node.ID{2}, Acks: 1})
		require.NoError(t, d.Err())
		fate := d.hold()
		writing := d.put(t.Context(), "k", "")
		queued := d.put(t.Context(), "l", "")
		reading := make(chan error, 1)
		go func() {
			_, err := d.Read(t.Context(), session(1000))
			reading <- err
		}()
		synctest.Wait()
		sent := d.sent.Load()
		d.fails(fate)

		<-d.Ended()
		require.ErrorIs(t, d.Err(), syscall.EIO)
		require.ErrorIs(t, <-writing, kv.ErrUnknown)
		for name, err := range map[string]error{
			"queued": <-queued, "reading": <-reading,
			"writing afterwards": <-d.put(t.Context(), "m", ""), "calling afterwards": <-d.call(t.Context(), nil),
			"reading afterwards": func() error { _, err := d.get("k"); return err }(),
		} {
			require.ErrorContains(t, err, "input/output error", name)
			require.NotErrorIs(t, err, kv.ErrUnknown, name)
		}
		time.Sleep(time.Hour)
		require.Equal(t, sent, d.sent.Load(), "it says nothing any more")
		require.EqualValues(t, 2, d.figures().Last, "one may still look")
		require.ErrorIs(t, d.Close(), syscall.EIO)
	})
}

// The promotion that the disk has failed in may be there after the next start.
func TestACallInWhichTheDiskFailsMayHaveHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		fate := d.hold()
		answer := d.call(t.Context(), nil)
		d.fails(fate)
		err := <-answer
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.ErrorContains(t, err, "input/output error")
		require.Error(t, d.Close())
	})
}

func TestCloseEndsTheTurnThatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{})
		fate := d.hold()
		writing, queued := d.put(t.Context(), "k", ""), d.put(t.Context(), "l", "")
		closed := make(chan error, 1)
		go func() { closed <- d.Close() }()
		waits(t, closed, writing, queued)
		_, err := d.Write(t.Context(), machine.Request{Command: kv.Put("m", nil)})
		require.ErrorContains(t, err, "closed", "nothing is begun any more")
		require.NotErrorIs(t, err, kv.ErrUnknown)

		close(fate)
		require.NoError(t, <-closed)
		require.NoError(t, <-writing)
		if err := <-queued; err != nil { // or it was taken in the last moment
			require.ErrorContains(t, err, "closed")
			require.NotErrorIs(t, err, kv.ErrUnknown)
		}
		_, err = d.get("k")
		require.ErrorContains(t, err, "closed")
		require.ErrorContains(t, <-d.call(t.Context(), nil), "closed")
		_, err = d.disk.Lock()
		require.NoError(t, err, "the disk is free")
	})
}

// With another disk to wait for, a write outlives its turn.
func TestWhoStillWaitsWhenTheNodeIsClosedDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, node.LoopConfig{}, replication.Config{Peers: []node.ID{2}})
		answer := d.put(t.Context(), "k", "")
		waits(t, answer)
		require.NoError(t, d.Close())
		err := <-answer
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.ErrorContains(t, err, "closed")
	})
}
