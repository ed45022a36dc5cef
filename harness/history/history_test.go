package history_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/history"
)

func TestAHistorySurvivesTheDisk(t *testing.T) {
	absent := uint64(0)
	h := history.History{
		Header: history.Header{Scenario: "baseline", Column: "01", World: "real", Seed: 1 << 63},
		Ops: []history.Op{
			{ID: 0, Client: 1, Phase: "warm-up", Kind: history.Put, Key: "a\n<b>", Value: "\xff\x00 \u2028", If: &absent, Call: 5, Return: 9,
				Outcome: history.OK, Status: history.Done, Version: 1},
			{ID: 1, Client: 1, Phase: "warm-up", Kind: history.Get, Key: "\xfe", Call: 10, Return: 11, Outcome: history.Fail, Error: "bad \xfe"},
			{ID: 2, Client: 1, Phase: "quiet", Kind: history.Scan, Key: "p", After: "q", Limit: 2, Call: 12, Return: 13, Outcome: history.OK,
				Status: history.Done, Items: []history.Item{{Key: "p1", Value: "", Version: 7}, {Key: "p2", Value: "\x80", Version: 8}}, More: true},
			{ID: 3, Client: 1, Phase: "quiet", Kind: history.Delete, Key: "p", Call: 14, Outcome: history.Unknown, Error: "time-out"},
		},
		Events: []history.Event{
			{At: 0, Kind: "phase", Text: "warm-up"},
			{At: 11, Kind: "fault", Node: "n1", Text: "kill"},
			{At: 12, Kind: "sample", Node: "n1", Text: "rss", Value: 1 << 20},
			{At: 13, Kind: history.Message, Node: "n1", To: "n2", Until: 20, Text: "append 1..2"},
			{At: 14, Kind: history.Position, Node: "n2", Positions: &history.Positions{Written: 2, Synced: 1}, Role: "follower", Epoch: "1.n1"},
			{At: 15, Kind: "fault", Node: "n1", To: "n2", Until: 30, Text: "cut"},
		},
	}
	var file bytes.Buffer
	require.NoError(t, history.Write(&file, h))
	got, err := history.Read(&file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(h, got))
}

func TestTheReaderNamesTheLineThatIsWrong(t *testing.T) {
	const header = `{"type":"header","scenario":"s","column":"01","world":"real","seed":1}` + "\n"
	for name, c := range map[string]struct{ file, want string }{
		"nothing":         {"", "empty"},
		"no header":       {`{"type":"event","at":1,"kind":"note","text":"x"}` + "\n", "line 1: type \"event\": the header"},
		"two headers":     {header + header, "line 2: type \"header\""},
		"not JSON":        {header + "{\n", "line 2: unexpected end"},
		"unknown type":    {header + `{"type":"opp"}` + "\n", `line 2: type "opp": neither`},
		"unknown field":   {header + `{"type":"op","idd":1}` + "\n", `line 2: json: unknown field "idd"`},
		"two on a line":   {header + `{"type":"event","at":1,"kind":"note","text":"x"} {}` + "\n", "line 2: invalid character"},
		"cut short":       {header + `{"type":"event","at":1,"kind":"note","text":"x"}`, "line 2: the line has no end"},
		"strange text":    {header + `{"type":"op","key":{"base65":"eA=="}}` + "\n", "line 2: "},
		"text of no kind": {header + `{"type":"op","key":{}}` + "\n", "neither a string nor"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := history.Read(strings.NewReader(c.file))
			require.ErrorContains(t, err, c.want)
		})
	}
}

// goodOp is a put that Validate has nothing against.
func goodOp(id, client int, call, ret int64) history.Op {
	return history.Op{ID: id, Client: client, Phase: "warm-up", Kind: history.Put, Key: "x", Value: "1", Call: call, Return: ret,
		Outcome: history.OK, Status: history.Done, Version: uint64(id) + 1}
}

