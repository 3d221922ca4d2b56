package report_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is for a machine that does ten other things.
const patience = 3 * time.Minute

// browser is a headless Chromium, driven over a pair of pipes.
type browser struct {
	t       testing.TB
	ctx     context.Context
	in      io.Writer
	out     *bufio.Reader
	next    int
	session string
	events  []message
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	Session string `json:"sessionId,omitempty"`
}

// open starts a browser with a page, once more if it doesn't come up.
func open(t testing.TB, page string) *browser {
	t.Helper()
	program := chromium(t)
	var err error
	for range 2 {
		var b *browser
		if b, err = launch(t, program); err == nil {
			b.call("Page.enable", nil, nil)
			b.call("Log.enable", nil, nil)
			b.call("Runtime.enable", nil, nil)
			b.call("Network.enable", nil, nil)
			b.load(page)
			return b
		}
		t.Logf("the browser did not start: %v", err)
	}
	t.Fatal(err)
	return nil
}

func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
		t.Fatal("chromium is required")
	}
	t.Skip("chromium is not installed")
	return ""
}

func launch(t testing.TB, program string) (*browser, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	home, err := os.MkdirTemp("", "secr-browser-*")
	if err != nil {
		cancel()
		return nil, err
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		cancel()
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		cancel()
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
		"--user-data-dir="+filepath.Join(home, "profile"), "about:blank")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "LANG=C.UTF-8"}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	theirIn.Close()
	theirOut.Close()
	t.Cleanup(func() {
		cancel() // kills it
		cmd.Wait()
		ourIn.Close()
		ourOut.Close()
		os.RemoveAll(home)
	})
	b := &browser{t: t, ctx: ctx, in: ourOut, out: bufio.NewReaderSize(ourIn, 1<<20)}
	var target struct{ TargetID string }
	if err := b.try("Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	var attached struct{ SessionID string }
	if err := b.try("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	b.session = attached.SessionID
	return b, nil
}

// try sends one command and waits for its answer; events on the way are kept.
func (b *browser) try(method string, params, result any) error {
	b.next++
	m := map[string]any{"id": b.next, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(data, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		got, err := b.receive()
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		if got.ID != b.next {
			b.events = append(b.events, got)
			continue
		}
		if got.Error != nil {
			return fmt.Errorf("%s: %s", method, got.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(got.Result, result)
	}
}

func (b *browser) receive() (message, error) {
	var m message
	data, err := b.out.ReadBytes(0) // ends when the browser is killed at the deadline
	if err == nil {
		err = json.Unmarshal(data[:len(data)-1], &m)
	}
	return m, err
}

func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	if err := b.try(method, params, result); err != nil {
		b.t.Fatal(err)
	}
}

// load opens a file and waits until it is loaded.
func (b *browser) load(path string) {
	b.t.Helper()
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	for {
		for _, e := range b.events {
			if e.Method == "Page.loadEventFired" {
				return
			}
		}
		m, err := b.receive()
		if err != nil {
			b.t.Fatal(err)
		}
		b.events = append(b.events, m)
	}
}

// size makes the window that of a device.
func (b *browser) size(width, height int, mobile bool) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}, nil)
}

// scheme is light or dark.
func (b *browser) scheme(name string) {
	b.t.Helper()
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// eval gives the value of an expression, which the debugger and not the page runs.
func (b *browser) eval(expression string, into any) {
	b.t.Helper()
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s", expression, r.Exception.Text)
	}
	if err := json.Unmarshal(r.Result.Value, into); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// press presses a key.
func (b *browser) press(key string, code int, text string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		p := map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
		if kind == "keyDown" && text != "" {
			p["text"] = text
		}
		b.call("Input.dispatchKeyEvent", p, nil)
	}
}

