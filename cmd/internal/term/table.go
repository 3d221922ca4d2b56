package term

import (
	"bufio"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// minColumn is the least that a column is cut to before the line itself is.
const minColumn = 6

// gap stands between columns.
const gap = "  "

// Table writes rows under a header, in columns. On a terminal it fits the width: the
// widest columns are cut first, and a cut is shown by an ellipsis. Where even the narrowest
// columns would not fit, each row is a block of lines with the header's words before them. In a
// pipe nothing is cut. Cells are cleaned; colour is the header's alone, and a block's first line.
func (s Stream) Table(header []string, rows [][]string) error {
	cells := make([][]string, 0, len(rows)+1)
	for _, row := range append([][]string{header}, rows...) {
		clean := make([]string, len(header))
		for i := range clean {
			if i < len(row) {
				clean[i] = Clean(row[i])
			}
		}
		cells = append(cells, clean)
	}
	out := bufio.NewWriter(s.Writer)
	for _, line := range layout(cells, s.Width()) {
		text := line.text
		if line.head {
			text = s.Paint(Bold, text)
		}
		out.WriteString(text)
		out.WriteByte('\n')
	}
	return out.Flush()
}

// tableLine is a line of a table.
type tableLine struct {
	text string
	head bool // it stands out
}

// layout sets clean cells, the header first, into lines of at most limit columns; 0 is no
// limit.
func layout(cells [][]string, limit int) []tableLine {
	widths := columnWidths(cells, limit)
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if limit > 0 && total > limit && len(cells) > 1 {
		return blocks(cells, limit)
	}
	out := make([]tableLine, len(cells))
	for n, row := range cells {
		out[n] = tableLine{formatRow(row, widths), n == 0}
	}
	return out
}

// blocks sets each row below the one before, a line a cell; empty cells are left out.
func blocks(cells [][]string, limit int) []tableLine {
	label := 0
	for _, h := range cells[0] {
		label = max(label, columns(h))
	}
	var out []tableLine
	for n, row := range cells[1:] {
		if n > 0 {
			out = append(out, tableLine{})
		}
		for i, c := range row {
			if c != "" || i == 0 {
				text := formatRow([]string{cells[0][i], c}, []int{label, max(minColumn, limit-label-len(gap))})
				out = append(out, tableLine{text, i == 0})
			}
		}
	}
	return out
}

func columnWidths(cells [][]string, limit int) []int {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], columns(c))
		}
	}
	if limit == 0 {
		return widths
	}
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > limit {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}

func formatRow(row []string, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString(gap)
		}
		c = cut(c, widths[i])
		b.WriteString(c)
		b.WriteString(strings.Repeat(" ", max(0, widths[i]-columns(c))))
	}
	return strings.TrimRight(b.String(), " ")
}

// cut shortens clean text to a number of columns.
func cut(s string, limit int) string {
	if columns(s) <= limit {
		return s
	}
	used := 0
	for i, r := range s {
		w := runeColumns(r)
		if used+w > limit-1 {
			return s[:i] + "…"
		}
		used += w
	}
	return s
}

// columns is the room that clean text takes on a terminal.
func columns(s string) int {
	if plain(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.Is(unicode.M, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
