package queue_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/queue"
)

// at is a moment, some seconds after the beginning.
func at(seconds int) time.Time { return time.Unix(1_000_000+int64(seconds), 0) }

// fill makes a queue of the works 0 to n-1, of 10 bytes each, who came together.
func fill(t *testing.T, n int, c queue.Config) (*queue.Queue[int], []*queue.Place[int]) {
	t.Helper()
	q := queue.New[int](c)
	var places []*queue.Place[int]
	for i := range n {
		p, err := q.Enter(i, 10, at(0))
		require.NoError(t, err)
		places = append(places, p)
	}
	return q, places
}

func requireLen(t *testing.T, q *queue.Queue[int], items, bytes int) {
	t.Helper()
	i, b := q.Len()
	require.Equal(t, [2]int{items, bytes}, [2]int{i, b}, "items and bytes in line")
}

var roomy = queue.Config{Bytes: 1000, Wait: 10 * time.Second}

func TestWorkIsTakenInTheOrderOfArrival(t *testing.T) {
	q, _ := fill(t, 5, roomy)
	work, late := q.Take(3, 1000, at(1))
	require.Equal(t, []int{0, 1, 2}, work)
	require.Empty(t, late)
	_, err := q.Enter(5, 10, at(1))
	require.NoError(t, err)
	work, _ = q.Take(100, 1000, at(1))
	require.Equal(t, []int{3, 4, 5}, work)
	work, late = q.Take(100, 1000, at(1))
	require.Empty(t, work)
	require.Empty(t, late)
	requireLen(t, q, 0, 0)
}

func TestWhatDoesNotFitIsRefusedAtOnce(t *testing.T) {
	q, _ := fill(t, 3, queue.Config{Bytes: 35, Wait: time.Minute})
	_, err := q.Enter(9, 6, at(0))
	require.ErrorIs(t, err, queue.ErrFull)
	requireLen(t, q, 3, 30)
	_, err = q.Enter(3, 5, at(0))
	require.NoError(t, err, "to the last byte")
	_, err = q.Enter(9, 1, at(0))
	require.ErrorIs(t, err, queue.ErrFull)
	q.Take(1, 1000, at(0))
	_, err = q.Enter(4, 10, at(0))
	require.NoError(t, err, "there is room again")
	work, _ := q.Take(10, 1000, at(0))
	require.Equal(t, []int{1, 2, 3, 4}, work)
}

func TestOneThatIsTooLargeIsLetInAlone(t *testing.T) {
	q := queue.New[int](queue.Config{Bytes: 100, Wait: time.Minute})
	_, err := q.Enter(0, 5000, at(0))
	require.NoError(t, err)
	_, err = q.Enter(1, 1, at(0))
	require.ErrorIs(t, err, queue.ErrFull)
	work, _ := q.Take(10, 100, at(0))
	require.Equal(t, []int{0}, work, "it is taken, although it does not fit")
	_, err = q.Enter(1, 1, at(0))
	require.NoError(t, err)
	_, err = q.Enter(0, 5000, at(0))
	require.ErrorIs(t, err, queue.ErrFull, "there is somebody else in line")
}

func TestNobodyIsLetInWhileTheFirstHasWaitedTooLong(t *testing.T) {
	q, _ := fill(t, 1, roomy)
	_, err := q.Enter(1, 10, at(10))
	require.NoError(t, err, "not yet too long")
	_, err = q.Enter(2, 10, at(11))
	require.ErrorIs(t, err, queue.ErrFull)
	work, late := q.Take(10, 1000, at(11))
	require.Equal(t, []int{1}, work)
	require.Equal(t, []int{0}, late)
	_, err = q.Enter(3, 10, at(11))
	require.NoError(t, err)
}

func TestWhoHasWaitedTooLongIsRefusedAndNotServed(t *testing.T) {
	q, _ := fill(t, 4, roomy)
	_, err := q.Enter(4, 10, at(5))
	require.NoError(t, err)
	work, late := q.Take(1, 1000, at(11))
	require.Equal(t, []int{4}, work, "the late do not count among the items")
	require.Equal(t, []int{0, 1, 2, 3}, late)
	requireLen(t, q, 0, 0)
}

func TestTakeIsBoundedInItemsAndBytes(t *testing.T) {
	q, _ := fill(t, 6, roomy)
	for _, c := range []struct{ items, bytes, want int }{
		{0, 1000, 0}, {2, 1000, 2}, {10, 25, 2}, {10, 0, 1}, {10, 10, 1},
	} {
		work, _ := q.Take(c.items, c.bytes, at(0))
		require.Len(t, work, c.want, "%+v", c)
	}
	requireLen(t, q, 0, 0)
}

