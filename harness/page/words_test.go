package page_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"zeyrho/harness/history"
	"zeyrho/harness/page"
)

func TestADiagramNamesAMessageByItsKindAndItsEntries(t *testing.T) {
	for text, want := range map[string]string{
		"append in epoch 1.n1: nothing new after 5@1.n1, committed 5":         "append: nothing new",
		"append in epoch 1.n1: entry 6@1.n1 after 5@1.n1, committed 5":        "append 6",
		"append in epoch 1.n1: entries 6 to 9@1.n1 after 5@1.n1, committed 5": "append 6..9",
		"append 6..9 after 5@1.n1, commit 5":                                  "append 6..9",
		"ack in epoch 1.n1: I have 7":                                         "ack: I have 7",
		"hello":                                                               "hello",
	} {
		h := &history.History{Events: []history.Event{{At: 5, Kind: history.Message, Node: "n1", To: "n2", Text: text, Until: 9}}}
		assert.Contains(t, drawn(t, h, page.DiagramOptions{Width: 900}), ">"+want+"<")
	}
}
