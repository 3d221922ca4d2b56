package report

import (
	"fmt"
	"time"
)

// Sizes of plots, in units of their own coordinates.
const (
	plotWidth  = 720
	plotHeight = 200
	plotLeft   = 44
	plotTop    = 10
	plotBottom = 26

	laneLeft = 150
	laneTop  = 4
	laneStep = 20
)

// Plot is bars over time, stacked by series, and the same as a table.
type Plot struct {
	ID, Title, Unit string
	Width, Height   int
	Bars            []Bar
	Ticks           []Tick
	Levels          []Tick // of the vertical axis
	Legend          []Series
	Rows            []PlotRow
	Series          []string
	Empty           bool
}

// Bar is one rectangle.
type Bar struct {
	X, Y, W, H   float64
	Class, Title string
}

// Tick is a mark at an axis.
type Tick struct {
	X, Y float64
	Text string
}

// Series is one entry of a legend.
type Series struct{ Class, Name string }

// PlotRow is one bucket in words.
type PlotRow struct {
	Label  string
	Counts []int
	Sum    int
}

// axis maps times to places.
type axis struct {
	from, to    int64
	left, right float64
}

// axis is from the founding of the vault to now. Times outside, which a wrong clock
// or a liar gave, are drawn at its ends.
func (m *maker) axis(left, right int) axis {
	first, _ := m.o.Vault.State().Link(1)
	now := m.o.Now.Unix()
	return axis{from: min(first.Time, now-86400), to: now, left: float64(left), right: float64(right)}
}

func (x axis) at(t int64) float64 {
	t = min(max(t, x.from), x.to)
	return x.left + (x.right-x.left)*float64(t-x.from)/float64(x.to-x.from)
}

// ticks are four to five dates along the axis.
func (x axis) ticks(y int) []Tick {
	var out []Tick
	for i := range 5 {
		t := x.from + (x.to-x.from)*int64(i)/4
		text := day(t)
		if x.to-x.from < 3*86400 {
			text = time.Unix(t, 0).UTC().Format("01-02 15:04")
		}
		out = append(out, Tick{X: x.left + (x.right-x.left)*float64(i)/4, Y: float64(y), Text: text})
	}
	return out
}

// buckets are equal stretches of time.
type buckets struct {
	axis  axis
	n     int
	width int64
	count [][]int // by bucket and series
	names []string
	index map[string]int
}

const maxSeries = 8

// newBuckets cuts the time since the founding into days, weeks, months, or more, so
// that there are not too many.
func (m *maker) newBuckets(names []string) *buckets {
	b := &buckets{axis: m.axis(plotLeft, plotWidth-8), width: 3600, index: map[string]int{}}
	for _, width := range []int64{3600, 86400, 7 * 86400, 30 * 86400, 91 * 86400, 365 * 86400, 3650 * 86400} {
		b.width = width
		if b.n = int((b.axis.to-b.axis.from)/width) + 1; b.n <= 72 {
			break
		}
	}
	for i, name := range names {
		if i < maxSeries-1 {
			b.index[name] = i
			b.names = append(b.names, name)
		}
	}
	b.names = append(b.names, "others") // too many, retired, or unknown
	b.count = make([][]int, b.n)
	for i := range b.count {
		b.count[i] = make([]int, len(b.names))
	}
	return b
}

func (b *buckets) add(t int64, name string) {
	i, ok := b.index[name]
	if !ok {
		i = len(b.names) - 1
	}
	t = min(max(t, b.axis.from), b.axis.to)
	b.count[min(int((t-b.axis.from)/b.width), b.n-1)][i]++
}

// plot draws the buckets.
func (b *buckets) plot(id, title, unit string) Plot {
	p := Plot{ID: id, Title: title, Unit: unit, Width: plotWidth, Height: plotHeight, Ticks: b.axis.ticks(plotHeight - 8)}
	top := 0
	for _, counts := range b.count {
		top = max(top, sum(counts))
	}
	p.Empty = top == 0
	step := stepOf(top)
	limit := (top + step - 1) / step * step
	if limit == 0 {
		limit = 1
	}
	floor := float64(plotHeight - plotBottom)
	height := func(n int) float64 { return (floor - plotTop) * float64(n) / float64(limit) }
	for n := 0; n <= limit; n += step {
		p.Levels = append(p.Levels, Tick{X: plotLeft - 6, Y: floor - height(n), Text: fmt.Sprint(n)})
	}
	slot := (b.axis.right - b.axis.left) / float64(b.n)
	shown := b.shown()
	for i, counts := range b.count {
		label := day(b.axis.from + int64(i)*b.width)
		if b.width < 86400 {
			label = stamp(b.axis.from + int64(i)*b.width)
		}
		y := floor
		row := PlotRow{Label: label, Sum: sum(counts)}
		for _, s := range shown {
			row.Counts = append(row.Counts, counts[s])
			if counts[s] == 0 {
				continue
			}
			h := height(counts[s])
			y -= h
			p.Bars = append(p.Bars, Bar{
				X: b.axis.left + float64(i)*slot + slot*0.1, Y: y, W: max(slot*0.8, 1), H: h, Class: fmt.Sprintf("series-%d", s),
				Title: fmt.Sprintf("%s: %d %s, %s", label, counts[s], unit, b.names[s]),
			})
		}
		if row.Sum > 0 {
			p.Rows = append(p.Rows, row)
		}
	}
	for _, s := range shown {
		p.Legend = append(p.Legend, Series{Class: fmt.Sprintf("series-%d", s), Name: b.names[s]})
		p.Series = append(p.Series, b.names[s])
	}
	return p
}

// shown is the series that have something.
func (b *buckets) shown() []int {
	var out []int
	for s := range b.names {
		for _, counts := range b.count {
			if counts[s] > 0 {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

func sum(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// stepOf is a round distance of the marks of an axis up to top.
func stepOf(top int) int {
	step := 1
	for ; top/step > 5; step *= 10 {
		for _, by := range []int{1, 2, 5} {
			if top/(step*by) <= 5 {
				return step * by
			}
		}
	}
	return step
}
