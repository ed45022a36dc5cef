package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/node"
)

// site is where a node is to be found, and what is known of it beforehand.
type site struct {
	name  string // "": it will say so itself
	url   string
	state string // of its process; see Cluster.State. "": not known
}

// report is what a node says of itself. What it leaves out is nil, or "".
type report struct {
	ID, Role, Epoch string
	Alarm           string
	Acks            any
	Last            *uint64
	LastEpoch       string `json:"last_epoch"`
	Synced          *uint64
	Committed       *uint64
	Applied         *uint64
	Lag             *uint64
	Keys            *uint64
	LagSeconds      float64 `json:"lag_seconds"`
	Snapshot        struct {
		Percent *float64
	}
}

// row is a site after a look at it.
type row struct {
	site
	report
	answers bool
	trouble string // why not, or what it answers instead
}

// lookTime is how long a node may take to say how it does.
const lookTime = time.Second

// operator is who looks after nodes by talking to them.
type operator struct{ sites func() []site }

// look asks all sites at once.
func (o operator) look(ctx context.Context) []row {
	sites := o.sites()
	rows := make([]row, len(sites))
	var all sync.WaitGroup
	for i, s := range sites {
		rows[i].site = s
		if s.state == "paused" || strings.HasPrefix(s.state, "down") {
			rows[i].trouble = s.state
			continue
		}
		all.Go(func() { o.ask(ctx, &rows[i]) })
	}
	all.Wait()
	return rows
}

func (o operator) ask(ctx context.Context, r *row) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	body, err := Call(ctx, http.MethodGet, r.url+"/status", nil)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.trouble = "does not answer"
	case err != nil:
		r.trouble = "unreachable"
		if p, ok := errors.AsType[*server.Problem](err); ok {
			r.trouble = p.Detail
		}
	case json.Unmarshal(body, &r.report) != nil:
		r.report, r.trouble = report{}, "what it answers is not the status of a node"
	default:
		r.answers = true
		r.name = cmp.Or(r.name, r.ID)
	}
}

// Call sends a request to a server, follows where it leads, and returns the body of
// the answer. An answer that is no success is an error that wraps a
// server.Problem.
func Call(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := alone.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode < 300 {
		return answer, err
	}
	p := server.NewProblem(resp.StatusCode, "", "the answer is %s", resp.Status)
	_ = json.Unmarshal(answer, p) // what is none of ours says less
	return nil, p
}

// alone keeps no connections: its requests are few, and servers come and go.
var alone = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// leaderOf returns the row of the leader, or nil. If several think that they
// lead, it is the one with the latest epoch.
func leaderOf(rows []row) (leader *row) {
	for i := range rows {
		if r := &rows[i]; r.Role == "leader" && (leader == nil || leader.epoch() < r.epoch()) {
			leader = r
		}
	}
	return leader
}

func (r *row) epoch() node.Epoch {
	e, _ := node.ParseEpoch(r.Epoch) // 0 if it says nothing
	return e
}

// cell is a field of the table. The zero color is none.
type cell struct {
	text  string
	color color.Attribute
}

// The columns of the table. Those with numbers end flush.
var (
	columns = []string{"node", "url", "role", "epoch", "last", "synced", "committed", "applied", "lag", "keys", "note"}
	flush   = map[string]bool{"last": true, "synced": true, "committed": true, "applied": true, "lag": true, "keys": true}
)

func (r *row) cells(leader *row) []cell {
	role := cell{text: r.Role}
	if r.Role == "leader" {
		role.color = color.FgGreen
	}
	all := []cell{{text: r.name}, {text: r.url}, role, {text: r.Epoch},
		number(r.Last), number(r.Synced), number(r.Committed), number(r.Applied), r.lag(leader), number(r.Keys)}
	for i := range all {
		if all[i].text == "" {
			all[i] = cell{"-", color.Faint}
		}
	}
	return append(all, r.note(leader))
}

func number(n *uint64) cell {
	if n == nil {
		return cell{}
	}
	return cell{text: strconv.FormatUint(*n, 10)}
}

// lag says how many entries a node lacks: of what its leader has now or, if
// that does not answer, of what the node has heard of.
func (r *row) lag(leader *row) cell {
	lag := r.Lag
	if leader != nil && leader.Last != nil && r.Last != nil {
		lag = new(*leader.Last - min(*leader.Last, *r.Last))
	}
	c := number(lag)
	if lag != nil && *lag > 0 {
		c.color = color.FgYellow
	}
	return c
}

func (r *row) note(leader *row) cell {
	switch {
	case r.trouble == "paused":
		return cell{r.trouble, color.FgYellow}
	case strings.HasPrefix(r.trouble, "down:"):
		return cell{fmt.Sprintf("%s (see \"log %s\")", r.trouble, strings.TrimPrefix(r.name, "n")), color.FgRed}
	case !r.answers:
		return cell{r.trouble, color.FgRed}
	case r.Role == "leader" && r != leader:
		return cell{"has not heard that it was replaced", color.FgRed}
	case r.Snapshot.Percent != nil:
		return cell{fmt.Sprintf("behind, receiving a snapshot: %.0f %%", *r.Snapshot.Percent), color.FgYellow}
	case r.LagSeconds >= 1:
		return cell{fmt.Sprintf("has not heard its leader for %.0f s", r.LagSeconds), color.FgYellow}
	}
	return cell{}
}

// painter colours a text, or leaves it as it is.
type painter func(color.Attribute, string) string

func plain(_ color.Attribute, text string) string { return text }

// render returns the rows as a table, and what else there is to say, in whole
// lines.
func render(rows []row, paint painter) string {
	leader := leaderOf(rows)
	var heads []cell
	for _, name := range columns {
		heads = append(heads, cell{name, color.Bold})
	}
	table := [][]cell{heads}
	for i := range rows {
		table = append(table, rows[i].cells(leader))
	}
	var b strings.Builder
	b.WriteString(align(table, paint))
	switch {
	case leader == nil:
		fmt.Fprintln(&b, paint(color.FgYellow, `nobody leads: "promote N" makes a node lead; the one with the longest log loses least`))
	case leader.Acks == 1.0:
		fmt.Fprintln(&b, "a write is acknowledged when the leader's disk has it")
	case leader.Acks != nil:
		fmt.Fprintf(&b, "a write is acknowledged when %v disks have it\n", leader.Acks)
	}
	for _, r := range rows {
		if r.Alarm != "" {
			fmt.Fprintf(&b, "%s: %s: %s\n", paint(color.FgRed, "alarm"), r.name, strings.Join(strings.Fields(r.Alarm), " "))
		}
	}
	return b.String()
}

// align brings the cells into columns, two blanks apart.
func align(table [][]cell, paint painter) string {
	widths := make([]int, len(columns))
	for _, cells := range table {
		for i, c := range cells {
			widths[i] = max(widths[i], len(c.text))
		}
	}
	var b strings.Builder
	for _, cells := range table {
		var line strings.Builder
		for i, c := range cells {
			blanks, text := strings.Repeat(" ", widths[i]-len(c.text)), c.text
			if c.color != 0 && text != "" {
				text = paint(c.color, text)
			}
			if flush[columns[i]] {
				text = blanks + text
			} else {
				text += blanks
			}
			line.WriteString(text + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
