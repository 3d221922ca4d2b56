package app

import (
	"testing"
	"time"
)

func TestTimesAsPeopleWriteThem(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	now := time.Date(2026, 11, 29, 8, 30, 15, 0, zone)
	at := func(month time.Month, day, hour, minute, second int) time.Time {
		return time.Date(2026, month, day, hour, minute, second, 0, zone)
	}
	for text, want := range map[string]period{
		"now":                       {now, now},
		"yesterday":                 {at(11, 28, 8, 30, 15), at(11, 28, 8, 30, 15)},
		"2 days ago":                {at(11, 27, 8, 30, 15), at(11, 27, 8, 30, 15)},
		"2026-11-02":                {at(11, 2, 0, 0, 0), at(11, 2, 23, 59, 59)},
		"2026-11-02 15:04":          {at(11, 2, 15, 4, 0), at(11, 2, 15, 4, 59)},
		"15:04":                     {at(11, 29, 15, 4, 0), at(11, 29, 15, 4, 59)},
		"2026-11-02 15:04:05":       {at(11, 2, 15, 4, 5), at(11, 2, 15, 4, 5)},
		"2026-11-02 13:04:05Z":      {at(11, 2, 15, 4, 5), at(11, 2, 15, 4, 5)},
		"2026-11-02T15:04:05+02:00": {at(11, 2, 15, 4, 5), at(11, 2, 15, 4, 5)},
	} {
		got, ok := parsePeriod(text, now)
		if !ok || !got.from.Equal(want.from) || !got.to.Equal(want.to) {
			t.Errorf("%s is %v to %v, %v", text, got.from, got.to, ok)
		}
	}
	for _, text := range []string{"", "soon", "-1 days ago", "2026-13-01", "25:00", "2 fortnights ago"} {
		if got, ok := parsePeriod(text, now); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
	if back, ok := parsePeriod(clock(now.Unix()), now); !ok || !back.from.Equal(now) {
		t.Errorf("what a log shows is read as %v", back)
	}
}
