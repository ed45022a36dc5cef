package zoo

// snapshotBugs are the mistakes that can be made when a snapshot takes the place
// of a log.
func snapshotBugs() []Bug {
	return []Bug{
		{
			ID: "06a", Column: "06", Title: "A snapshot gets the label of what is in the log, and holds what has been applied.",
			Scenario: "bad-network", World: realWorld, Checker: "replicas", Seeds: 1,
			Wild: "akka-entity-replication#167.",
		}, {
			ID: "06c", Column: "06", Title: "A snapshot is written from the map while that goes on: some of it is of later than the rest.",
			Scenario: "lost-reply-and-kill", World: simWorld, Checker: "inside", Seeds: 3,
		}, {
			ID: "06d", Column: "06", Title: "The log is cut as soon as a snapshot is begun.",
			Scenario: "power-loss", World: simWorld, Checker: "inside", Seeds: 15,
			Wild: "Of the family of hashicorp/raft#229.",
		}, {
			ID: "06x9", Column: "06", Title: "A snapshot gets its name before it is synced.",
			Scenario: "power-loss", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "06x10", Column: "06", Title: "The snapshot before makes room for the one that is about to be written.",
			Scenario: "broken-transfer", World: simWorld, Checker: "inside", Seeds: 8,
		}, {
			ID: "06l", Column: "06", Title: "A snapshot does not hold what the sessions have asked for last.",
			Scenario: "lost-reply-and-kill", World: realWorld, Checker: "counter", Seeds: 15, // a snapshot has to come in between: every third run
			Wild: "Raft's thesis, chapter 6, says that it must.",
		}, {
			ID: "06x36", Column: "06", Title: "A snapshot says the number of an epoch, and not whose it was.",
			Scenario: "disk-gone", World: simWorld, Checker: "inside", Seeds: 3,
		}, {
			ID: "06x5", Column: "06", Title: "The log forgets its beginning, and leaves it on the disk.",
			Scenario: "months-of-writes", World: realWorld, Checker: "bounds", Seeds: 1,
		}, {
			ID: "06x41", Column: "06", Title: "What is deleted leaves an empty value behind.",
			Scenario: "baseline", World: simWorld, Checker: "linearizability", Seeds: 1,
		}, {
			ID: "06x42", Column: "06", Title: "A page begins with the key that the last one ended with.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
		},
	}
}

// transferBugs are those of a node that is sent a snapshot.
func transferBugs() []Bug {
	return []Bug{
		{
			ID: "06f", Column: "06", Title: "What a node goes on from is removed when it is sent a snapshot, and not when it has that.",
			Scenario: "broken-transfer", World: simWorld, Checker: "inside", Seeds: 25,
		}, {
			ID: "06h", Column: "06", Title: "Whether a snapshot is of any use is decided by the snapshot before, and not by the log: an old one throws away what is there.",
			Scenario: "broken-transfer", World: simWorld, Checker: "inside", Seeds: 5,
		}, {
			ID: "06m", Column: "06", Title: "A node answers reads as soon as it has something.",
			Scenario: "kill-restart", World: simWorld, Checker: "inside", Seeds: 6,
		}, {
			ID: "06x7", Column: "06", Title: "A node goes on from a snapshot, and keeps the log that it had.",
			Scenario: "bad-network", World: simWorld, Checker: "inside", Seeds: 3,
		}, {
			ID: "06x8", Column: "06", Title: "A chunk that is lost is not sent again.",
			Scenario: "broken-transfer", World: simWorld, Checker: "liveness", Seeds: 5,
		},
	}
}