func TestALargeOneIsNotOvertaken(t *testing.T) {
	q := queue.New[int](roomy)
	for i, size := range []int{10, 500, 10} {
		_, err := q.Enter(i, size, at(0))
		require.NoError(t, err)
	}
	work, _ := q.Take(10, 100, at(0))
	require.Equal(t, []int{0}, work)
	work, _ = q.Take(10, 100, at(0))
	require.Equal(t, []int{1}, work)
}

func TestWhoLeavesInTimeIsNotServed(t *testing.T) {
	q, places := fill(t, 4, roomy)
	require.True(t, q.Leave(places[1]))
	require.True(t, q.Leave(places[3]))
	requireLen(t, q, 2, 20)
	require.False(t, q.Leave(places[1]), "he has left already")
	requireLen(t, q, 2, 20)
	work, _ := q.Take(10, 1000, at(0))
	require.Equal(t, []int{0, 2}, work)
}

func TestWhoLeavesTooLateIsTold(t *testing.T) {
	q, places := fill(t, 2, roomy)
	q.Take(1, 1000, at(0))
	q.Take(1, 1000, at(20))
	require.False(t, q.Leave(places[0]), "taken")
	require.False(t, q.Leave(places[1]), "late")
}

func TestWhenTheFirstLeavesHisWaitingDoesNotCount(t *testing.T) {
	q, places := fill(t, 1, roomy)
	_, err := q.Enter(1, 10, at(9))
	require.NoError(t, err)
	require.True(t, q.Leave(places[0]))
	_, err = q.Enter(2, 10, at(15))
	require.NoError(t, err)
}

func TestReadyTellsOfWhoeverIsInLine(t *testing.T) {
	q := queue.New[int](roomy)
	require.Empty(t, q.Ready())
	for i := range 3 {
		_, err := q.Enter(i, 10, at(0))
		require.NoError(t, err)
	}
	<-q.Ready()
	require.Empty(t, q.Ready(), "once is enough for those who are there")
	_, err := q.Enter(3, 10, at(0))
	require.NoError(t, err)
	<-q.Ready()
	_, err = q.Enter(4, 10000, at(0))
	require.ErrorIs(t, err, queue.ErrFull)
	require.Empty(t, q.Ready(), "who was refused has not entered")

	q.Take(3, 1000, at(0))
	<-q.Ready() // there is one left
	q.Take(3, 1000, at(0))
	require.Empty(t, q.Ready())
}

// Many come, and some of them leave while others are taken. Each is served,
// refused, or has left in time, and only one of the three.
func TestNobodyIsBothTakenAndGone(t *testing.T) {
	const people, times = 8, 500
	q := queue.New[int](queue.Config{Bytes: 40, Wait: time.Hour})
	var taken, left, refused [people * times]atomic.Int32
	var group sync.WaitGroup
	for i := range people {
		group.Go(func() {
			for j := range times {
				n := i*times + j
				p, err := q.Enter(n, 10, time.Now())
				switch {
				case err != nil:
					refused[n].Add(1)
				case n%2 == 0 && q.Leave(p):
					left[n].Add(1)
				}
			}
		})
	}
	take := func() {
		work, late := q.Take(3, 1000, time.Now())
		assert.Empty(t, late)
		for _, n := range work {
			taken[n].Add(1)
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-q.Ready():
				for n, _ := q.Len(); n > 0; n, _ = q.Len() {
					take()
				}
			case <-stop:
				return
			}
		}
	}()
	group.Wait()
	close(stop)
	<-stopped
	for n, _ := q.Len(); n > 0; n, _ = q.Len() {
		take()
	}
	for n := range taken {
		assert.EqualValues(t, 1, taken[n].Load()+left[n].Load()+refused[n].Load(), "work %d", n)
	}
	requireLen(t, q, 0, 0)
}

// There is room for two. The third is refused at once; the first gives up; the
// second is served.
func Example() {
	now := time.Now()
	q := queue.New[string](queue.Config{Bytes: 20, Wait: time.Second})
	first, _ := q.Enter("the first", 10, now)
	q.Enter("the second", 10, now)
	_, err := q.Enter("the third", 10, now)
	fmt.Println(err)
	fmt.Println("left in time:", q.Leave(first))
	<-q.Ready()
	work, late := q.Take(100, 1000, now)
	fmt.Println(work, late)
	// Output:
	// the queue is full
	// left in time: true
	// [the second] []
}