// shot keeps a picture if SECR_TEST_PICTURES names a folder.
func (b *browser) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("SECR_TEST_PICTURES")
	if folder == "" {
		return
	}
	var r struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &r)
	data, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	writeFile(b.t, filepath.Join(folder, name+".png"), data)
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// One browser for all of it: starting one is what takes time, and what may fail.
func TestThePageInABrowser(t *testing.T) {
	path := write(t, full(t))
	b := open(t, path)

	t.Run("loads nothing and runs nothing", func(t *testing.T) {
		for _, e := range b.events {
			switch e.Method {
			case "Network.requestWillBeSent":
				var p struct{ Request struct{ URL string } }
				if err := json.Unmarshal(e.Params, &p); err != nil {
					t.Fatal(err)
				}
				if p.Request.URL != "file://"+path {
					t.Errorf("it asks for %s", p.Request.URL)
				}
			case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown":
				t.Errorf("the browser complains: %s", e.Params)
			}
		}
		var title string
		b.eval("document.title", &title)
		if title == "owned" || !strings.Contains(title, "<script>") {
			t.Errorf("the title is %q", title)
		}
		var active int
		b.eval("document.querySelectorAll('script,img,iframe,object,embed,link,form,[onerror],[onload],[style]').length", &active)
		if active != 0 {
			t.Errorf("%d elements do something", active)
		}
	})

	t.Run("its policy keeps out what gets in", func(t *testing.T) {
		b.eval(`(() => { const s = document.createElement('script'); s.textContent = "document.title='owned'"; document.body.append(s);
			const i = document.createElement('img'); i.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw='; document.body.append(i);
			const d = document.createElement('div'); d.setAttribute('style', 'width:77px'); d.id = 'intruder'; document.body.append(d); s.remove(); i.remove(); return true })()`, new(bool))
		var title string
		b.eval("document.title", &title)
		var width int
		b.eval("document.getElementById('intruder').getBoundingClientRect().width | 0", &width)
		if title == "owned" || width == 77 {
			t.Errorf("the policy lets it: title %q, width %d", title, width)
		}
		b.load(path)
	})

	for _, scheme := range []string{"light", "dark"} {
		t.Run("can be read in the "+scheme, func(t *testing.T) {
			b.scheme(scheme)
			b.size(1100, 900, false)
			b.shot(scheme)
			var bad []string
			b.eval(contrast, &bad)
			if len(bad) > 0 {
				t.Errorf("too little contrast: %q", bad)
			}
			var red int
			b.eval(`Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0])`, &red)
			if dark := red < 60; dark != (scheme == "dark") {
				t.Errorf("the background has %d parts of red", red)
			}
		})
	}

	t.Run("fits a phone", func(t *testing.T) {
		b.scheme("light")
		b.size(390, 844, true)
		b.shot("phone")
		var width int
		b.eval("document.documentElement.scrollWidth", &width)
		if width > 390 {
			t.Errorf("the page is %d wide", width)
		}
		var cut []string
		b.eval(`[...document.querySelectorAll('h1,h2,h3,p,li,summary,figcaption')].filter(e => e.getBoundingClientRect().right > 391).map(e => e.textContent.slice(0, 40))`, &cut)
		if len(cut) > 0 {
			t.Errorf("out of sight: %q", cut)
		}
	})

	t.Run("works by keyboard", func(t *testing.T) {
		b.size(1100, 900, false)
		b.load(path)
		b.press("Tab", 9, "")
		var first string
		b.eval("document.activeElement.textContent", &first)
		if first != "To the contents" {
			t.Errorf("the first stop is %q", first)
		}
		stops := map[string]int{}
		opened := false
		for range 80 {
			b.press("Tab", 9, "")
			var at struct {
				Tag     string
				Outline string
			}
			b.eval("({Tag: document.activeElement.tagName, Outline: getComputedStyle(document.activeElement).outlineStyle})", &at)
			stops[at.Tag]++
			if at.Tag != "BODY" && at.Outline == "none" {
				t.Errorf("a %s has the focus and doesn't show it", at.Tag)
			}
			if at.Tag == "SUMMARY" && !opened {
				b.press("Enter", 13, "\r")
				b.eval("document.activeElement.parentElement.open", &opened)
				if !opened {
					t.Error("Enter does not open what can be opened")
				}
			}
		}
		if stops["A"] < 10 || stops["SUMMARY"] < 3 || stops["DIV"] < 3 {
			t.Errorf("stops: %v", stops)
		}
	})

	t.Run("says what it is to a screen reader", func(t *testing.T) {
		var bad []string
		b.eval(`[...document.querySelectorAll('svg:not([aria-hidden])')].filter(e => !e.getAttribute('aria-label')).map(e => 'svg')
			.concat([...document.querySelectorAll('[role=region]')].filter(e => !e.getAttribute('aria-label')).map(e => 'region'))
			.concat([...document.querySelectorAll('table')].filter(e => !e.querySelector('th')).map(e => 'table'))
			.concat([...document.querySelectorAll('a[href^="#"]')].filter(e => !document.getElementById(e.getAttribute('href').slice(1))).map(e => 'link ' + e.href))
			.concat(document.querySelectorAll('h1').length == 1 ? [] : ['h1']).concat(document.documentElement.lang == 'en' ? [] : ['lang'])`, &bad)
		if len(bad) > 0 {
			t.Errorf("without a name: %q", bad)
		}
	})
}

// contrast lists texts that have less contrast than 4.5 to 1 with what is behind them.
const contrast = `(() => {
	const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return {r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1} };
	const lum = c => { const f = x => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4 }; return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b) };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.a > 0.99) return c } return {r: 255, g: 255, b: 255, a: 1} };
	const bad = new Set();
	for (const d of document.querySelectorAll('details')) d.open = true;
	const w = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = w.nextNode();) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest('progress,title,style')) continue;
		const s = getComputedStyle(e), ink = rgb(e.closest('svg') ? s.fill : s.color);
		const a = lum(ink), z = lum(behind(e)), ratio = (Math.max(a, z) + 0.05) / (Math.min(a, z) + 0.05);
		if (ratio < 4.5) bad.add(e.tagName + '.' + e.getAttribute('class') + ' ' + ratio.toFixed(2));
	}
	for (const d of document.querySelectorAll('details')) d.open = false;
	return [...bad];
})()`
