package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var (
	inlineCode = regexp.MustCompile("`+[^`]+`+")
	link       = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)`)
	reference  = regexp.MustCompile(`^\s{0,3}\[[^\]^]+\]:\s*(\S+)`)
	attribute  = regexp.MustCompile(`(?:src|srcset|href)="([^"]+)"`)
	heading    = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	scheme     = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
)

// prose calls visit for every line of a page outside of its blocks.
func (p *page) prose(visit func(line int, text string)) {
	inside := 0 // index of the next block
	for i, text := range p.lines {
		if inside < len(p.blocks) && i >= p.blocks[inside].line-1 {
			if i == p.blocks[inside].to {
				inside++
			}
			continue
		}
		visit(i+1, text)
	}
}

// anchors are the headings of a page as they are named in links: by the site,
// and by the repository's own pages, which have different rules.
type anchors struct{ site, host map[string]bool }

func (p *page) anchors() anchors {
	a := anchors{map[string]bool{}, map[string]bool{}}
	p.prose(func(_ int, text string) {
		m := heading.FindStringSubmatch(text)
		if m == nil {
			return
		}
		plain := link.ReplaceAllString(m[1], "]")
		plain = strings.NewReplacer("`", "", "*", "", "[", "", "]", "").Replace(plain)
		add(a.site, siteSlug(plain), "_")
		add(a.host, hostSlug(plain), "-")
	})
	return a
}

// add adds a slug, with a number if it is not the first of its name.
func add(slugs map[string]bool, slug, separator string) {
	name := slug
	for n := 1; slugs[name]; n++ {
		name = slug + separator + strconv.Itoa(n)
	}
	slugs[name] = true
}

// hostSlug names a heading as GitHub and its like do.
func hostSlug(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

var blanks = regexp.MustCompile(`[-\s]+`)

// siteSlug names a heading as mkdocs does: ASCII only.
func siteSlug(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r > unicode.MaxASCII:
			return -1
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_', r == ' ':
			return unicode.ToLower(r)
		}
		return -1
	}, text)
	return blanks.ReplaceAllString(strings.TrimSpace(text), "-")
}

// checkLinks checks that the links of the pages lead somewhere, and that the
// site's navigation holds every page of docs.
func (c *checker) checkLinks(paths []string) error {
	read := map[string]*page{}
	load := func(path string) *page {
		if p, ok := read[path]; ok {
			return p
		}
		text, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(path)))
		if err != nil {
			return nil
		}
		read[path], _ = parsePage(path, string(text))
		return read[path]
	}
	for _, path := range paths {
		p := load(path)
		if p == nil {
			continue // reported already
		}
		p.prose(func(line int, text string) {
			for _, target := range targets(text) {
				c.checkLink(p, line, target, load)
			}
		})
	}
	return c.checkNavigation(paths)
}

// targets returns where the links in a line lead.
func targets(text string) (found []string) {
	text = inlineCode.ReplaceAllString(text, "")
	for _, re := range []*regexp.Regexp{link, reference, attribute} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
	}
	return found
}

func (c *checker) checkLink(p *page, line int, target string, load func(string) *page) {
	if scheme.MatchString(target) {
		return
	}
	file, anchor, _ := strings.Cut(target, "#")
	dest := p.path
	if file != "" {
		dest = path.Join(path.Dir(p.path), file)
	}
	if strings.HasPrefix(dest, "../") || path.IsAbs(file) {
		c.report(p, line, "the link to %s leads out of the repository", target)
		return
	}
	if _, err := os.Stat(filepath.Join(c.root, filepath.FromSlash(dest))); err != nil {
		c.report(p, line, "dead link: there is no %s", dest)
		return
	}
	if anchor == "" || path.Ext(dest) != ".md" {
		return
	}
	other := load(dest)
	if other == nil {
		return
	}
	a := other.anchors()
	switch site, host := a.site[anchor], a.host[anchor]; {
	case !site && !host:
		c.report(p, line, "dead link: %s has no heading #%s", dest, anchor)
	case !site:
		c.report(p, line, "#%s works on the repository's pages, not on the site; reword the heading (letters, digits and blanks)", anchor)
	case !host:
		c.report(p, line, "#%s works on the site, not on the repository's pages; reword the heading (letters, digits and blanks)", anchor)
	}
}

var navigated = regexp.MustCompile(`[\w./-]+\.md`)

// checkNavigation compares docs/ with the part of mkdocs.yml that begins with
// nav.
func (c *checker) checkNavigation(paths []string) error {
	config, err := os.ReadFile(filepath.Join(c.root, "mkdocs.yml"))
	if err != nil {
		return err
	}
	_, nav, _ := strings.Cut("\n"+string(config), "\nnav:")
	var named []string
	for _, name := range navigated.FindAllString(nav, -1) {
		named = append(named, "docs/"+name)
		if _, err := os.Stat(filepath.Join(c.root, "docs", name)); err != nil {
			c.findings = append(c.findings, "mkdocs.yml: there is no docs/"+name)
		}
	}
	for _, path := range paths {
		if strings.HasPrefix(path, "docs/") && !slices.Contains(named, path) {
			c.findings = append(c.findings, path+": the navigation in mkdocs.yml does not lead here")
		}
	}
	return nil
}
