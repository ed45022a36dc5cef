package shell_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/01-map/store"
)

var update = flag.Bool("update", false, "write what the shell answers to testdata")

// The files in testdata are conversations, to be read in their order. Behind a
// ">" stands what is typed; what follows must be the answer, to the letter.
func TestTheShellAnswersAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			written, err := os.ReadFile(file)
			require.NoError(t, err)
			var heard bytes.Buffer
			in := &script{strings.SplitAfter(string(written), "\n"), &heard}
			shell.Shell{Store: store.Open(), In: in, Out: &heard}.Run(t.Context())
			if *update {
				require.NoError(t, os.WriteFile(file, heard.Bytes(), 0o644))
			}
			assert.Equal(t, string(written), heard.String())
		})
	}
}

// script types the requests of a conversation, one with each Read. On the way
// it copies them, and the comments, to where the answers go.
type script struct {
	lines []string
	echo  io.Writer
}

func (s *script) Read(p []byte) (int, error) {
	for len(s.lines) > 0 {
		line := s.lines[0]
		s.lines = s.lines[1:]
		request, isRequest := strings.CutPrefix(line, ">")
		if isRequest || strings.HasPrefix(line, "#") || line == "\n" {
			_, _ = io.WriteString(s.echo, line)
		}
		if isRequest {
			return copy(p, strings.TrimPrefix(request, " ")), nil
		}
	}
	return 0, io.EOF
}