func TestAMalformedHistoryIsRefused(t *testing.T) {
	v := uint64(3)
	change := func(f func(*history.Op)) []history.Op {
		op := goodOp(0, 0, 10, 20)
		f(&op)
		return []history.Op{op}
	}
	unknown := goodOp(0, 0, 10, 0)
	unknown.Outcome, unknown.Status, unknown.Version = history.Unknown, "", 0
	for name, c := range map[string]struct {
		ops  []history.Op
		want string
	}{
		"two ids":               {[]history.Op{goodOp(0, 0, 1, 2), goodOp(0, 0, 3, 4)}, "two operations have id 0"},
		"overlap":               {[]history.Op{goodOp(0, 7, 1, 5), goodOp(1, 7, 4, 6)}, "client 7 called operation 1 before operation 0 was answered"},
		"on after unknown":      {[]history.Op{unknown, goodOp(1, 0, 30, 40)}, "client 0 went on with operation 1"},
		"answered too early":    {change(func(o *history.Op) { o.Return = 9 }), "answered before it was called"},
		"failed too early":      {change(func(o *history.Op) { o.Outcome, o.Status, o.Version, o.Return = history.Fail, "", 0, 9 }), "answered before"},
		"before the run":        {change(func(o *history.Op) { o.Call = -1 }), "before the run began"},
		"no kind":               {change(func(o *history.Op) { o.Kind = "" }), `kind ""`},
		"no key":                {change(func(o *history.Op) { o.Key = "" }), "no key"},
		"no phase":              {change(func(o *history.Op) { o.Phase = "" }), "no phase"},
		"no outcome":            {change(func(o *history.Op) { o.Outcome = "" }), `outcome ""`},
		"no status":             {change(func(o *history.Op) { o.Status = "" }), `a put with the status ""`},
		"wrong status":          {change(func(o *history.Op) { o.Status = history.Absent }), `a put with the status "absent"`},
		"conflict with what":    {change(func(o *history.Op) { o.Status = history.Conflict }), "without a condition"},
		"answer to unknown":     {change(func(o *history.Op) { o.Outcome = history.Unknown }), "and yet an answer"},
		"negative client":       {change(func(o *history.Op) { o.Client = -1 }), "negative"},
		"condition of a get":    {change(func(o *history.Op) { o.Kind, o.If = history.Get, &v }), "and yet has a condition"},
		"level of a put":        {change(func(o *history.Op) { o.Level = "stale" }), "no read"},
		"cursor without a scan": {change(func(o *history.Op) { o.After = "k" }), "no scan"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, history.Validate(history.History{Ops: c.ops}), c.want)
		})
	}
}

func TestAMalformedEventIsRefused(t *testing.T) {
	for want, e := range map[string]history.Event{
		"event 0 lacks": {Kind: "note"},
		"ended before":  {Kind: "fault", Text: "pause", Node: "n1", At: 5, Until: 4},
		"nobody":        {Kind: history.Message, Text: "ack 1", Node: "n1"},
		"of no node":    {Kind: history.Position, Positions: &history.Positions{}},
		"or none":       {Kind: history.Position, Node: "n1"},
		"from nowhere":  {Kind: "fault", Text: "cut", To: "n1"},
	} {
		require.ErrorContains(t, history.Validate(history.History{Events: []history.Event{e}}), want)
	}
	require.NoError(t, history.Validate(history.History{Events: []history.Event{
		{Kind: history.Position, Node: "n1", Positions: &history.Positions{}},
		{Kind: history.Message, Node: "n1", To: "n2", Text: "ack 1"},
	}}))
}

func TestWhatLastsEndsWhenItIsSaid(t *testing.T) {
	r := history.NewRecorder(history.Header{})
	over := r.Lasting(history.Event{Kind: "fault", Node: "n1", Text: "pause"})
	r.Lasting(history.Event{Kind: "fault", Node: "n2", Text: "pause"})
	over()
	events := r.History().Events
	require.GreaterOrEqual(t, events[0].Until, events[0].At)
	require.NotZero(t, events[0].Until)
	require.Zero(t, events[1].Until)
}

func TestHistoriesThatLookOddAreStillWellFormed(t *testing.T) {
	unknown := goodOp(1, 0, 2, 0)
	unknown.Outcome, unknown.Status, unknown.Version = history.Unknown, "", 0
	refused := goodOp(2, 1, 2, 2)
	refused.Key, refused.Outcome, refused.Status, refused.Version = "", history.Fail, "", 0
	h := history.History{Ops: []history.Op{goodOp(0, 0, 1, 2), unknown, refused}} // next call at the instant of the last return
	require.NoError(t, history.Validate(h))
}

