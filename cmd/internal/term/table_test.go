package term

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableInAPipeIsWhole(t *testing.T) {
	var out bytes.Buffer
	s := Stream{Writer: &out}
	long := strings.Repeat("x", 300)
	if err := s.Table([]string{"NAME", "NOTE"}, [][]string{{"A", "one"}, {"名前", long}, {"C"}}); err != nil {
		t.Fatal(err)
	}
	want := "NAME  NOTE\nA     one\n名前  " + long + "\nC\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestTableCellsAreCleaned(t *testing.T) {
	var out bytes.Buffer
	if err := (Stream{Writer: &out}).Table([]string{"NAME"}, [][]string{{"\x1b[2J\nB"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("NAME\n\\x1b[2J\\nB\n", out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestTableFitsTheWidth(t *testing.T) {
	rows := [][]string{
		{"DATABASE_URL", "3", strings.Repeat("the note goes on ", 10)},
		{"名前名前名前名前", "12", "短い"},
	}
	cells := append([][]string{{"NAME", "VERSION", "NOTE"}}, rows...)
	for width := 24; width < 200; width++ {
		widths := columnWidths(cells, width)
		for _, row := range cells {
			if got := columns(formatRow(row, widths)); got > width {
				t.Fatalf("a row takes %d columns of %d", got, width)
			}
		}
	}
}

// TestATableTooWideForItsColumnsIsAListOfBlocks, in which every line fits.
func TestATableTooWideForItsColumnsIsAListOfBlocks(t *testing.T) {
	cells := [][]string{
		{"NAME", "VERSION", "UPDATED", "BY", "EXPIRES", "TAGS", "NOTE"},
		{"DATABASE_URL", "3", "2 minutes ago", "ada", "2027-01-01", "", "a note that is too long for one line"},
		{"名前名前名前名前名前名前名前名前", "12", "just now", "ben", "", "", ""},
	}
	var got []string
	for _, line := range layout(cells, 40) {
		got = append(got, line.text)
		if columns(line.text) > 40 {
			t.Errorf("%q is too wide", line.text)
		}
	}
	want := []string{
		"NAME     DATABASE_URL",
		"VERSION  3",
		"UPDATED  2 minutes ago",
		"BY       ada",
		"EXPIRES  2027-01-01",
		"NOTE     a note that is too long for on…",
		"",
		"NAME     名前名前名前名前名前名前名前名…",
		"VERSION  12",
		"UPDATED  just now",
		"BY       ben",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layout (-want +got):\n%s", diff)
	}
	for width := 17; width < 200; width++ {
		for _, line := range layout(cells, width) {
			if got := columns(line.text); got > width {
				t.Fatalf("%q takes %d columns of %d", line.text, got, width)
			}
		}
	}
	if lines := layout(cells[:1], 10); len(lines) != 1 {
		t.Errorf("a table without rows has the lines %v", lines)
	}
}

func TestColourFollowsNoColor(t *testing.T) {
	s := Stream{terminal: true, colour: true}
	if diff := cmp.Diff("\x1b[31mno\x1b[0m", s.Paint(Red, "no")); diff != "" {
		t.Errorf("painted (-want +got):\n%s", diff)
	}
	if got := (Stream{terminal: true}).Paint(Red, "no"); got != "no" {
		t.Errorf("painted without colour: %q", got)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if newStream(w, func(string) string { return "" }).colour {
		t.Error("a pipe has no colours")
	}
}
