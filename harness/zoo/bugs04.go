package zoo

// journalBugs are the mistakes that can be made between a journal and its disk.
func journalBugs() []Bug {
	return []Bug{
		{
			ID: "04a", Column: "04", Title: "A batch is acknowledged when it is written, and nobody syncs it.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
			Wild: "NATS 2.12.1 flushed every two minutes; etcd#14370 acknowledged before it had persisted.",
		}, {
			ID: "04b", Column: "04", Title: "A sync that failed is tried again, and the second one has nothing left to complain of.",
			Scenario: "disk-errors", World: simWorld, Checker: "errors", Seeds: 1,
			Wild: "PostgreSQL did so for twenty years: fsyncgate.",
		}, {
			ID: "04c", Column: "04", Title: "Nobody looks at the checksum of what is in a frame, so that a torn one is taken for whole.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04d", Column: "04", Title: "A torn end is taken for damage, and the store does not start again.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
			Wild: "mysticeti#219, VelesDB#1011.",
		}, {
			ID: "04f", Column: "04", Title: "Nobody looks behind a bad frame: damage in the middle of a file is cut off as if it were its end.",
			Scenario: "bit-rot", World: simWorld, Checker: "refusal", Seeds: 1,
			Wild: "NATS 2.12.1 lost acknowledged data so; Protocol-Aware Recovery (FAST'18) found it in many systems.",
		}, {
			ID: "04i", Column: "04", Title: "A new file gets its name, and nobody syncs the directory.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
			Wild: "hashicorp/raft#229, etcd#22314, braft#254.",
		}, {
			ID: "04s", Column: "04", Title: "The length in a frame is believed, though the file ends before.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
			Wild: "talon#425, VelesDB#1011.",
		}, {
			ID: "04x1", Column: "04", Title: "A torn end is passed over and not cut off, and what comes next is written behind it.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x2", Column: "04", Title: "What a restart finds is served, and not synced: after kill -9 it may be in memory only, until the power goes too.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x3", Column: "04", Title: "A restart does not sync the names that it finds.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x6", Column: "04", Title: "A write that failed is cut off again, and the cut is not synced: it may come back.",
			Scenario: "disk-errors", World: simWorld, Checker: "errors", Seeds: 1,
		}, {
			ID: "04x24", Column: "04", Title: "A write that does not fit on the disk is the end of the store, though nothing is lost and there may be room tomorrow.",
			Scenario: "disk-errors", World: realWorld, Checker: "full", Seeds: 1,
		}, {
			ID: "04x7", Column: "04", Title: "A new file is begun while the old one is not synced yet.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x8", Column: "04", Title: "A new file gets its name before its header is synced.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x11", Column: "04", Title: "Every frame says that all before it are safe, also when nobody has synced them: a loss of power looks like damage.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x12", Column: "04", Title: "Nobody notices that a file is missing in the middle.",
			Scenario: "bit-rot", World: simWorld, Checker: "refusal", Seeds: 1,
		},
	}
}

