package main

import (
	"fmt"
	"strings"
)

// diff returns a unified diff of two lists of lines, or "" if they are equal.
func diff(got, want []string) string {
	const context = 3
	edits := compare(got, want)
	var out strings.Builder
	out.WriteString("--- the page\n+++ the truth\n")
	for i := 0; i < len(edits); {
		if edits[i][0] == ' ' {
			i++
			continue
		}
		// A hunk ends where more than twice the context is unchanged.
		from, to, same := max(0, i-context), i, 0
		for ; i < len(edits) && same <= 2*context; i++ {
			same++
			if edits[i][0] != ' ' {
				same, to = 0, i
			}
		}
		fmt.Fprintf(&out, "@@ line %d of the block @@\n", 1+countOld(edits[:from]))
		for _, e := range edits[from:min(len(edits), to+1+context)] {
			out.WriteString(strings.TrimRight(e, " ") + "\n")
		}
	}
	return out.String()
}

func countOld(edits []string) (n int) {
	for _, e := range edits {
		if e[0] != '+' {
			n++
		}
	}
	return n
}

// compare returns the lines of both lists, each with ' ', '-' or '+' before
// it, by way of their longest common subsequence.
func compare(a, b []string) (edits []string) {
	common := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			edits = append(edits, " "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			edits = append(edits, "-"+a[i])
			i++
		default:
			edits = append(edits, "+"+b[j])
			j++
		}
	}
	return edits
}
