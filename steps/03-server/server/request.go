package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

// keyOf reads the key from what follows "/kv/" in an escaped path. Nothing is
// cleaned away: a//b, .. and %2F are keys like others.
func keyOf(r *http.Request, escaped string) (string, error) {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return "", invalid("a key takes no query; if the ? belongs to the key, write it as %%3F")
	}
	key, err := url.PathUnescape(escaped)
	if err != nil {
		return "", invalid("key: %v; write a percent sign as %%25", err)
	}
	if err := kv.CheckKey(key); err != nil {
		return "", err
	}
	return key, nil
}

// commandOf adds the conditions in the header to c.
func commandOf(r *http.Request, c kv.Command) (kv.Command, error) {
	match, hasMatch, err := single(r.Header, "If-Match")
	if err != nil {
		return c, err
	}
	none, hasNone, err := single(r.Header, "If-None-Match")
	switch {
	case err != nil:
		return c, err
	case hasMatch && hasNone:
		return c, invalid("send If-Match or If-None-Match, not both")
	case hasNone && none != "*":
		return c, invalid("If-None-Match: %.80q: it must be *, which means that the key must be absent", none)
	case hasNone:
		return c.IfAbsent(), nil
	case !hasMatch:
		return c, nil
	}
	v, err := ParseETag(match)
	if err != nil {
		return c, invalid(`If-Match: %v`, err)
	}
	return c.IfVersion(v), nil
}

// wanted reports whether the If-Match of a read, if there is one, allows for
// version v. What a read asks for is what RFC 9110 says, lists of tags included:
// caches and browsers ask, too.
func wanted(h http.Header, v kv.Version) bool {
	return h["If-Match"] == nil || anyTag(h["If-Match"], func(tag string) bool { return tag == ETag(v) })
}

// known reports whether the reader has version v already, by its If-None-Match.
func known(h http.Header, v kv.Version) bool {
	return anyTag(h["If-None-Match"], func(tag string) bool { return strings.TrimPrefix(tag, "W/") == ETag(v) })
}

// anyTag reports whether one of the tags in the lines of a header is what is
// looked for, or is *, which stands for all.
func anyTag(lines []string, sought func(tag string) bool) bool {
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || sought(tag) {
			return true
		}
	}
	return false
}

// ETag returns a version as an entity tag, "17" with the quotes.
func ETag(v kv.Version) string { return `"` + strconv.FormatUint(uint64(v), 10) + `"` }

// ParseETag reads one entity tag with a version in it. It takes exactly what
// ETag gives: a weak tag (W/"17") says that something similar will do, and for
// a condition it will not.
func ParseETag(s string) (kv.Version, error) {
	n, err := strconv.ParseUint(strings.Trim(s, `"`), 10, 64)
	if v := kv.Version(n); err == nil && ETag(v) == s {
		return v, nil
	}
	return 0, fmt.Errorf(`%.80q: it must be one version in quotes, such as "17"`, s)
}

// identityOf reads the Idempotency-Key, if there is one.
func identityOf(r *http.Request) (id session.Identity, ok bool, err error) {
	text, ok, err := single(r.Header, "Idempotency-Key")
	if err != nil || !ok {
		return id, false, err
	}
	id, err = session.ParseIdentity(text)
	if err != nil {
		return id, false, invalid("Idempotency-Key: %v, and the session is one from POST /sessions", err)
	}
	return id, true, nil
}

// single returns the value of a header that must not come twice.
func single(h http.Header, name string) (value string, ok bool, err error) {
	switch all := h[name]; len(all) {
	case 0:
		return "", false, nil
	case 1:
		return all[0], true, nil
	}
	return "", false, invalid("%s: it came more than once; send it once", name)
}

// rangeOf reads the query of a scan.
func rangeOf(r *http.Request) (kv.Range, error) {
	var rg kv.Range
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return rg, invalid("query: %v; escape & as %%26, ; as %%3B and %% as %%25", err)
	}
	for name, values := range query {
		if len(values) > 1 {
			return rg, invalid("query: %.80q came more than once; send it once", name)
		}
		switch value := values[0]; name {
		case "prefix":
			rg.Prefix = value
		case "after":
			rg.After = value
		case "limit":
			if rg.Limit, err = parseLimit(value); err != nil {
				return rg, err
			}
		default:
			return rg, invalid("query: there is no %.80q; there are prefix, after and limit", name)
		}
	}
	return rg, nil
}

func parseLimit(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, invalid("limit: %.80q: it must be a number from 1 to %d, or 0 for %d", s, kv.MaxScan, kv.MaxScan)
	}
	return n, nil
}
