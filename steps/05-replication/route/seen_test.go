package route_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
)

// A conversation is a list of turns; each says what the client does, how the
// server answers, and what it must have been asked.
type turn struct {
	do     string   // "put", "get" or "scan"
	answer string   // the position in the answer; "gone" is 409 history-changed
	asked  []string // in the end, after all tries
	fails  string   // what the error says
}

const put7 = "PUT /kv/k"

func read(seen string) string {
	if seen == "" {
		return "GET /kv/k?read=session"
	}
	return "GET /kv/k?read=session&seen=" + seen
}

func (u turn) handler() http.HandlerFunc {
	if u.answer == "gone" {
		return refuse(409, "history-changed")
	}
	return at(u.answer)
}

// play has the client do what the turns say.
func play(t *testing.T, turns ...turn) {
	t.Helper()
	f := newFake(t, leads)
	c := dial(t, node.Session, f)
	require.NoError(t, put(t, c), "there is a session of the store's kind")
	f.takes(nil)
	for i, u := range turns {
		f.takes(u.handler())
		var err error
		switch u.do {
		case "put":
			err = put(t, c)
		case "get":
			err = get(t, c)
		case "scan":
			err = scan(t, c, "x")
		}
		if u.fails == "" {
			require.NoError(t, err, "turn %d", i)
		} else {
			require.ErrorContains(t, err, u.fails, "turn %d", i)
		}
		require.Equal(t, u.asked, f.takes(nil), "turn %d", i)
	}
}

func TestAReadAsksForWhatTheClientHasReadAndWritten(t *testing.T) {
	play(t,
		turn{"get", "", []string{read("")}, ""},
		turn{"get", "5@1.n1", []string{read("")}, ""},
		turn{"get", "8@1.n1", []string{read("5%401.n1")}, ""},
		turn{"put", "11@1.n1", []string{put7}, ""},
		turn{"scan", "12@1.n1", []string{"GET /kv?prefix=x&read=session&seen=11%401.n1"}, ""},
		turn{"get", "12@1.n1", []string{read("12%401.n1")}, ""},
	)
}

func TestAReadThatWasCheckedAgainstThePastGoesOnInTheNextEpoch(t *testing.T) {
	play(t,
		turn{"get", "5@1.n1", []string{read("")}, ""},
		turn{"get", "7@2.n2", []string{read("5%401.n1")}, ""},
		turn{"get", "7@2.n2", []string{read("7%402.n2")}, ""},
	)
}

func TestAnAnswerThatShowsLessThanItMustIsNotTaken(t *testing.T) {
	never := read("5%401.n1")
	play(t,
		turn{"put", "5@1.n1", []string{put7}, ""},
		turn{"get", "4@1.n1", []string{never, never, never, never, never, never}, "has not got beyond 4@1.n1 yet"},
	)
}

// A write carries no position, so nobody has checked whether its history still
// holds what the client saw before.
func TestAfterAWriteInAnotherEpochAReadAsksForTheOldestFirst(t *testing.T) {
	play(t,
		turn{"put", "5@1.n1", []string{put7}, ""},
		turn{"put", "9@2.n2", []string{put7}, ""},
		turn{"get", "9@2.n2", []string{read("5%401.n1")}, ""}, // and it shows the second, too
		turn{"get", "9@2.n2", []string{read("9%402.n2")}, ""},
	)
	// A server that knows of both, but does not show the second yet.
	play(t,
		turn{"put", "5@1.n1", []string{put7}, ""},
		turn{"put", "9@2.n2", []string{put7}, ""},
		turn{"get", "8@2.n2", []string{
			read("5%401.n1"),
			read("9%402.n2"), read("9%402.n2"), read("9%402.n2"), read("9%402.n2"), read("9%402.n2"),
		}, "8@2.n2"}, // which this one never will
		turn{"get", "9@2.n2", []string{read("9%402.n2")}, ""},
	)
	// A server that has not heard of the second epoch: both remain to be shown.
	six := read("6%401.n1")
	play(t,
		turn{"put", "5@1.n1", []string{put7}, ""},
		turn{"put", "9@2.n2", []string{put7}, ""},
		turn{"get", "6@1.n1", []string{read("5%401.n1"), six, six, six, six, six}, "6@1.n1"},
		turn{"get", "10@2.n2", []string{six}, ""},
		turn{"get", "10@2.n2", []string{read("10%402.n2")}, ""},
	)
}

func TestWhoHasSeenWhatIsGoneIsToldOnceAndGoesOn(t *testing.T) {
	play(t,
		turn{"put", "50@1.n1", []string{put7}, ""},
		turn{"get", "gone", []string{read("50%401.n1")}, "because of history-changed"},
		turn{"get", "31@2.n2", []string{read("")}, ""},
		turn{"get", "31@2.n2", []string{read("31%402.n2")}, ""},
	)
	// The write is of the new history, at a smaller index. It does not hide that
	// the old one is gone, and is not forgotten with it.
	play(t,
		turn{"put", "50@1.n1", []string{put7}, ""},
		turn{"put", "30@2.n2", []string{put7}, ""},
		turn{"get", "gone", []string{read("50%401.n1")}, "because of history-changed"},
		turn{"get", "31@2.n2", []string{read("30%402.n2")}, ""},
	)
	// Nor does a greater one.
	play(t,
		turn{"put", "50@1.n1", []string{put7}, ""},
		turn{"put", "60@2.n2", []string{put7}, ""},
		turn{"get", "gone", []string{read("50%401.n1")}, "because of history-changed"},
		turn{"get", "60@2.n2", []string{read("60%402.n2")}, ""},
	)
}

// An old leader that does not know of its successor says yes to a write.
func TestAWriteInAnEpochThatIsOverIsAskedForToo(t *testing.T) {
	play(t,
		turn{"get", "40@2.n2", []string{read("")}, ""},
		turn{"put", "41@1.n1", []string{put7}, ""},
		turn{"get", "gone", []string{read("41%401.n1")}, "because of history-changed"},
		turn{"get", "40@2.n2", []string{read("40%402.n2")}, ""},
	)
}
