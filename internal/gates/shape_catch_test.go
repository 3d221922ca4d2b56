package gates

import (
	"strings"
	"testing"
)

func TestShapeGatesCatch(t *testing.T) {
	long := "package vault\n\nfunc f() {\n" + strings.Repeat("\tprintln()\n", maxFunction) + "}\n"
	for name, c := range map[string]struct {
		check func(source) []string
		file  string
		text  string
		bad   bool
	}{
		"long file":             {lengthComplaints, "vault/a.go", "package vault\n" + strings.Repeat("// x\n", maxFile), true},
		"long main":             {lengthComplaints, "cmd/secr/main.go", "package main\n" + strings.Repeat("// x\n", maxMain), true},
		"long function":         {lengthComplaints, "vault/a.go", long, true},
		"long function, test":   {lengthComplaints, "vault/a_test.go", long, false},
		"wide interface":        {lengthComplaints, "vault/a.go", "package vault\ntype i interface { A(); B(); C(); D() }", true},
		"narrow interface":      {lengthComplaints, "vault/a.go", "package vault\ntype i interface { A(); B(); C() }", false},
		"clock":                 {processComplaints, "vault/a.go", "package vault\nimport \"time\"\nvar _ = time.Now()", true},
		"clock as a value":      {processComplaints, "vault/a.go", "package vault\nimport \"time\"\nvar _ = time.Now", true},
		"clock, renamed":        {processComplaints, "vault/a.go", "package vault\nimport clock \"time\"\nvar _ = clock.Now()", true},
		"clock in cmd":          {processComplaints, "cmd/internal/a/a.go", "package a\nimport \"time\"\nvar _ = time.Now()", false},
		"exit":                  {processComplaints, "vault/a.go", "package vault\nimport \"os\"\nfunc f() { os.Exit(1) }", true},
		"environment":           {processComplaints, "vault/a.go", "package vault\nimport \"os\"\nvar _ = os.Getenv(\"X\")", true},
		"duration":              {processComplaints, "vault/a.go", "package vault\nimport \"time\"\nvar _ = time.Second", false},
		"init":                  {stateComplaints, "vault/a.go", "package vault\nfunc init() {}", true},
		"method init":           {stateComplaints, "vault/a.go", "package vault\ntype t int\nfunc (t) init() {}", false},
		"variable":              {stateComplaints, "vault/a.go", "package vault\nvar count int", true},
		"table":                 {stateComplaints, "vault/a.go", "package vault\nvar table = map[string]int{}", true},
		"sentinel":              {stateComplaints, "vault/a.go", "package vault\nimport \"errors\"\nvar ErrX = errors.New(\"x\")", false},
		"expression":            {stateComplaints, "vault/a.go", "package vault\nimport \"regexp\"\nvar x = regexp.MustCompile(\"x\")", false},
		"encoding":              {stateComplaints, "vault/a.go", "package vault\nimport \"encoding/base32\"\nvar x = base32.StdEncoding.WithPadding(base32.NoPadding)", false},
		"encoding, own":         {stateComplaints, "vault/a.go", "package vault\nimport \"encoding/base32\"\nvar x = base32.NewEncoding(\"...\").WithPadding(base32.NoPadding)", false},
		"embedded":              {stateComplaints, "vault/a.go", "package vault\nimport _ \"embed\"\n//go:embed x\nvar x string", false},
		"assertion":             {stateComplaints, "vault/a.go", "package vault\nvar _ error = nil", false},
		"undocumented function": {docComplaints, "vault/a.go", "package vault\nfunc Open() {}", true},
		"undocumented method":   {docComplaints, "vault/a.go", "package vault\ntype v int\nfunc (v) Open() {}", false},
		"well-known method":     {docComplaints, "vault/a.go", "package vault\n// V is.\ntype V int\nfunc (V) Error() string { return \"\" }", false},
		"function named Error":  {docComplaints, "vault/a.go", "package vault\nfunc Error() {}", true},
		"undocumented type":     {docComplaints, "vault/a.go", "package vault\ntype Vault int", true},
		"documented":            {docComplaints, "vault/a.go", "package vault\n// Open opens.\nfunc Open() {}", false},
		"grouped constants":     {docComplaints, "vault/a.go", "package vault\n// Levels.\nconst (\nA = 1\nB = 2\n)", false},
		"empty name":            {docComplaints, "vault/util/a.go", "package util", true},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.check(snippet(t, c.file, c.text))
			if (len(got) > 0) != c.bad {
				t.Errorf("complaints %q, want some: %v", got, c.bad)
			}
		})
	}
}
