package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Validate returns an error if h cannot be the record of a run, whatever the
// store did: the harness that wrote it is broken, and no verdict may rest on
// it. It asks for nothing that only a correct store would deliver.
func Validate(h History) error {
	ids := make(map[int]bool)
	for _, op := range h.Ops {
		if ids[op.ID] {
			return fmt.Errorf("malformed history: two operations have id %d", op.ID)
		}
		ids[op.ID] = true
		if problem := op.problem(); problem != "" {
			return fmt.Errorf("malformed history: operation %d %s", op.ID, problem)
		}
	}
	for i, e := range h.Events {
		if problem := e.problem(); problem != "" {
			return fmt.Errorf("malformed history: event %d %s", i, problem)
		}
	}
	return validateClients(h.Ops)
}

func (e Event) problem() string {
	switch {
	case e.Kind == "", e.Text == "" && e.Kind != Position, e.At < 0:
		return "lacks its kind, its text or its instant"
	case e.Until != 0 && e.Until < e.At:
		return "ended before it began"
	case e.Kind == Message && (e.Node == "" || e.To == ""):
		return "is a message that nobody sent, or that was for nobody"
	case e.Kind == Position && (e.Node == "" || e.Positions == nil):
		return "is a position of no node, or none"
	case e.To != "" && e.Node == "":
		return "leads to a node from nowhere"
	}
	return ""
}

// statuses holds what each kind of operation can answer when it is OK.
var statuses = map[Kind][]Status{
	Get:    {Done, Absent},
	Put:    {Done, Conflict},
	Delete: {Done, Conflict, Absent},
	Scan:   {Done},
}

func (op Op) problem() string {
	write := op.Kind == Put || op.Kind == Delete
	switch {
	case statuses[op.Kind] == nil:
		return fmt.Sprintf("is of kind %q", op.Kind)
	case op.ID < 0, op.Client < 0:
		return "has a negative id or client"
	case op.Phase == "":
		return "belongs to no phase"
	case op.Call < 0:
		return "was called before the run began"
	case op.If != nil && !write:
		return "reads, and yet has a condition"
	case op.Level != "" && write:
		return "is no read, and yet has a level"
	case op.Kind != Scan && (op.After != "" || op.Limit != 0 || op.Items != nil || op.More):
		return "is no scan, and yet has the fields of one"
	}
	switch op.Outcome {
	case OK:
		return op.problemOK()
	case Fail, Unknown:
		if op.Status != "" || op.Version != 0 || op.Items != nil || op.More {
			return fmt.Sprintf("has the outcome %q, and yet an answer", op.Outcome)
		}
		if op.Outcome == Fail && op.Return < op.Call {
			return "was answered before it was called"
		}
		return ""
	}
	return fmt.Sprintf("has the outcome %q", op.Outcome)
}

func (op Op) problemOK() string {
	switch {
	case op.Return < op.Call:
		return "was answered before it was called"
	case op.Kind != Scan && op.Key == "":
		return "has no key"
	case !slices.Contains(statuses[op.Kind], op.Status):
		return fmt.Sprintf("is a %s with the status %q", op.Kind, op.Status)
	case op.Status == Conflict && op.If == nil:
		return "met a conflict without a condition"
	}
	return ""
}

// validateClients checks that every client did one thing at a time, and
// nothing after an unknown outcome.
func validateClients(ops []Op) error {
	byCall := slices.SortedStableFunc(slices.Values(ops), func(a, b Op) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.ID, b.ID))
	})
	last := make(map[int]Op)
	for _, op := range byCall {
		before, ok := last[op.Client]
		if ok && before.Outcome == Unknown {
			return fmt.Errorf("malformed history: client %d went on with operation %d after operation %d had an unknown outcome",
				op.Client, op.ID, before.ID)
		}
		if ok && op.Call < before.Return {
			return fmt.Errorf("malformed history: client %d called operation %d before operation %d was answered",
				op.Client, op.ID, before.ID)
		}
		last[op.Client] = op
	}
	return nil
}
