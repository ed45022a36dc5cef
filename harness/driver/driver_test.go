package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// TestMain lets the test binary be the driver when the driver runs itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if _, ok := verbs()[os.Args[1]]; ok {
			os.Exit(run(os.Args[1:]))
		}
	}
	os.Exit(m.Run())
}

// drive runs a verb and returns its history and its error.
func drive(t *testing.T, args ...string) (history.History, error) {
	t.Helper()
	c, err := parse(args[0], append(args[1:], "-dir", t.TempDir()))
	require.NoError(t, err)
	var out bytes.Buffer
	failure := verbs()[args[0]].run(c, &out)
	h, err := history.Read(&out)
	require.NoError(t, err)
	require.NoError(t, history.Validate(h))
	return h, failure
}

func shared() []check.Checker {
	return []check.Checker{check.Linearizable(10 * time.Second), check.Versions, check.Scans, check.Counter(counter)}
}

func TestStep01IsAMapForOneGoroutine(t *testing.T) {
	for _, seed := range []string{"1", "2", "3"} {
		h, err := drive(t, "model", "-seed", seed)
		require.NoError(t, err)
		require.Equal(t, check.Pass, check.All(check.Judge(&h, check.Model)).Verdict)
	}
}

func TestASeedAsksForTheSame(t *testing.T) {
	ask := func() (ops []history.Op) {
		h, err := drive(t, "model", "-seed", "7", "-ops", "300")
		require.NoError(t, err)
		for _, op := range h.Ops {
			op.Call, op.Return = 0, 0
			ops = append(ops, op)
		}
		return ops
	}
	require.Equal(t, ask(), ask())
}

func TestStep02IsSafeForGoroutines(t *testing.T) {
	for _, store := range []string{"locked", "sharded", "mapped"} {
		h, err := drive(t, "goroutines", "-store", store)
		require.NoError(t, err, store)
		require.Greater(t, len(h.Ops), 2000)
		require.Equal(t, check.Finding{Checker: "all", Verdict: check.Pass}, check.All(check.Judge(&h, shared()...)), store)
	}
}

func TestStep01IsSeenToFailForGoroutinesAndWhatHappenedBeforeIsKept(t *testing.T) {
	for _, seed := range []string{"1", "2", "3"} {
		h, err := drive(t, "goroutines", "-store", "map", "-seed", seed)
		require.NotEmpty(t, h.Ops)
		if err != nil {
			require.ErrorAs(t, err, &violation{})
			require.Equal(t, err.Error(), h.Events[1].Text)
			continue
		}
		require.Equal(t, check.Violation, check.All(check.Judge(&h, shared()...)).Verdict)
	}
}

func TestAFileThatIsOpenedTwiceKeepsItsLock(t *testing.T) {
	h, err := drive(t, "handles", "-ops", "200")
	require.NoError(t, err)
	require.Equal(t, check.Finding{Checker: "all", Verdict: check.Pass}, check.All(check.Judge(&h, shared()...)))
}

func explored(t *testing.T, args ...string) (report, error) {
	t.Helper()
	c, err := parse("explore", args)
	require.NoError(t, err)
	var out bytes.Buffer
	failure := runExplore(c, &out)
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), failure)
	return r, failure
}

func TestStep02IsSafeInEveryOrder(t *testing.T) {
	for _, what := range []string{"locked", "sharded", "mapped"} {
		if what == "mapped" && testing.Short() {
			continue
		}
		r, err := explored(t, "-what", what)
		require.NoError(t, err, r.Story)
		require.Equal(t, "pass", r.Verdict)
		require.Greater(t, r.Schedules, 3000)
	}
}

func TestACarelessIncrementIsLostAndTheStoryCanBeToldAgain(t *testing.T) {
	r, err := explored(t, "-what", "lost-update")
	require.ErrorAs(t, err, &violation{})
	require.Equal(t, "violation", r.Verdict)
	require.Equal(t, 252, r.Schedules)
	again, err := explored(t, "-what", "lost-update", "-schedule", r.Schedule)
	require.ErrorAs(t, err, &violation{})
	require.Equal(t, r.Story, again.Story)
	good, err := explored(t, "-what", "lost-update", "-schedule", "careless:AAAAABBBBB")
	require.NoError(t, err)
	require.Equal(t, "pass", good.Verdict)
}

// at gives an operation its place in time and its answer.
func at(call, ret int64, op history.Op, status history.Status, version uint64) history.Op {
	op.Call, op.Return, op.Outcome, op.Status, op.Version = call, ret, history.OK, status, version
	return op
}

