package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
)

func (a *app) auditVerifyVerb() *cli.Command {
	return verb{
		name: "verify", args: "[FILE]", short: "Check the vault's whole history, or a proof of it",
		long: `Without FILE: everything that can be checked on this machine with this identity,
from the founding change on, believing no cache: the chain, the heads and floors that
were seen, a wrap for each holder and nobody else, what is inside each wrap and each
version of each secret that opens, the receipts and where they read. What was left out
is said. The first thing that is wrong ends it with exit code 6.

With FILE, a proof that secr audit export wrote: it needs neither vault nor identity
nor network. Ask its sender for the vault's id and a floor by another way.`,
		example: "secr audit verify\nsecr audit verify --all --json\nsecr audit verify acme.proof --floor 41:9f3c...",
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "go on after the first finding"},
			&cli.StringFlag{Name: "vault", Usage: "with FILE: the `id` that the vault must have"},
			&cli.StringFlag{Name: "floor", Usage: "with FILE: a `change` that its history must hold, as in secr.toml"},
			&cli.BoolFlag{Name: "log", Usage: "with FILE: show the changes and readings in it, too"},
			&cli.BoolFlag{Name: "accept-replaced", Usage: "I have seen why a remote replaced its receipts branch, or what on it is no batch of receipts"},
			jsonFlag(),
		},
		most: 1,
		run: func(c *cli.Context) error {
			o := auditVerifyOptions{file: c.Args().First(), vault: c.String("vault"), floor: c.String("floor"), all: c.Bool("all"), log: c.Bool("log"), accept: c.Bool("accept-replaced"), json: c.Bool("json")}
			if o.file != "" {
				return a.auditProof(c.Context, o)
			}
			return a.auditVerify(c.Context, o)
		},
	}.command()
}

type auditVerifyOptions struct {
	file, vault, floor string
	all, log           bool
	accept, json       bool
}

type verdictJSON struct {
	Version  int           `json:"version"`
	Vault    string        `json:"vault"`
	Head     headJSON      `json:"head"`
	Good     bool          `json:"good"`
	Checks   []checkedJSON `json:"checks"`
	Findings []findingJSON `json:"findings"`
	Made     string        `json:"made,omitempty"` // of a proof
}

type headJSON struct {
	Number uint64 `json:"number"`
	Sum    string `json:"sum"`
	Floor  string `json:"floor"`
	Words  string `json:"words"`
	Time   string `json:"time"`
}

type checkedJSON struct {
	Check   string `json:"check"`
	Count   int    `json:"count"`
	What    string `json:"what"`
	Skipped string `json:"skipped"`
}

type findingJSON struct {
	Class  string   `json:"class"`
	Note   bool     `json:"note"`
	What   string   `json:"what"`
	Change uint64   `json:"change"`
	Commit string   `json:"commit"`
	Path   string   `json:"path"`
	Device string   `json:"device"`
	By     string   `json:"by"`
	Proof  []string `json:"proof"`
}

