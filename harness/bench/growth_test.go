package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestADirectoryGrowsAndTheProgramsOfTheStepsReadIt(t *testing.T) {
	b := small(t)
	places, err := b.growth(t.Context(), 2, 1500)
	require.NoError(t, err)
	require.Len(t, places, 2)
	for i, p := range places {
		assert.Equal(t, 1500*(i+1), p.At)
		require.Len(t, p.Sides, 4)
		for j, s := range p.Sides {
			assert.Positive(t, s.NsPerOp, s.Name)
			assert.Positive(t, []float64{s.DiskBytes, s.SentBytes}[j/2], s.Name)
		}
	}
	assert.Greater(t, places[1].Sides[0].DiskBytes, 1.9*places[0].Sides[0].DiskBytes, "step 05 keeps everything")
	var out bytes.Buffer
	(&Series{Of: "writes", Places: places}).WriteTable(&out)
	assert.Contains(t, out.String(), "\nwrites  step 05")
	assert.Contains(t, out.String(), "\n3000    ")
}

func TestTheClientsOfASeriesWrite(t *testing.T) {
	loads, end, err := small(t).openAcks(t.Context(), []int{1, 3})
	defer end()
	require.NoError(t, err)
	samples := make([][]sample, 4)
	p := pace{rounds: 2, length: 10 * time.Millisecond, cold: true}
	for number := range p.rounds {
		require.NoError(t, p.inTurn(t.Context(), number, loads[1], samples))
	}
	for i, s := range requests.sums(loads[1], samples) {
		assert.Len(t, samples[i], 2)
		assert.Positive(t, s.PerSecond, s.Name)
	}
}

func TestASeriesThatIsNoneIsNotMeasured(t *testing.T) {
	_, err := RunSeries(t.Context(), Options{}, "waltz")
	require.ErrorContains(t, err, "there are acks and growth")
}

func TestAPutBesideASnapshotCountsOnOneSide(t *testing.T) {
	ours, bare, end, err := openPuts(t.Context(), small(t))
	require.NoError(t, err)
	defer end()
	for range 2 {
		one, err := ours.take(t.Context(), 0)
		require.NoError(t, err)
		two, err := bare.take(t.Context(), 0)
		require.NoError(t, err)
		assert.True(t, one.nanos > 0 && two.nanos > 0)
	}
}

func TestNumbersAreWrittenInUnitsThatSuitThem(t *testing.T) {
	for ns, want := range map[float64]string{47: "47 ns", 9999: "9999 ns", 62e3: "62 µs", 1.25e6: "1.2 ms", 165e6: "165 ms", 1.4e9: "1.40 s"} {
		assert.Equal(t, want, inUnits(ns))
	}
	assert.Equal(t, "0.50 (1/2000–1.00)", Ratio{Median: 0.5, Min: 0.0005, Max: 1}.String())
	assert.Equal(t, "10k 100k 1m", short(10_000)+" "+short(100_000)+" "+short(1_000_000))
}
