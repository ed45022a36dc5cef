package zoo

import "slices"

const (
	realWorld = "real"
	simWorld  = "sim"
)

// Bugs returns all bugs, step by step.
func Bugs() []Bug {
	return slices.Concat(
		mapBugs(), concurrencyBugs(), moreConcurrencyBugs(), serverBugs(), moreServerBugs(),
		journalBugs(), durableBugs(), queueBugs(),
		copyBugs(), safetyBugs(), reignBugs(), readBugs(), wireBugs(), serviceBugs(),
		snapshotBugs(), transferBugs(), memberBugs(), loopBugs(),
	)
}

func mapBugs() []Bug {
	return []Bug{
		{
			ID: "01a", Column: "01", Title: "Put keeps the caller's slice, and changes when the caller reuses it.",
			Scenario: "baseline", World: realWorld, Checker: "api", Seeds: 1,
			Wild: "The usual accident with slices in Go.",
		}, {
			ID: "01a2", Column: "01", Title: "Get hands out the map's own slice, and whoever writes to it changes the map.",
			Scenario: "baseline", World: realWorld, Checker: "api", Seeds: 1,
			Wild: "The usual accident with slices in Go.",
		}, {
			ID: "01b", Column: "01", Title: "An empty value is taken for an absent key.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
			Wild: "The model of MIT's 6.5840 labs looks at neither error nor version of a get (src/models1/kv.go).",
		}, {
			ID: "01c", Column: "01", Title: "Versions count the writes of a key and begin again after a delete, so that an old condition holds once more (ABA).",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
			Wild: "The reason why etcd keeps a create and a modification revision of each key.",
		}, {
			ID: "01e", Column: "01", Title: "A scan lists keys in the order in which a Go map happens to go through them.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
			Wild: "VoltDB compares hashes of what its replicas execute, because statements without an order gave different results (aphyr.com/posts/331).",
		}, {
			ID: "01x1", Column: "01", Title: "A version that is no number is read as zero: “if seven” becomes “if absent”.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		}, {
			ID: "01x2", Column: "01", Title: "The shell ends at the first line that is too long.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
			Wild: "What a loop over bufio.Scanner does, which stops at a token that is too long.",
		}, {
			ID: "01x3", Column: "01", Title: "A page of a scan holds as many bytes as there are.",
			Scenario: "bad-input", World: realWorld, Checker: "page", Seeds: 1,
		}, {
			ID: "01x4", Column: "01", Title: "A page of a scan holds as many keys as it is asked for.",
			Scenario: "bad-input", World: realWorld, Checker: "page", Seeds: 1,
		},
	}
}

func concurrencyBugs() []Bug {
	return []Bug{
		{
			ID: "02a", Column: "02", Title: "The version counter is loaded, and stored again later: two shards give out the same version.",
			Scenario: "contention", World: realWorld, Checker: "goroutines", Seeds: 5,
			Wild: "The classic lost increment.",
		}, {
			ID: "02b", Column: "02", Title: "A condition is checked under one holding of the lock, and the write done under another.",
			Scenario: "contention", World: simWorld, Checker: "interleavings", Seeds: 1,
			Wild: "The classic check-then-act, to which race detectors are blind.",
		}, {
			ID: "02d", Column: "02", Title: "Every scan takes the shards' locks from another shard on, so that two scans and two writers stop each other.",
			Scenario: "contention", World: simWorld, Checker: "interleavings", Seeds: 1,
			Wild: "The classic deadlock of locks without an order.",
		}, {
			ID: "02f", Column: "02", Title: "A reader goes by the length in a frame, not by the published one, and reads what is still being written.",
			Scenario: "contention", World: simWorld, Checker: "interleavings", Seeds: 1,
		}, {
			ID: "02h", Column: "02", Title: "A word in the shared memory says that somebody writes, and nobody clears it when he dies.",
			Scenario: "holder-killed", World: realWorld, Checker: "gap", Seeds: 3,
			Wild: "LMDB warns that stale locks can block further operation (ITS#7377).",
		}, {
			ID: "02i", Column: "02", Title: "A frame is published in two parts; who dies between them leaves half of one, and the next writer appends to it.",
			Scenario: "contention", World: simWorld, Checker: "interleavings", Seeds: 1,
			Wild: "The repair that is the duty of whoever inherits a robust mutex.",
		}, {
			ID: "02j", Column: "02", Title: "The lock is fcntl's, and gone as soon as the process closes any descriptor of the file.",
			Scenario: "many-processes", World: realWorld, Checker: "handles", Seeds: 3,
			Wild: "Section 2 of SQLite's “How to corrupt an SQLite database file”; LMDB warns of it too.",
		}, {
			ID: "02l", Column: "02", Title: "A writer who has waited for 100 ms takes the holder for dead and writes without the lock.",
			Scenario: "client-paused", World: realWorld, Checker: "linearizability", Seeds: 5,
			Wild: "Pids that are used again and take a dead holder's place are discussed on the openldap-devel list.",
		}, {
			ID: "02n", Column: "02", Title: "The length is published before the bytes are written.",
			Scenario: "contention", World: simWorld, Checker: "interleavings", Seeds: 1,
		},
	}
}

