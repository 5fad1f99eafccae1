// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/store"
)

// minuteOf feeds one minute of twenty steady devices.
func minuteOf(e *Engine, minute int64) {
	b := flow.NewBatch(40)
	for d := range byte(20) {
		end := (minute*60 + 20) * 1e9
		r := flow.Record{
			Start: end - 5e9, End: end, Received: end, Src: flow.AddrFrom4([4]byte{203, 0, 113, d}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, d}),
			SrcPort: 443, DstPort: 50000, Proto: flow.ProtoTCP, Packets: 1000, Bytes: 1_000_000 * uint64(1+d), Sampling: 1,
		}
		b.Append(&r)
	}
	e.Process(b)
	e.Advance(minute*60 + 59)
}

const firstMinute = 20_003 * 24 * 60

// openMemory opens a data directory as serve does.
func openMemory(dir string) (*Engine, *memory, error) {
	cfg := DefaultConfig()
	cfg.Timezone = "UTC"
	e, err := NewEngine(&cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	files, err := store.OpenBaselines(dir)
	if err != nil {
		return nil, nil, err
	}
	m, err := newMemory(e, files, slog.New(slog.DiscardHandler))
	return e, m, err
}

// TestLearnUntilKilled is no test of its own: TestKill runs it as a process of its
// own and kills it. It learns from minute TIDEWATCH_KILL_FROM on and says which
// minutes are saved.
func TestLearnUntilKilled(t *testing.T) {
	dir := os.Getenv("TIDEWATCH_KILL_DIR")
	if dir == "" {
		return
	}
	from, err := strconv.ParseInt(os.Getenv("TIDEWATCH_KILL_FROM"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	e, m, err := openMemory(dir)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "FAILED", err)
		return
	}
	// A life may end between saving a minute and saying so; no flow arrives twice.
	for minute := max(from, e.Now()/60+1); ; minute++ {
		minuteOf(e, minute)
		if err := m.save(); err != nil {
			_, _ = fmt.Fprintln(os.Stdout, "FAILED", err)
			return
		}
		_, _ = fmt.Fprintln(os.Stdout, "saved", minute)
	}
}

// A server that is killed again and again, at any moment, loses at most a minute
// of learning and never a saved baseline: in the end it has learned the same hours
// as one that ran through.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(7, 7))
	minute := int64(firstMinute)
	versions := map[string]string{}
	lost := map[int64]int{} // minutes at most, by hour: one for each life that ended in it
	for round := 0; round < 20 || minute < firstMinute+1600 && round < 400; round++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLearnUntilKilled$")
		cmd.Env = append(os.Environ(), "TIDEWATCH_KILL_DIR="+dir, "TIDEWATCH_KILL_FROM="+strconv.FormatInt(minute, 10), "GORACE=atexit_sleep_ms=0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killed := time.AfterFunc(150*time.Millisecond+time.Duration(r.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "saved "); ok {
				if minute, err = strconv.ParseInt(rest, 10, 64); err != nil {
					t.Fatal(err)
				}
			} else if strings.HasPrefix(lines.Text(), "FAILED") {
				t.Errorf("round %d: %s", round, lines.Text())
			}
		}
		_ = cmd.Wait()
		killed.Stop()
		minute++
		lost[minute/60]++
		files, err := store.OpenBaselines(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range files.Versions() {
			versions[v.ID] = v.SHA256
		}
		for id := range versions {
			if _, err := files.Read(id); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if t.Failed() {
			return
		}
	}
	e, _, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	days := (minute - firstMinute) / 1440
	t.Logf("%d minutes, %d versions", minute-firstMinute, len(versions))
	if days < 1 || len(versions) == 0 {
		t.Fatalf("only %d minutes were learned", minute-firstMinute)
	}
	device := flow.AddrFrom(netip.MustParseAddr("10.0.0.7"))
	p, ok := e.union().Profile(device, baseline.FieldBytesIn)
	if !ok {
		t.Fatal("nothing was learned")
	}
	hours := int((minute - firstMinute - 3) / 60)
	// A life lost no more than the minute it was in, and a version's trim is by days. On a
	// busy machine lives are short, and many end within an hour.
	var ends []int
	for hour := int64(firstMinute) / 60; hour <= minute/60; hour++ {
		ends = append(ends, lost[hour])
	}
	slices.Sort(ends)
	median, most := float64(60-ends[len(ends)/2])*8e6, float64(59-ends[len(ends)-1])*8e6
	if p.HoursKept < hours-1 || p.Overall.Median < median || p.Overall.Median > 60*8e6 || p.Overall.Min < most {
		t.Errorf("%d hours of about %d; median %.0f, least %.0f MB", p.HoursKept, hours, p.Overall.Median/1e6, p.Overall.Min/1e6)
	}
}

// Hours with a long gap, because nobody ran, teach nothing; what came before and
// after is there.
func TestGapTeachesNothing(t *testing.T) {
	dir := t.TempDir()
	e, m, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for minute := range int64(150) { // two hours and a half
		minuteOf(e, firstMinute+minute)
	}
	if err := m.save(); err != nil {
		t.Fatal(err)
	}
	e, m, err = openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for minute := int64(190); minute < 310; minute++ { // from ten past three on
		minuteOf(e, firstMinute+minute)
	}
	p, _ := e.union().Profile(flow.AddrFrom(netip.MustParseAddr("10.0.0.7")), baseline.FieldBytesIn)
	if p.Overall.Min < 59*8e6 || p.HoursKept < 3 {
		t.Errorf("%d hours, least %.0f MB: a broken hour was learned", p.HoursKept, p.Overall.Min/1e6)
	}
	if err := m.save(); err != nil {
		t.Error(err)
	}
}

// A journal that is damaged in the middle is an error that names it, not a guess.
func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	e, m, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.day = firstMinute / 1440 // no version today
	for minute := range int64(300) {
		minuteOf(e, firstMinute+minute)
		if minute%60 == 10 {
			if err := m.save(); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := dir + "/baselines/.journal"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[20] ^= 0xff
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openMemory(dir); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("opened a damaged journal: %v", err)
	}
}

// A checkpoint that cannot be read costs its hour and nothing else.
func TestDamagedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	e, m, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for minute := range int64(150) {
		minuteOf(e, firstMinute+minute)
	}
	m.last()
	if err := os.WriteFile(dir+"/baselines/checkpoint", []byte("not a checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, _, err = openMemory(dir); err != nil {
		t.Fatal(err)
	}
	if n := e.learned(); n != 20 || e.Now() != 0 {
		t.Errorf("%d devices are known, flow time %d", n, e.Now())
	}
}
