package replication_test

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

// The scripts in testdata are conversations between nodes: what is done stands
// above the line, what comes of it below. Time stands still, and no message
// arrives, unless the script says so. The verbs are those of script.Line.
func TestConversations(t *testing.T) {
	script.Run(t, "testdata", func(d *datadriven.TestData) *script.World {
		c := store.Config{}
		c.Replication.Acks = script.Number(d, "acks")
		return newCluster(script.Number(d, "nodes"), c)
	})
}
