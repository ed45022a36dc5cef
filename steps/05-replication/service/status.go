package service

import (
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

// Status returns what GET /status says of a node and the part that it takes. It
// is to be called within Loop.Look.
func Status(n *node.Node, s replication.Status) map[string]any {
	f := n.Replica().Figures()
	members := map[string]any{
		"id": n.Replica().Self().String(), "role": s.Role, "epoch": s.Epoch.String(), "leader": "",
		"acks": s.Acks, "pending": s.Pending, "cluster": n.Replica().Identity(),
		"first": f.First, "last": f.Last, "last_epoch": n.Replica().Log().Last().Epoch.String(), "synced": f.Synced, "committed": f.Committed, "applied": f.Applied,
		"keys": f.Keys, "sessions": f.Sessions, "syncs": f.Syncs, "rebuilt": f.Rebuilt,
	}
	if s.Leader != 0 {
		members["leader"] = s.Leader.String()
	}
	if s.Alarm != "" {
		members["alarm"] = s.Alarm
	}
	switch s.Role {
	case "leader":
		members["peers"] = followers(s, f.Last)
	case "follower":
		members["lag"], members["lag_seconds"] = s.Lag.Entries, s.Lag.Heard.Seconds()
	}
	return members
}

func followers(s replication.Status, last uint64) []map[string]any {
	all := []map[string]any{} // in JSON, [] and not null
	for _, f := range s.Followers {
		members := map[string]any{"id": f.ID.String(), "match": f.Match, "behind": last - min(f.Match, last)}
		if f.Heard >= 0 {
			members["last_heard_ms"] = f.Heard.Milliseconds()
		}
		if f.Foreign {
			members["foreign"] = true
		}
		all = append(all, members)
	}
	return all
}