func (a *app) auditVerify(ctx context.Context, o auditVerifyOptions) error {
	if o.vault != "" || o.floor != "" || o.log {
		return exit.Usagef("--vault, --floor and --log are for a proof's FILE").WithHint("secr.toml has the floor of this project's vault")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if o.accept {
		done, err := audit.Accept(ctx, s.vault)
		if err != nil {
			return err
		}
		a.note("%s of receipts will not be told of again; they stay on this machine", count(done.Lines, "replaced line"))
		if done.Strays > 0 {
			a.note("%s on the branch that count for nobody are notes from now on", count(done.Strays, "commit"))
		}
	}
	vo := audit.VerifyOptions{All: o.all}
	if who, err := s.vault.Identity(ctx); err == nil && who.Active {
		log, err := a.ownLog(ctx, s)
		if err != nil {
			return err
		}
		vo.Log = &log
	} else if err != nil && !errors.Is(err, vault.ErrNotMember) && !errors.Is(err, vault.ErrNoIdentity) {
		return err
	}
	v, err := audit.Verify(ctx, s.vault, vo)
	if err != nil {
		return err
	}
	return a.verdict(v, verdictJSON{}, o.json)
}

// auditProof checks a file that somebody handed over.
func (a *app) auditProof(ctx context.Context, o auditVerifyOptions) error {
	if o.accept {
		return exit.Usagef("--accept-replaced is for this machine's vault, not for a FILE")
	}
	po := audit.ProofOptions{All: o.all, Vault: o.vault}
	if o.floor != "" {
		p, err := chain.ParsePoint(o.floor)
		if err != nil {
			return exit.Usagef("--floor: %s", err)
		}
		po.Floor = p
	}
	if o.log && o.json {
		return exit.Usagef("--log and --json exclude each other")
	}
	if o.log {
		po.Event = func(e audit.Event) error {
			_, err := fmt.Fprintf(a.term.Out, "%s  %-10s  %s\n", clock(e.Time), term.Clean(e.Handle), term.Clean(sentence(e, nil)))
			return err
		}
	}
	file, err := openInput(o.file)
	if err != nil {
		return err
	}
	defer file.Close()
	p, err := audit.CheckProof(ctx, file, po)
	if err != nil {
		return err
	}
	if !o.json {
		a.note("a proof of the vault %s, written %s", p.Vault, clock(p.Made))
		if o.vault == "" && o.floor == "" {
			a.note("held to nothing that you know from elsewhere: --vault and --floor do that")
		}
	}
	return a.verdict(p.Verdict, verdictJSON{Made: stamp(p.Made)}, o.json)
}

// verdict shows what was looked at and found, and fails if something is wrong.
func (a *app) verdict(v audit.Verdict, doc verdictJSON, asJSON bool) error {
	broken := v.Broken()
	head := v.Head.Point()
	words := keys.Words(head.Sum[:], 6)
	if asJSON {
		doc.Version, doc.Vault, doc.Good = 1, v.Vault, broken == nil
		doc.Head = headJSON{Number: head.Seq, Sum: fmt.Sprintf("%x", head.Sum), Floor: head.String(), Words: words, Time: stamp(v.Head.Time)}
		doc.Checks, doc.Findings = []checkedJSON{}, []findingJSON{}
		for _, c := range v.Checks {
			doc.Checks = append(doc.Checks, checkedJSON{c.Name, c.Count, c.What, c.Skipped})
		}
		for _, f := range v.Findings {
			doc.Findings = append(doc.Findings, describeFinding(f))
		}
		if err := writeJSON(a.term.Out, doc); err != nil || broken == nil {
			return err
		}
		return exit.Status(exit.Integrity)
	}
	for _, c := range v.Checks {
		fmt.Fprintf(a.term.Out, "%s %-9s %d %s\n", a.term.Out.Paint(term.Green, "ok  "), c.Name, c.Count, term.Clean(c.What))
		if c.Skipped != "" {
			fmt.Fprintf(a.term.Out, "     %-9s not checked: %s\n", "", term.Clean(c.Skipped))
		}
	}
	for _, f := range v.Findings {
		a.printFinding(f)
	}
	if broken == nil {
		fmt.Fprintf(a.term.Out, "good: change %d, %s\nfloor = %q\n", head.Seq, words, head.String())
		return nil
	}
	return exit.New(exit.Integrity, "it does not verify: %s", broken.Error()).
		WithHint("keep the evidence, and ask your team before anything else; --all shows every finding")
}

func (a *app) printFinding(f audit.Finding) {
	mark := a.term.Out.Paint(term.Red, "BAD ")
	if f.Note {
		mark = a.term.Out.Paint(term.Yellow, "note")
	}
	fmt.Fprintf(a.term.Out, "%s %s\n", mark, term.Clean(f.Error()))
	if f.Path != "" && !strings.Contains(f.What, f.Path) {
		fmt.Fprintf(a.term.Out, "     file   %s\n", term.Clean(f.Path))
	}
	for _, p := range f.Proof {
		fmt.Fprintf(a.term.Out, "     proof  %s\n", term.Clean(p))
	}
}

func describeFinding(f audit.Finding) findingJSON {
	out := findingJSON{
		Class: string(f.Class), Note: f.Note, What: f.What, Change: f.Seq, Path: f.Path, Device: f.Device, By: f.Handle, Proof: append([]string{}, f.Proof...),
	}
	if !f.Commit.IsZero() {
		out.Commit = f.Commit.String()
	}
	return out
}
