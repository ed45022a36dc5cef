package page_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where there is a browser, the program in the page is tried out.
func TestABrowserDrawsThePage(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" || testing.Short() {
		t.Skip("no browser is at hand, or there is no time to start one")
	}
	h, findings := lostWrite(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	require.NoError(t, os.WriteFile(file, []byte(written(t, h, findings)), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--virtual-time-budget=2000", "--dump-dom", "file://"+file+"#op=99&search=append+52")
	dom, err := cmd.Output()
	if err != nil || len(dom) == 0 {
		t.Skipf("the browser does not run here: %v", err)
	}
	for _, part := range []string{
		`<html lang="en" class="on">`,
		"write, done</span>",                 // the legend
		`aria-pressed="true">append<`,        // a toggle for each kind of message
		"Kept (Esc lets go)",                 // the operation that the address names
		"How far entry 52 came on each node", // and the way of its entry:
		"n1 cut it away",
		"n2 has another entry 52",
		" hits</output>",
	} {
		assert.True(t, strings.Contains(string(dom), part), "the page has no %q", part)
	}
}