// durableBugs are those of the store on the journal.
func durableBugs() []Bug {
	return []Bug{
		{
			ID: "04k", Column: "04", Title: "Who has come while the disk synced is written, and acknowledged without a sync of his own.",
			Scenario: "disk-errors", World: realWorld, Checker: "acknowledged", Seeds: 1,
		}, {
			ID: "04l", Column: "04", Title: "When a sync fails, only the first in the batch is told.",
			Scenario: "disk-errors", World: realWorld, Checker: "told", Seeds: 1,
		}, {
			ID: "04n", Column: "04", Title: "A command is applied, and then written down; if that fails, it has been seen all the same.",
			Scenario: "disk-errors", World: simWorld, Checker: "errors", Seeds: 1,
		}, {
			ID: "04t", Column: "04", Title: "The identity of a request is not written down, so that after a restart a retry is applied again.",
			Scenario: "lost-reply-and-kill", World: realWorld, Checker: "counter", Seeds: 5,
		}, {
			ID: "04x5", Column: "04", Title: "A batch is applied when it is written, and synced afterwards: readers, and copies of a request, see what is not safe.",
			Scenario: "disk-errors", World: realWorld, Checker: "acknowledged", Seeds: 1,
		}, {
			ID: "04x9", Column: "04", Title: "A store that is closed forgets those who are in its queue.",
			Scenario: "contention", World: realWorld, Checker: "closed", Seeds: 1,
		}, {
			ID: "04x14", Column: "04", Title: "A slot keeps the number of a request and not the answer.",
			Scenario: "lost-reply", World: realWorld, Checker: "retried", Seeds: 1,
		}, {
			ID: "04x15", Column: "04", Title: "Whether a request is fresh is looked up when it enters the queue, and not when it is applied.",
			Scenario: "power-loss", World: simWorld, Checker: "durability", Seeds: 1,
		}, {
			ID: "04x16", Column: "04", Title: "All commands of a batch get the version of the first.",
			Scenario: "contention", World: realWorld, Checker: "versions", Seeds: 3,
		}, {
			ID: "04x17", Column: "04", Title: "The condition of a command is written down, and forgotten when it is applied.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
		}, {
			ID: "04x21", Column: "04", Title: "Another number of sessions is taken silently, and has no effect.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		},
	}
}

// queueBugs are those of the queue, of the directory and of the program.
func queueBugs() []Bug {
	return []Bug{
		{
			ID: "03i", Column: "04", Title: "Requests that were given up are carried out from the queue all the same.",
			Scenario: "overload", World: realWorld, Checker: "abandoned", Seeds: 1,
			Wild: "Wasted work keeps systems down after the load is gone: Metastable Failures (HotOS'21).",
		}, {
			ID: "04q", Column: "04", Title: "The lock of a directory is a shared one, and a second process gets it too.",
			Scenario: "many-processes", World: realWorld, Checker: "one-owner", Seeds: 1,
		}, {
			ID: "04r", Column: "04", Title: "The queue has no bounds.",
			Scenario: "overload", World: simWorld, Checker: "bounds", Seeds: 1,
			Wild: "The first of the ingredients of metastable failures.",
		}, {
			ID: "04x4", Column: "04", Title: "Whoever has waited for too long in the queue is served all the same.",
			Scenario: "overload", World: simWorld, Checker: "late", Seeds: 1,
		}, {
			ID: "04x10", Column: "04", Title: "Those who have waited for too long leave the queue, and nobody tells them.",
			Scenario: "overload", World: realWorld, Checker: "late", Seeds: 1,
		}, {
			ID: "04x13", Column: "04", Title: "A restart removes every file in the directory that it does not know.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		}, {
			ID: "04x18", Column: "04", Title: "What is written is gathered in the process until the next sync, and kill -9 takes it.",
			Scenario: "kill-restart", World: realWorld, Checker: "counter", Seeds: 3,
		}, {
			ID: "04x19", Column: "04", Title: "The store is closed when SIGTERM comes, while the server still has requests to answer.",
			Scenario: "rolling-restart", World: realWorld, Checker: "drain", Seeds: 1,
		}, {
			ID: "04x20", Column: "04", Title: "The flag -timeout is read, and the server is not told.",
			Scenario: "slow-clients", World: realWorld, Checker: "patience", Seeds: 1,
		}, {
			ID: "04x22", Column: "04", Title: "A batch is taken from the queue, and nobody remembers that there are more in it.",
			Scenario: "contention", World: realWorld, Checker: "shared", Seeds: 1,
		}, {
			ID: "04x26", Column: "04", Title: "A write that failed and could not be taken back is told as a no, and the store goes on behind the half of it.",
			Scenario: "disk-errors", World: simWorld, Checker: "errors", Seeds: 1,
		}, {
			ID: "04x25", Column: "04", Title: "When a write that failed is taken back, nobody looks whether the disk has taken that down.",
			Scenario: "disk-errors", World: simWorld, Checker: "errors", Seeds: 1,
		}, {
			ID: "04x23", Column: "04", Title: "The server holds a lock while it reads the body of a write: 03x3, on the way to the journal.",
			Scenario: "client-paused", World: realWorld, Checker: "gap", Seeds: 2,
		},
	}
}