func TestAnswersThatNoOrderExplainsAreFound(t *testing.T) {
	read := func(value string) history.Op { return history.Op{Kind: history.Get, Key: "a", Value: value} }
	page := func(items ...history.Item) history.Op {
		return history.Op{Kind: history.Scan, Items: items}
	}
	unknown := put("a", "1")
	unknown.Call, unknown.Outcome = 1, history.Unknown
	refused := get("a")
	refused.Outcome, refused.Error = history.Fail, "no"
	a1, b1 := at(1, 2, put("a", "1"), history.Done, 1), at(3, 4, put("b", "1"), history.Done, 2)
	itemA, itemB := history.Item{Key: "a", Value: "1", Version: 1}, history.Item{Key: "b", Value: "1", Version: 2}
	cases := map[string]struct {
		ops []history.Op
		ok  bool
	}{
		"a read of what was put":                 {[]history.Op{a1, at(3, 4, read("1"), history.Done, 1)}, true},
		"a stale read":                           {[]history.Op{a1, at(3, 4, get("a"), history.Absent, 0)}, false},
		"the same while the put runs":            {[]history.Op{at(1, 9, put("a", "1"), history.Done, 1), at(3, 4, get("a"), history.Absent, 0)}, true},
		"another version":                        {[]history.Op{a1, at(3, 4, read("1"), history.Done, 7)}, false},
		"two winners":                            {[]history.Op{at(1, 9, when(put("a", "1"), 0), history.Done, 1), at(2, 8, when(put("a", "2"), 0), history.Done, 2)}, false},
		"a conflict with nobody":                 {[]history.Op{at(1, 2, when(put("a", "1"), 0), history.Conflict, 3)}, false},
		"an honest conflict":                     {[]history.Op{a1, at(3, 4, when(put("a", "2"), 0), history.Conflict, 1)}, true},
		"a scan of both":                         {[]history.Op{a1, b1, at(5, 6, page(itemA, itemB), history.Done, 0)}, true},
		"a scan that misses the older":           {[]history.Op{a1, b1, at(0, 9, page(itemB), history.Done, 0)}, false},
		"a scan in between":                      {[]history.Op{a1, b1, at(0, 9, page(itemA), history.Done, 0)}, true},
		"a put without an answer that is read":   {[]history.Op{unknown, at(3, 4, read("1"), history.Done, 5)}, true},
		"and one that never happened":            {[]history.Op{unknown, at(3, 4, get("a"), history.Absent, 0)}, true},
		"and one that goes away again":           {[]history.Op{unknown, at(3, 4, read("1"), history.Done, 5), at(5, 6, get("a"), history.Absent, 0)}, false},
		"and one that is read with two versions": {[]history.Op{unknown, at(3, 4, read("1"), history.Done, 5), at(5, 6, read("1"), history.Done, 6)}, false},
		"a version twice":                        {[]history.Op{a1, at(3, 4, put("b", "1"), history.Done, 1)}, false},
		"a version that goes back":               {[]history.Op{at(1, 2, put("a", "1"), history.Done, 5), at(3, 4, put("b", "1"), history.Done, 4)}, false},
		"a refusal without a reason":             {[]history.Op{refused}, false},
		"a delete of what is there":              {[]history.Op{a1, at(3, 4, remove("a"), history.Done, 2), at(5, 6, get("a"), history.Absent, 0)}, true},
		"a delete that says that it was not":     {[]history.Op{a1, at(3, 4, remove("a"), history.Absent, 0)}, false},
	}
	for name, c := range cases {
		for i := range c.ops {
			c.ops[i].ID = i
		}
		require.Equal(t, c.ok, judge(c.ops) == nil, name)
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"model", "stray"}, {"model", "-ops", "0"}, {"goroutines", "-store", "none"}, {"explore", "-what", "nothing"}, {"fly"},
		{"explore", "-what", "lost-update", "-schedule", "careless:Z"}, {"explore", "-schedule", "none:A"},
	} {
		require.Equal(t, exitTrouble, run(append(args, "-out", t.TempDir()+"/out")), args)
	}
}

func TestLastWordsSayWhatAProcessDiedOf(t *testing.T) {
	err := lastWords(errors.New("exit status 2"), "goroutine 1\npanic: kv: entry 3 applied after entry 4 [recovered, repanicked]\n\nmore\n")
	require.ErrorAs(t, err, &violation{})
	require.EqualError(t, err, "panic: kv: entry 3 applied after entry 4")
	for _, own := range []string{"driver: no room\n", "panic: driver: the box is full\n\ngoroutine 1\n"} {
		require.NotErrorAs(t, lastWords(errors.New("exit status 2"), own), &violation{})
	}
}

func TestALongRunIsNotStuckAndASilentOneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := os.Create(filepath.Join(t.TempDir(), "box"))
		require.NoError(t, err)
		defer f.Close()
		x, err := newBox(f, 1)
		require.NoError(t, err)
		begun := time.Now()
		go func() {
			for range 10 {
				time.Sleep(patience * 3 / 4) // in the time of the test, which takes none
				x.put(get("a"))
			}
		}()
		require.True(t, idle(t.Context(), f))
		require.InDelta(t, 8.5*patience.Seconds(), time.Since(begun).Seconds(), 1)
		require.NotZero(t, filled(f))
	})
}

func TestWhatADriverStartedEndsWithIt(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	driver := exec.Command(self, "goroutines", "-store", "locked", "-ops", "200000", "-out", filepath.Join(dir, "history"))
	require.NoError(t, driver.Start())
	var box *os.File
	require.Eventually(t, func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "*", "box"))
		if len(found) == 1 {
			box, err = os.Open(found[0])
		}
		return box != nil && filled(box) > 0
	}, 10*time.Second, time.Millisecond, "its child is at work")
	defer box.Close()
	require.NoError(t, driver.Process.Kill())
	require.Error(t, driver.Wait())
	before := int64(-1)
	require.Eventually(t, func() bool {
		now := filled(box)
		quiet := now == before
		before = now
		return quiet
	}, 10*time.Second, 200*time.Millisecond, "its child has ended")
}
