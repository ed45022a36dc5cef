package main

import (
	"fmt"
	"regexp"
	"strings"
)

// masks hide what differs from run to run, for the comparison only: the page
// keeps the numbers of the run that it shows.
var masks = map[string]*regexp.Regexp{
	"port": regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`),
	"pid":  regexp.MustCompile(`\bpid[ =]\d+`),
	"time": regexp.MustCompile(`\b\d+(\.\d+)? ?(ns|µs|ms|s|min)\b`),
	"date": regexp.MustCompile(`(?i)\bdate: .*|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}\S*`),
	"tmp":  regexp.MustCompile(`(/private)?(/var/folders|/tmp)/[\w./-]+`),
}

// mask applies the masks of a directive's option, "port, time, /regexp/", to a
// text.
func mask(names string, lines []string) (string, error) {
	text := strings.Join(lines, "\n")
	if names == "" {
		return text, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		re := masks[name]
		if re == nil {
			inner, ok := strings.CutPrefix(name, "/")
			if !ok || !strings.HasSuffix(inner, "/") {
				return "", fmt.Errorf("no mask %q; there are port, pid, time, date, tmp and /regexp/", name)
			}
			var err error
			if re, err = regexp.Compile(strings.TrimSuffix(inner, "/")); err != nil {
				return "", err
			}
		}
		text = re.ReplaceAllString(text, "…")
	}
	return text, nil
}
