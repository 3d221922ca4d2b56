package child

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secr/secr/keys"
)

func secret(name, value string) Variable {
	return Variable{Name: name, Value: keys.NewSecret([]byte(value))}
}

func TestSecretsMergeIntoWhatWasInherited(t *testing.T) {
	inherited := []string{"PATH=/bin", "A=old", "B=same", "X=1", "A=again", "SECR_TOKEN=t", "HOME=/h", "secr_env=e", "odd", "LC_ALL=C"}
	secrets := []Variable{secret("C", "a=b\n$x"), secret("A", "new"), secret("B", "same")}
	for name, c := range map[string]struct {
		sources                         Sources
		fold                            bool
		want, wantOverridden, preserved []string
	}{
		"the secret wins": {
			Sources{Inherited: inherited, Secrets: secrets}, false,
			[]string{"PATH=/bin", "X=1", "HOME=/h", "odd", "LC_ALL=C", "A=new", "B=same", "C=a=b\n$x"}, []string{"A"}, nil,
		},
		"the inherited wins with preserve": {
			Sources{Inherited: inherited, Secrets: secrets, Preserve: true}, false,
			[]string{"PATH=/bin", "A=old", "B=same", "X=1", "A=again", "HOME=/h", "odd", "LC_ALL=C", "C=a=b\n$x"}, nil, []string{"A"},
		},
		"clean": {
			Sources{Inherited: inherited, Secrets: secrets, Clean: true}, false,
			[]string{"PATH=/bin", "HOME=/h", "LC_ALL=C", "A=new", "B=same", "C=a=b\n$x"}, []string{"A"}, nil,
		},
		"clean leaves nothing to preserve": {
			Sources{Inherited: inherited, Secrets: append(secrets[:3:3], secret("HOME", "/other")), Clean: true, Preserve: true}, false,
			[]string{"PATH=/bin", "HOME=/h", "LC_ALL=C", "A=new", "B=same", "C=a=b\n$x"}, []string{"A"}, []string{"HOME"},
		},
		"case differs": {
			Sources{Inherited: []string{"a=1"}, Secrets: secrets[1:2]}, false,
			[]string{"a=1", "A=new"}, nil, nil,
		},
		"case doesn't count": {
			Sources{Inherited: []string{"a=1", "=C:=C:\\x"}, Secrets: secrets[1:2]}, true,
			[]string{"=C:=C:\\x", "A=new"}, []string{"a"}, nil,
		},
		"our own stay for git": {
			Sources{Inherited: inherited[5:8], KeepOwn: true}, false,
			[]string{"SECR_TOKEN=t", "HOME=/h", "secr_env=e"}, nil, nil,
		},
		"pairs": {
			Sources{Inherited: inherited[:4], Secrets: secrets[:1], Pairs: []string{"B=same", "A1=x", "A=new"}}, false,
			[]string{"PATH=/bin", "X=1", "A=new", "A1=x", "B=same", "C=a=b\n$x"}, []string{"A"}, nil,
		},
		"an empty value is a value": {
			Sources{Inherited: []string{"A="}, Secrets: []Variable{secret("A", "")}}, false,
			[]string{"A="}, nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, err := compose(c.sources, c.fold)
			if err != nil {
				t.Fatal(err)
			}
			got := [][]string{env.list, env.Overridden, env.Preserved}
			if diff := cmp.Diff([][]string{c.want, c.wantOverridden, c.preserved}, got); diff != "" {
				t.Errorf("environment, overridden, preserved (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoVariableIsRefused(t *testing.T) {
	for name, secrets := range map[string][]Variable{
		"empty name":     {secret("", "x")},
		"digit first":    {secret("1A", "x")},
		"equals sign":    {secret("A=B", "x")},
		"dash":           {secret("A-B", "x")},
		"other letters":  {secret("Ä", "x")},
		"line feed":      {secret("A\nB", "x")},
		"NUL in a value": {secret("A", "x\x00y")},
		"twice":          {secret("A", "x"), secret("A", "y")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compose(Sources{Secrets: secrets})
			var bad *NameError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want a *NameError", err)
			}
			if strings.ContainsAny(err.Error(), "\n\x00") || strings.Contains(err.Error(), "x\x00y") {
				t.Errorf("the error shows too much: %q", err)
			}
		})
	}
}

func TestPairsAreCheckedToo(t *testing.T) {
	for name, pairs := range map[string][]string{
		"no name": {"=x"}, "no pair": {""}, "digit": {"1=x"}, "NUL": {"A=x\x00"}, "twice": {"A=1", "A=2"}, "twice, apart": {"A=1", "B=1", "A=2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compose(Sources{Pairs: pairs})
			var bad *NameError
			if !errors.As(err, &bad) {
				t.Errorf("error %v, want a *NameError", err)
			}
		})
	}
}

func TestLimitsNameTheSecret(t *testing.T) {
	big := strings.Repeat("v", 99)
	for name, c := range map[string]struct {
		limits  limits
		secrets []Variable
		want    error
	}{
		"fits exactly":       {limits{one: 102}, []Variable{secret("A", big)}, nil},
		"one too large":      {limits{one: 101}, []Variable{secret("A", big)}, &TooLargeError{Name: "A", Size: 102, Limit: 101}},
		"all fit exactly":    {limits{total: 3 + 2 + 8 + 110 + 113}, []Variable{secret("A", big), secret("LONG", big)}, nil},
		"all too large":      {limits{total: 3 + 2 + 8 + 110 + 112}, []Variable{secret("A", big), secret("LONG", big)}, &TooLargeError{Name: "LONG", Size: 105, Limit: 235, Total: 236}},
		"no limit":           {limits{}, []Variable{secret("A", big)}, nil},
		"nothing of secrets": {limits{total: 5}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			env, err := Compose(Sources{Secrets: c.secrets})
			if err != nil {
				t.Fatal(err)
			}
			got := c.limits.check("/x", []string{"x"}, env)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