// memberBugs are those of who belongs to a cluster.
func memberBugs() []Bug {
	return []Bug{
		{
			ID: "06x1", Column: "06", Title: "A learner counts when disks are counted.",
			Scenario: "late-joiner", World: simWorld, Checker: "inside", Seeds: 1,
		}, {
			ID: "06x3", Column: "06", Title: "The last of the learners is missing from a snapshot.",
			Scenario: "broken-transfer", World: realWorld, Checker: "crash", Seeds: 1,
		}, {
			ID: "06x12", Column: "06", Title: "Only who led when a node joined sends it anything.",
			Scenario: "broken-transfer", World: simWorld, Checker: "replicas", Seeds: 10,
		}, {
			ID: "06x4", Column: "06", Title: "The log is kept for a follower as long as it may take, also for one that never comes back.",
			Scenario: "late-joiner", World: simWorld, Checker: "cost", Seeds: 8,
		}, {
			ID: "06x44", Column: "06", Title: "Requests are served one at a time, because one of them may be about members.",
			Scenario: "client-paused", World: realWorld, Checker: "gap", Seeds: 2,
		}, {
			ID: "06x45", Column: "06", Title: "A body is read to its end before anybody asks what it is for.",
			Scenario: "bad-input", World: realWorld, Checker: "bounds", Seeds: 1,
		},
	}
}

// loopBugs are of step 05, and show in the cells of step 06 as well.
func loopBugs() []Bug {
	return []Bug{
		{
			ID: "05x58", Column: "06", Title: "The number of a request is how many there are, so that two may have the same.",
			Scenario: "contention", World: realWorld, Checker: "answered", Seeds: 1,
		}, {
			ID: "05x59", Column: "06", Title: "A node claims its directory until it has read it.",
			Scenario: "many-processes", World: realWorld, Checker: "one-owner", Seeds: 1,
		}, {
			ID: "05x61", Column: "06", Title: "Who asks again is told that it is done, and not with which result.",
			Scenario: "lost-reply", World: realWorld, Checker: "retried", Seeds: 1,
		}, {
			ID: "05x64", Column: "06", Title: "One entry is applied in a turn.",
			Scenario: "overload", World: simWorld, Checker: "liveness", Seeds: 1,
		}, {
			ID: "05x65", Column: "05", Title: "The flag -timeout is read, and the server is not told: 04x20 again.",
			Scenario: "slow-clients", World: realWorld, Checker: "patience", Seeds: 1,
		}, {
			ID: "05x66", Column: "06", Title: "The flag -connections is read, and the server is not told.",
			Scenario: "slow-clients", World: realWorld, Checker: "bounds", Seeds: 1,
		}, {
			ID: "05x67", Column: "06", Title: "A leader pays no heed to an answer that is older than 300 ms, by two clocks.",
			Scenario: "clock-jumps", World: simWorld, Checker: "convergence", Seeds: 1,
		}, {
			ID: "05x68", Column: "06", Title: "A leader that is asked to stop leads no longer, though it still has requests to answer.",
			Scenario: "rolling-restart", World: realWorld, Checker: "gap", Seeds: 1,
		}, {
			ID: "06x48", Column: "06", Title: "How many entries are kept for those behind is taken from the wrong setting.",
			Scenario: "late-joiner", World: realWorld, Checker: "cost", Seeds: 1,
		}, {
			ID: "05x73", Column: "06", Title: "A request that is asked again is as fresh as the first time.",
			Scenario: "lost-reply", World: simWorld, Checker: "sessions", Seeds: 1,
		}, {
			ID: "05x74", Column: "06", Title: "What is sent to a follower counts as being there.",
			Scenario: "disk-gone", World: realWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "06x53", Column: "06", Title: "Each snapshot waits for as much as was written before all others.",
			Scenario: "months-of-writes", World: simWorld, Checker: "cost", Seeds: 1,
		}, {
			ID: "05x75", Column: "06", Title: "All of the log is kept in memory, too.",
			Scenario: "overload", World: realWorld, Checker: "bounds", Seeds: 1,
		}, {
			ID: "06x50", Column: "06", Title: "What is restored from a snapshot has the version of the snapshot.",
			Scenario: "kill-restart", World: realWorld, Checker: "versions", Seeds: 1,
		},
	}
}