// moreConcurrencyBugs are our own.
func moreConcurrencyBugs() []Bug {
	return []Bug{
		{
			ID: "02x1", Column: "02", Title: "The file is mapped privately, so that every process writes to a copy that dies with it.",
			Scenario: "kill-restart", World: realWorld, Checker: "durability", Seeds: 3,
		}, {
			ID: "02x2", Column: "02", Title: "The condition “if absent” is version 0, and is encoded as no condition.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
		}, {
			ID: "02x3", Column: "02", Title: "The size of a file is not compared with what its header says, so that one cut short is opened.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		}, {
			ID: "02x4", Column: "02", Title: "A process locks out its own goroutines and forgets the other processes.",
			Scenario: "many-processes", World: realWorld, Checker: "handles", Seeds: 3,
		}, {
			ID: "02x5", Column: "02", Title: "Writers take the lock for reading, and change one map at the same time.",
			Scenario: "contention", World: realWorld, Checker: "goroutines", Seeds: 3,
		}, {
			ID: "02x6", Column: "02", Title: "A reader has room for 64 bytes, and a longer command crashes its process.",
			Scenario: "many-processes", World: realWorld, Checker: "crash", Seeds: 1,
		}, {
			ID: "02x7", Column: "02", Title: "Nobody looks at the checksum of a frame.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		}, {
			ID: "02x8", Column: "02", Title: "A writer who finds the file full does not give the lock back.",
			Scenario: "months-of-writes", World: realWorld, Checker: "full", Seeds: 1,
		},
	}
}

func serverBugs() []Bug {
	return []Bug{
		{
			ID: "03a", Column: "03", Title: "The client sends a write again without saying that it is the same one, and it is applied again.",
			Scenario: "lost-reply", World: realWorld, Checker: "counter", Seeds: 5,
			Wild: "jetcd 0.8.2 retried what must not be repeated (jepsen.io/analyses/jetcd-0.8.2).",
		}, {
			ID: "03c", Column: "03", Title: "A write whose answer never came is reported as one that did not happen.",
			Scenario: "lost-reply", World: realWorld, Checker: "sessions", Seeds: 3,
			Wild: "jetcd again; test programs do it to themselves.",
		}, {
			ID: "03d", Column: "03", Title: "The server has no time-outs, so that a client who says nothing keeps its connection for ever.",
			Scenario: "slow-clients", World: realWorld, Checker: "patience", Seeds: 1,
			Wild: "The zero values of Go's http.Server mean no time-out.",
		}, {
			ID: "03e", Column: "03", Title: "A body that does not say its length is read to its end, however far that is.",
			Scenario: "bad-input", World: realWorld, Checker: "bounds", Seeds: 1,
			Wild: "The reason why Go has http.MaxBytesReader.",
		}, {
			ID: "03f", Column: "03", Title: "The client makes a transport for every request, and each leaves a connection behind.",
			Scenario: "slow-clients", World: realWorld, Checker: "bounds", Seeds: 1,
			Wild: "Common; the documentation of http.Transport asks to reuse them.",
		}, {
			ID: "03g", Column: "03", Title: "The server ends when it no longer listens, without waiting for the requests that it has begun.",
			Scenario: "rolling-restart", World: realWorld, Checker: "drain", Seeds: 1,
			Wild: "The documentation of http.Server.Shutdown warns of programs that exit when Serve returns.",
		}, {
			ID: "03j", Column: "03", Title: "The path of a request is cleaned, so that a//b and a/b are one key.",
			Scenario: "bad-input", World: realWorld, Checker: "model", Seeds: 1,
			Wild: "Go's http.ServeMux cleans paths.",
		}, {
			ID: "03n", Column: "03", Title: "A conflict is answered with 500, as if the server had failed.",
			Scenario: "bad-input", World: realWorld, Checker: "refusal", Seeds: 1,
		},
	}
}

