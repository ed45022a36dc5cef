package zoo

// copyBugs are the mistakes that can be made when one log is copied from
// another.
func copyBugs() []Bug {
	return []Bug{
		{
			ID: "05a", Column: "05", Title: "A follower that lacks the entry before does not miss it, and appends what it is sent where its own log ends.",
			Scenario: "kill-restart", World: realWorld, Checker: "convergence", Seeds: 1,
		}, {
			ID: "05g", Column: "05", Title: "An entry whose index a follower has already is passed over, whoever wrote it: a leader that comes back keeps what it never sent.",
			Scenario: "split", World: simWorld, Checker: "inside", Seeds: 1,
			Wild: "Kafka lost and kept the wrong entries so, until KIP-101 told replicas by epochs.",
		}, {
			ID: "05x5", Column: "05", Title: "A follower makes its log as long as the message says: one that comes late cuts off what came after it.",
			Scenario: "bad-network", World: simWorld, Checker: "inside", Seeds: 1,
			Wild: "The Students' Guide to Raft warns of it.",
		}, {
			ID: "05x23", Column: "05", Title: "What was in flight when the link broke counts as in flight for ever, and when the window is full nothing is sent any more.",
			Scenario: "lost-reply-and-kill", World: simWorld, Checker: "liveness", Seeds: 3,
		}, {
			ID: "05x36", Column: "05", Title: "While the leader asks a follower what it has, it takes no refusal for the answer.",
			Scenario: "lost-reply-and-kill", World: simWorld, Checker: "convergence", Seeds: 3,
		},
	}
}

// safetyBugs are those of what it means that an entry is safe.
func safetyBugs() []Bug {
	return []Bug{
		{
			ID: "05e", Column: "05", Title: "A turn in which nobody is told anything is not synced, and the leader sends what is in its log: it may lose that and give the indexes to others.",
			Scenario: "power-loss", World: simWorld, Checker: "inside", Seeds: 1,
			Wild: "Raft's thesis says when a leader may write to its disk in parallel (10.2.1): it may not count itself.",
		}, {
			ID: "05x1", Column: "05", Title: "A follower does not sync: the leader has everything on its disk.",
			Scenario: "kill-restart", World: simWorld, Checker: "inside", Seeds: 1,
			Wild: "etcd#14370 acknowledged before it had persisted.",
		}, {
			ID: "05x2", Column: "05", Title: "What is written is taken for safe, and nobody syncs it.",
			Scenario: "power-loss", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05x3", Column: "05", Title: "The entries are committed that the slowest k disks have, and not the fastest: with a majority of three, it is the same.",
			Scenario: "lost-reply", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05x41", Column: "05", Title: "A leader counts what it has sent, and not what was acknowledged.",
			Scenario: "disk-gone", World: realWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "05i", Column: "05", Title: "An entry counts when all disks have it, however many were asked for.",
			Scenario: "disk-gone", World: simWorld, Checker: "convergence", Seeds: 3,
		}, {
			ID: "05x6", Column: "05", Title: "A follower commits as far as the leader has, also what nobody has compared yet.",
			Scenario: "split", World: simWorld, Checker: "inside", Seeds: 1,
			Wild: "scylladb#9965.",
		}, {
			ID: "05x25", Column: "05", Title: "A follower applies what is on its disk, and does not wait until it is committed.",
			Scenario: "baseline", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05x28", Column: "05", Title: "When the disk is full, what a node was about to say is said all the same.",
			Scenario: "disk-errors", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05x29", Column: "05", Title: "Who has been told that his write did not fit on the disk stays in the queue of those who wait for an answer.",
			Scenario: "disk-errors", World: simWorld, Checker: "liveness", Seeds: 3,
		},
	}
}

// reignBugs are those of who leads, and who knows.
func reignBugs() []Bug {
	return []Bug{
		{
			ID: "05f", Column: "05", Title: "The first node begins a new history when its disk is empty, under the old name.",
			Scenario: "disk-gone", World: simWorld, Checker: "inside", Seeds: 3,
			Wild: "Redis warns of it: “Safety of replication when master has persistence turned off”.",
		}, {
			ID: "05x17", Column: "05", Title: "A node that hears of an epoch that is its own goes on leading it, although its disk is a new one.",
			Scenario: "disk-gone", World: simWorld, Checker: "inside", Seeds: 5,
		}, {
			ID: "05x8", Column: "05", Title: "The file with the epoch gets its name before it is synced.",
			Scenario: "power-loss", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05x9", Column: "05", Title: "A follower obeys every leader, also one that has been replaced.",
			Scenario: "leader-paused", World: simWorld, Checker: "inside", Seeds: 3,
		}, {
			ID: "05x10", Column: "05", Title: "The log of a new leader does not say that a new epoch has begun, so that nothing is committed, or read, until somebody writes.",
			Scenario: "leader-dies", World: simWorld, Checker: "convergence", Seeds: 4,
		}, {
			ID: "05x21", Column: "05", Title: "Who is promoted takes the number of the epoch that was, and only the name is new.",
			Scenario: "leader-paused", World: simWorld, Checker: "inside", Seeds: 2,
		}, {
			ID: "05x22", Column: "05", Title: "A leader that is replaced keeps its list of who waits for which index, and answers when somebody else's entry is there.",
			Scenario: "split", World: simWorld, Checker: "versions", Seeds: 1,
		}, {
			ID: "05x54", Column: "05", Title: "A follower pays no heed to a message that is older than 300 ms, by two clocks.",
			Scenario: "clock-jumps", World: simWorld, Checker: "liveness", Seeds: 1,
		},
	}
}

