package sim

func costScenarios() []Scenario { return nil }
