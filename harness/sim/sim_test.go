package sim_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/sim"
)

func find(t testing.TB, name string) sim.Scenario {
	t.Helper()
	s, err := sim.Find(name)
	require.NoError(t, err)
	return s
}

func draw(t testing.TB, name, column string, seed uint64) sim.Plan {
	t.Helper()
	p, err := find(t, name).Draw(column, seed)
	require.NoError(t, err)
	return p
}

func run(t testing.TB, p sim.Plan) *sim.Report {
	t.Helper()
	r, err := sim.Run(p, false)
	require.NoError(t, err)
	return r
}

// each calls test for every scenario and every step that it is put to.
func each(t *testing.T, test func(t *testing.T, s sim.Scenario, column string)) {
	for _, s := range sim.Scenarios() {
		for _, column := range s.Columns() {
			t.Run(s.Name+"/"+column, func(t *testing.T) {
				t.Parallel()
				test(t, s, column)
			})
		}
	}
}

// slow are scenarios whose runs are long: fewer of them have to do.
var slow = []string{"months-of-writes", "late-joiner", "overload"}

func seeds(s sim.Scenario, n uint64) uint64 {
	if slices.Contains(slow, s.Name) {
		return 1
	}
	return n
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	each(t, func(t *testing.T, s sim.Scenario, column string) {
		for seed := range seeds(s, 2) {
			p := draw(t, s.Name, column, seed)
			p.Times.Faults = min(p.Times.Faults, sim.Span(10*time.Second))
			one, again := run(t, p), run(t, p)
			require.Empty(t, cmp.Diff(said(one), said(again)))
			require.Equal(t, one.History, again.History)
		}
	})
}

// said is what a report says, without what is only for the package.
func said(r *sim.Report) string {
	text, _ := json.Marshal(r)
	return string(text)
}

func TestWhoLooksCloserSeesTheSameRun(t *testing.T) {
	p := draw(t, "everything", "06", 3)
	closer, err := sim.Run(p, true)
	require.NoError(t, err)
	require.Equal(t, run(t, p).Hash, closer.Hash)
	kinds := map[string]int{}
	for _, e := range closer.History.Events {
		kinds[e.Kind]++
	}
	require.Greater(t, kinds[history.Message], 1000)
	require.Greater(t, kinds[history.Position], 1000)
	require.NoError(t, history.Validate(*closer.History))
}

func TestOtherSeedsGiveOtherRuns(t *testing.T) {
	hashes := map[string]bool{}
	for seed := range uint64(10) {
		hashes[run(t, draw(t, "everything", "05", seed)).Hash] = true
	}
	require.Len(t, hashes, 10)
}

func TestAPlanIsAllThereIsToARun(t *testing.T) {
	for _, name := range []string{"everything", "broken-transfer", "wrong-promotion"} {
		p := draw(t, name, "06", 5)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := sim.ReadPlan(text)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(p, again))
		require.Equal(t, run(t, p).Hash, run(t, again).Hash)
	}
}

func TestAPlanThatMakesNoSenseIsRefused(t *testing.T) {
	for want, change := range map[string]func(*sim.Plan){
		"0 nodes":                 func(p *sim.Plan) { p.Nodes = 0 },
		"by 9 of":                 func(p *sim.Plan) { p.Acks = 9 },
		"without clients":         func(p *sim.Plan) { p.Work.Clients = 0 },
		"nothing is known":        func(p *sim.Plan) { p.Column = "01" },
		"there is no fault":       func(p *sim.Plan) { p.Faults = []sim.Fault{{Kind: "storm"}} },
		"unknown":                 nil,
		"is not a question for":   nil,
		"sim: no scenario \"me\"": nil,
	} {
		var err error
		switch want {
		case "unknown":
			_, err = sim.ReadPlan([]byte(`{"fautls":[]}`))
		case "is not a question for":
			_, err = find(t, "broken-transfer").Draw("05", 1)
		case "sim: no scenario \"me\"":
			_, err = sim.Find("me")
		default:
			p := draw(t, "baseline", "05", 1)
			change(&p)
			_, err = sim.Run(p, false)
		}
		require.ErrorContains(t, err, want)
	}
}

func TestScenariosComeOutAsTheySay(t *testing.T) {
	each(t, func(t *testing.T, s sim.Scenario, column string) {
		r, err := sim.Seeds(s.Name, column, 1, int(seeds(s, 5)), false)
		require.NoError(t, err)
		if broken := s.Broken[column]; broken != "" {
			require.Equal(t, check.Violation, r.Verdict)
			require.Equal(t, broken, r.Checker)
			return
		}
		require.NotEqual(t, check.Violation, r.Verdict, "seed %d: %s: %s\n%s", r.Seed, r.Checker, r.Reason, r.Story)
	})
}

func TestWhatIsJudgedAgainComesOutTheSame(t *testing.T) {
	for _, name := range []string{"split", "leader-dies", "late-joiner", "bad-network"} {
		s := find(t, name)
		r := run(t, draw(t, name, "05", 1))
		found := check.Judge(r.History, s.Checkers()...)
		require.Equal(t, r.Verdict, check.All(found).Verdict, "%s: %v", name, check.All(found))
		require.Equal(t, r.Checker, check.All(found).Checker, name)
	}
}

func TestAPlanIsCutDownToWhatMatters(t *testing.T) {
	for name, most := range map[string]int{"wrong-promotion": 2, "split": 30} {
		r := run(t, draw(t, name, "05", 2))
		require.Equal(t, check.Violation, r.Verdict)
		small := sim.Shrink(r)
		require.Equal(t, r.Checker, small.Checker)
		require.LessOrEqual(t, len(small.Plan.Faults), 2)
		ops := 0
		for _, script := range small.Plan.Work.Script {
			ops += len(script)
		}
		require.LessOrEqual(t, ops, most)
		require.LessOrEqual(t, strings.Count(small.Story, "\n"), 20)
		again := run(t, *small.Plan)
		require.Equal(t, said(small), said(again))
	}
}

// Of the promises, some are about what happens when nothing is asked any more.
func TestWhatIsNotBrokenIsNotCutDown(t *testing.T) {
	r := run(t, draw(t, "baseline", "05", 1))
	require.Same(t, r, sim.Shrink(r))
}

func TestFaultsHappen(t *testing.T) {
	coverage := map[string]int{}
	for _, name := range []string{"everything", "broken-transfer", "wrong-promotion", "leader-paused", "split"} {
		for seed := range uint64(15) {
			for what, n := range run(t, draw(t, name, "06", seed)).Coverage {
				coverage[what] += n
			}
		}
	}
	for _, k := range []sim.Kind{
		sim.Kill, sim.Power, sim.PowerAll, sim.DiskGone, sim.Pause, sim.Rot, sim.SlowDisk, sim.DiskError, sim.DiskFull, sim.ShortWrite, sim.FailedSync,
		sim.Cut, sim.Split, sim.Bridge, sim.Deaf, sim.Mute, sim.Flap, sim.SlowLink, sim.Loss, sim.Twice, sim.Late,
		sim.LoseRequest, sim.LoseReply, sim.LateClients, sim.Drift, sim.Freeze, sim.Join,
	} {
		require.Positive(t, coverage[string(k)], k)
	}
	for _, what := range []string{
		"appointed", "takeovers", "restarts", "torn tails", "tails cut", "applied tails cut", "ended by the disk", "damage refused",
		"messages lost", "messages twice", "requests lost", "replies lost", "snapshots made", "snapshots fetched",
	} {
		require.Positive(t, coverage[what], what)
	}
}
