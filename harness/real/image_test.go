package real_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

// page returns a page full of one letter; "0" is a page of zeros.
func page(letter string) string {
	if letter == "0" {
		letter = "\x00"
	}
	return strings.Repeat(letter, 4096)
}

func TestEveryPageOfAnImageIsOneThatTheFileHad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.kv")
	var film real.Film
	for _, now := range []string{
		page("0") + page("0") + page("k"),
		page("a") + page("0") + page("k"),
		page("b") + page("x") + page("k") + "tail",
	} {
		require.NoError(t, os.WriteFile(path, []byte(now), 0o644))
		require.NoError(t, film.Shoot(path))
	}
	require.Equal(t, 3, film.Changed())

	seen := make(map[string]bool)
	for seed := range uint64(200) {
		out := filepath.Join(dir, "image")
		require.NoError(t, film.Develop(rand.New(rand.NewPCG(seed, 0)), out))
		b, err := os.ReadFile(filepath.Join(out, "store.kv"))
		require.NoError(t, err)
		require.Len(t, b, 3*4096+4)
		for i := 0; i < 3*4096; i += 4096 {
			require.Equal(t, strings.Repeat(string(b[i]), 4096), string(b[i:i+4096]), "no page is a mixture")
		}
		seen[strings.ReplaceAll(string([]byte{b[0], b[4096], b[8192], b[12288]}), "\x00", "0")] = true
	}
	require.Len(t, seen, 3*2*1*2, "every combination comes up")
	require.True(t, seen["bxkt"] && seen["00k0"] && seen["0xk0"])
}

func TestAFileThatIsNotThereIsNotFilmed(t *testing.T) {
	var film real.Film
	require.Error(t, film.Shoot(filepath.Join(t.TempDir(), "no such file")))
}