// readBugs are those of what is shown.
func readBugs() []Bug {
	return []Bug{
		{
			ID: "05j", Column: "05", Title: "A follower answers a session when its log has what the session has seen, which may not be applied yet.",
			Scenario: "follower-reads", World: simWorld, Checker: "inside", Seeds: 1,
			Wild: "etcd#3879.",
		}, {
			ID: "05x12", Column: "05", Title: "What a session has seen is sent along, and nobody looks at it.",
			Scenario: "follower-reads", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05x14", Column: "05", Title: "What a client has seen is compared by its index, and not by its epoch: that it has vanished is not noticed.",
			Scenario: "wrong-promotion", World: simWorld, Checker: "inside", Seeds: 4,
		}, {
			ID: "05x11", Column: "05", Title: "Who was just made the leader answers reads at once, before everything is applied that was acknowledged.",
			Scenario: "power-loss", World: simWorld, Checker: "linearizability", Seeds: 8,
		}, {
			ID: "05x33", Column: "05", Title: "A follower that was just started answers with what it has, and does not know how old that is.",
			Scenario: "kill-restart", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "05m", Column: "05", Title: "Only a message with entries says how far they are committed, so that the last ones wait for the next.",
			Scenario: "baseline", World: simWorld, Checker: "replicas", Seeds: 1,
		}, {
			ID: "05x26", Column: "05", Title: "A leader with nothing to send sleeps until somebody comes.",
			Scenario: "bad-network", World: realWorld, Checker: "convergence", Seeds: 1,
		}, {
			ID: "05l", Column: "05", Title: "The name of a new session is drawn when its entry is applied, by every node for itself.",
			Scenario: "contention", World: realWorld, Checker: "replicas", Seeds: 1,
			Wild: "What is known of statements that are replicated: now(), rand().",
		},
	}
}

// wireBugs are those of messages, and of a node among others.
func wireBugs() []Bug {
	return []Bug{
		{
			ID: "05x19", Column: "05", Title: "There is no bound on what waits for a node that takes nothing.",
			Scenario: "overload", World: realWorld, Checker: "bounds", Seeds: 1,
		}, {
			ID: "05x51", Column: "05", Title: "When SIGTERM comes a node hears the others no more, while it still has requests that wait for them.",
			Scenario: "rolling-restart", World: realWorld, Checker: "drain", Seeds: 1,
		}, {
			ID: "05x49", Column: "05", Title: "A node does not claim its directory.",
			Scenario: "many-processes", World: realWorld, Checker: "one-owner", Seeds: 1,
		}, {
			ID: "05x55", Column: "05", Title: "One entry is sent, and the next one when that is answered.",
			Scenario: "overload", World: simWorld, Checker: "goodput", Seeds: 1,
		},
	}
}

// serviceBugs are those of a node that serves clients.
func serviceBugs() []Bug {
	return []Bug{
		{
			ID: "05x42", Column: "05", Title: "What a request says of freshness is taken out of its query, and all else with it.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
		}, {
			ID: "05x43", Column: "05", Title: "A read at a level that there is not is a read like others.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		}, {
			ID: "05x44", Column: "05", Title: "A node serves one request at a time, and waits for its body.",
			Scenario: "client-paused", World: realWorld, Checker: "gap", Seeds: 2,
		}, {
			ID: "05x47", Column: "05", Title: "The identity of a request ends at the server that takes it.",
			Scenario: "lost-reply", World: realWorld, Checker: "sessions", Seeds: 1,
		}, {
			ID: "05x48", Column: "05", Title: "What a client has asked for last is known to the leader, and to nobody after it.",
			Scenario: "lost-reply-and-kill", World: realWorld, Checker: "counter", Seeds: 1,
		}, {
			ID: "05x53", Column: "05", Title: "A leader leaves out of the log who has asked.",
			Scenario: "lost-reply", World: simWorld, Checker: "sessions", Seeds: 1,
		},
	}
}