func TestWhatIsRecordedIsWellFormed(t *testing.T) {
	r := history.NewRecorder(history.Header{Scenario: "s", Column: "01", World: "real"})
	var mu sync.Mutex
	begun, ended := map[int]bool{}, map[int]bool{}
	r.OnBegin = func(c history.Counts, _ history.Op) { mu.Lock(); defer mu.Unlock(); begun[c.Begun] = true; r.Counts() }
	r.OnEnd = func(c history.Counts, _ history.Op) { mu.Lock(); defer mu.Unlock(); ended[c.Ended] = true; r.Counts() }
	r.Phase("warm-up")
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			c := r.Client()
			for i := range 50 {
				call := c.Begin(history.Op{Kind: history.Put, Key: "x", Value: fmt.Sprint(n, i)})
				if i%10 == 9 {
					call.End(history.Answer{Outcome: history.Unknown, Error: "time-out"})
					continue
				}
				call.End(history.Answer{Outcome: history.OK, Status: history.Done, Version: 1, Node: "n1"})
			}
		})
	}
	wg.Wait()
	r.Sample("n1", "rss", 12)
	h := r.History()
	require.NoError(t, history.Validate(h))
	require.Len(t, h.Ops, 200)
	require.Equal(t, history.Counts{Begun: 200, Ended: 200, OK: 180, Unknown: 20}, r.Counts())
	require.Len(t, begun, 200, "every count is seen by a hook once")
	require.Len(t, ended, 200, "every count is seen by a hook once")
	for i, op := range h.Ops {
		require.Equal(t, i, op.ID)
		require.Equal(t, "warm-up", op.Phase)
	}
	var file bytes.Buffer
	require.NoError(t, history.Write(&file, h))
	got, err := history.Read(&file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(h, got))
}

func TestAClientThatDoesNotKnowGoesOnUnderAnotherNumber(t *testing.T) {
	r := history.NewRecorder(history.Header{})
	a, b := r.Client(), r.Client()
	get := history.Op{Kind: history.Get, Key: "x"}
	first := a.Begin(get).End(history.Answer{Outcome: history.OK, Status: history.Absent})
	lost := a.Begin(get).End(history.Answer{Outcome: history.Unknown})
	other := b.Begin(get).End(history.Answer{Outcome: history.OK, Status: history.Done, Value: "v", Version: 1})
	next := a.Begin(get).End(history.Answer{Outcome: history.Fail, Error: "no"})
	require.Equal(t, []int{0, 0, 1, 2}, []int{first.Client, lost.Client, other.Client, next.Client})
	require.Equal(t, "v", other.Value)
}

func TestARunMayHaveAClockOfItsOwn(t *testing.T) {
	now := int64(5)
	r := history.NewRecorderBy(history.Header{Scenario: "s"}, func() int64 { return now })
	r.Expect(10)
	c := r.Client()
	call := c.Begin(history.Op{Kind: history.Get, Key: "x", Level: "stale"})
	now = 9
	op := call.End(history.Answer{Outcome: history.OK, Status: history.Absent})
	require.Equal(t, []int64{5, 9}, []int64{op.Call, op.Return})
	require.Equal(t, "stale", op.Level)

	other := history.NewRecorder(history.Header{Scenario: "of another"})
	other.Take(r.History())
	require.Equal(t, r.History().Ops, other.History().Ops)
	require.Equal(t, "of another", other.History().Header.Scenario)
	require.Equal(t, 1, other.Client().Begin(history.Op{Kind: history.Get, Key: "y"}).End(history.Answer{Outcome: history.OK, Status: history.Absent}).Client)
}

func TestAnOperationThatStillRunsIsUnknown(t *testing.T) {
	r := history.NewRecorder(history.Header{})
	call := r.Client().Begin(history.Op{Kind: history.Put, Key: "x", Value: "1"})
	require.Equal(t, history.Unknown, r.History().Ops[0].Outcome)
	call.End(history.Answer{Outcome: history.OK, Status: history.Done, Version: 1})
	require.Equal(t, history.OK, r.History().Ops[0].Outcome)
}
