package scenario

// simulated returns the cells of a scenario in which the nodes of a cluster run
// in a simulated world.
func simulated(string) []Cell { return nil }
