package main

import "sort"

// result is one attempt. Times are milliseconds; StartMs counts from the Unix epoch.
type result struct {
	StartMs    float64 `json:"startMs"`
	OK         bool    `json:"ok"`
	LatencyMs  float64 `json:"latencyMs"`
	Error      string  `json:"error,omitempty"`
	Pod        string  `json:"pod,omitempty"`
	Node       string  `json:"node,omitempty"`
	SeenClient string  `json:"seenClient,omitempty"`
}

// gap is a time without success: from the start of the last success before it to the start of the first one after it.
// Where there is none before or after, it begins or ends with the first or the last attempt.
type gap struct {
	StartMs    float64 `json:"startMs"`
	DurationMs float64 `json:"durationMs"`
	Failed     int     `json:"failed"`
}

// gapsOf finds every run of failed attempts. The order of the results does not matter.
func gapsOf(results []result) []gap {
	sorted := append([]result(nil), results...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].StartMs < sorted[j].StartMs })
	gaps := []gap{}
	for i := 0; i < len(sorted); {
		if sorted[i].OK {
			i++
			continue
		}
		first, last := i, i
		for last+1 < len(sorted) && !sorted[last+1].OK {
			last++
		}
		start, end := sorted[max(first-1, 0)].StartMs, sorted[min(last+1, len(sorted)-1)].StartMs
		gaps = append(gaps, gap{start, end - start, last - first + 1})
		i = last + 1
	}
	return gaps
}

// summary is what a run of attempts comes to.
type summary struct {
	Summary      bool           `json:"summary"`
	Attempts     int            `json:"attempts"`
	OK           int            `json:"ok"`
	Failed       int            `json:"failed"`
	LongestGapMs float64        `json:"longestGapMs"`
	Gaps         []gap          `json:"gaps"`
	Errors       map[string]int `json:"errors"`
	Pods         map[string]int `json:"pods"`
	Nodes        map[string]int `json:"nodes"`
	SeenClients  map[string]int `json:"seenClients"`
	// Connections counts how often a stream had to be opened; attempts that open one each do not set it.
	Connections int `json:"connections,omitempty"`
}

func summarise(results []result) summary {
	s := summary{
		Summary: true, Attempts: len(results), Gaps: gapsOf(results),
		Errors: map[string]int{}, Pods: map[string]int{}, Nodes: map[string]int{}, SeenClients: map[string]int{},
	}
	for _, r := range results {
		if !r.OK {
			s.Failed++
			s.Errors[r.Error]++
			continue
		}
		s.OK++
		s.Pods[r.Pod]++
		s.Nodes[r.Node]++
		s.SeenClients[r.SeenClient]++
	}
	for _, g := range s.Gaps {
		s.LongestGapMs = max(s.LongestGapMs, g.DurationMs)
	}
	return s
}