// moreServerBugs are our own.
func moreServerBugs() []Bug {
	return []Bug{
		{
			ID: "03x1", Column: "03", Title: "Sessions are named by the second in which they are opened, and clients that come together share one.",
			Scenario: "contention", World: realWorld, Checker: "versions", Seeds: 3,
		}, {
			ID: "03x2", Column: "03", Title: "The server shares its port (SO_REUSEPORT), so that a second one takes half of the clients.",
			Scenario: "many-processes", World: realWorld, Checker: "one-owner", Seeds: 1,
		}, {
			ID: "03x3", Column: "03", Title: "The server holds a lock while it reads the body of a write.",
			Scenario: "client-paused", World: realWorld, Checker: "gap", Seeds: 2,
		}, {
			ID: "03x4", Column: "03", Title: "Large bodies are read without asking for room, however many come.",
			Scenario: "overload", World: realWorld, Checker: "shed", Seeds: 1,
		}, {
			ID: "03x5", Column: "03", Title: "The client leaves out the condition of a delete.",
			Scenario: "baseline", World: realWorld, Checker: "model", Seeds: 1,
		}, {
			ID: "03x6", Column: "03", Title: "A scan of a small page does not give its room back: after sixteen of them, scans are refused.",
			Scenario: "baseline", World: realWorld, Checker: "answered", Seeds: 1,
		}, {
			ID: "03x7", Column: "03", Title: "A client whose session is forgotten takes a new one and sends its write again, though it may have been applied.",
			Scenario: "lost-reply", World: realWorld, Checker: "sessions", Seeds: 15,
		}, {
			ID: "03x8", Column: "03", Title: "A slot keeps the number of a request and not the answer, so that a retry never learns anything.",
			Scenario: "lost-reply", World: realWorld, Checker: "retried", Seeds: 1,
		}, {
			ID: "03x9", Column: "03", Title: "The server keeps every connection, however many come.",
			Scenario: "slow-clients", World: realWorld, Checker: "bounds", Seeds: 1,
		}, {
			ID: "03x10", Column: "03", Title: "At the limit of connections the newcomer is turned away, so that silent ones lock everybody out.",
			Scenario: "slow-clients", World: realWorld, Checker: "patience", Seeds: 1,
		},
	}
}

// NotHere returns the bugs of the catalogue that cannot exist in these steps.
func NotHere() []Absent {
	return []Absent{
		{
			ID: "01g", Title: "Memory never falls after a mass delete.",
			Why: "It is true of every Go map, so there is nothing to plant; and no step up to 04 promises that memory falls.",
		}, {
			ID: "02g", Title: "A seqlock without its second check, or without atomic loads.",
			Why: "There is no seqlock: published bytes never change, so nobody can read them while they do, and their length is one atomic word. What comes nearest is 02f.",
		}, {
			ID: "03l", Title: "The wall clock is used for deadlines or expiry.",
			Why: "Nothing expires by a clock, and Go's time-outs are monotonic. A session is forgotten by its place in the history.",
		}, {
			ID: "04h", Title: "What is left over in a file that is used again passes for new.",
			Why: "No file is used again. And the checksums begin with the identity of the journal and the first entry of the file, so that bytes of another file do not pass.",
		}, {
			ID: "04p", Title: "Commands that are in a checkpoint already are applied again when the journal is replayed.",
			Why: "There is no checkpoint before step 06: the journal is replayed from its beginning, into an empty map.",
		}, {
			ID: "05c", Title: "After a link was down, the next entry is one too late, or one too early.",
			Why: "Every message names the entry before its first, and the follower compares. One too late is refused, and one too early is passed over: it is a loss of time, and of nothing else.",
		}, {
			ID: "06j", Title: "A transfer that was cut short is taken for complete.",
			Why: "The first that a follower hears of a snapshot is how long it is, and what its checksum will be; and its last block says how much was in the others. To take a part of it for the whole, one has to leave out three checks.",
		}, {
			ID: "06p", Title: "The mark of a delete is removed before all have seen it.",
			Why: "A delete leaves no mark: it is an entry of the log like others, and nobody is sent a later one who lacks it.",
		},
	}
}
