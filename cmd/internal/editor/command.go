package editor

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/secr/secr/cmd/internal/exit"
)

// Command is an editor with its arguments.
type Command struct{ args []string }

// Choose finds the editor that a person has chosen: VISUAL, unless the terminal is a dumb
// one, EDITOR, or else what every system has, if there is a terminal to use it on.
func Choose(getenv func(string) string, terminal bool) (Command, error) {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		line := strings.TrimSpace(getenv(name))
		if line == "" || name == "VISUAL" && getenv("TERM") == "dumb" && getenv("EDITOR") != "" {
			continue
		}
		args, err := split(line)
		if err != nil || len(args) == 0 {
			return Command{}, exit.Usagef("%s is no command: %v", name, err)
		}
		c := Command{args}
		return c, c.check(name)
	}
	if !terminal {
		return Command{}, exit.Usagef("there is no terminal to edit on, and EDITOR names no editor").
			WithHint("secr set KEY takes a value from standard input, secr import a .env file")
	}
	if runtime.GOOS == "windows" {
		return Command{[]string{"notepad"}}, nil
	}
	return Command{[]string{"vi"}}, nil
}

// Name is the editor's name.
func (c Command) Name() string {
	name := strings.ToLower(filepath.Base(c.args[0]))
	for _, end := range []string{".exe", ".cmd", ".bat"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

// waits are the arguments with which editors that return at once stay until the file is
// closed.
func waits() map[string][]string {
	wait, front := []string{"--wait", "-w"}, []string{"--nofork", "-f"}
	return map[string][]string{
		"code": wait, "code-insiders": wait, "codium": wait, "cursor": wait, "zed": wait, "subl": wait, "mate": wait, "atom": wait,
		"gedit": wait, "gvim": front, "mvim": front,
	}
}

// check refuses an editor that would return before anybody has typed.
func (c Command) check(variable string) error {
	needs, ok := waits()[c.Name()]
	if !ok || slices.ContainsFunc(c.args[1:], func(a string) bool { return slices.Contains(needs, a) }) {
		return nil
	}
	return exit.Usagef("%s returns at once, before anything is edited", c.Name()).
		WithHint("%s=%q", variable, strings.Join(c.args, " ")+" "+needs[0])
}

// with is the whole command for one file. path is where the editor was found.
func (c Command) with(path, file string) []string {
	return slices.Concat(c.args, quiet(path), []string{file})
}

// quiet are the arguments that make Vim keep nothing elsewhere: no swap file, no history
// of commands and registers, no backup, no undo file. Other editors are as their users
// set them up.
func quiet(path string) []string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // vi is often Vim
	}
	name := filepath.Base(path)
	if !strings.HasPrefix(name, "vim") && !strings.HasPrefix(name, "nvim") && name != "gvim" {
		return nil
	}
	return []string{"-n", "-i", "NONE", "-c", "silent! set nobackup nowritebackup noundofile"}
}

// split parts a line into words as a shell does: at spaces, unless they are quoted. On
// Windows a backslash is part of a path.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote byte
	open := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && os.PathSeparator == '/':
			if i++; i == len(line) {
				return nil, errors.New("nothing follows its last backslash")
			}
			open = true
			word.WriteByte(line[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, open = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			open = true
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
