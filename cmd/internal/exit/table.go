package exit

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/cloudlog"
	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/clouds"
	"github.com/secr/secr/cmd/internal/dotenv"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/keys/keyring"
	"github.com/secr/secr/keys/paper"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
)

// row is what the table knows of a kind of error.
type row struct {
	is   func(error) bool
	code Code
	hint string
}

// find gives the first row that matches. Integrity stands before everything
// else: a security failure is never softened into another one.
func find(err error) (row, bool) {
	for _, r := range table() {
		if r.is(err) {
			return r, true
		}
	}
	return row{}, false
}

// table is the whole truth about exit codes. Verbs choose one themselves, by
// an Error, only for what they find out on their own.
func table() []row {
	return slices.Concat(stopped(), broken(), missing(), people(), refused(), strangers())
}

func stopped() []row {
	return []row{
		{is(term.ErrInterrupted), Stopped, ""},
		{is(context.Canceled), Stopped, ""},
	}
}

// broken is what is not as it was signed, or as secr left it.
func broken() []row {
	const look, ask = "secr doctor says what is wrong", "ask your team, and keep the evidence: secr git log"
	return []row{
		{badHead(replica.Gone), Integrity, "secr sync --repair puts the branch back, if nobody meant to remove it"},
		{badHead(replica.Forked), Integrity, "somebody who manages chooses: secr sync --repair --keep-ours or --keep-theirs"},
		{badHead(replica.OtherVault), Integrity, "ask your team; secr sync --repair --keep-ours puts this vault back, secr remote move ADDRESS shares it elsewhere"},
		{as[*replica.BadHeadError], Integrity, "nothing was taken over; secr sync --repair puts the last valid head back"},
		{is(policy.ErrNewer), Failed, "update secr: the vault is of a newer format"},
		{is(&chain.Error{Class: chain.NewerFormat}), Failed, "update secr: the vault is of a newer format"},
		{as[*chain.Error], Integrity, ask},
		{as[*chain.LostError], Integrity, ""},
		{as[*vault.IntegrityError], Integrity, ask},
		{as[*audit.Finding], Integrity, "secr audit verify shows the proof"},
		{is(audit.ErrProof), Integrity, "ask its sender for it again"},
		{is(vault.ErrHeadLost), Integrity, "secr doctor --restore-head verifies everything and writes it again"},
		{is(repo.ErrNotFound), Integrity, look},
		{is(repo.ErrDamaged), Integrity, look},
		{is(repo.ErrMalformed), Integrity, ask},
		{is(repo.ErrTooLarge), Integrity, ask},
		{is(change.ErrMalformed), Integrity, ask},
		{is(record.ErrTampered), Integrity, ask},
		{is(wrap.ErrTampered), Integrity, ask},
		{cloudClass(cloud.WrongContext), Integrity, "the wrapped key was moved or replaced: ask your team"},
		{is(vault.ErrNotDescendant), Integrity, ask},
		{is(project.ErrInvalid), Integrity, "git log -p secr.toml shows who changed it"},
		{is(local.ErrForeign), Integrity, "work in a folder that is your own"},
		{as[*local.FileError], Integrity, look},
		{is(local.ErrFloors), Integrity, "git log -p secr.toml shows who changed the floor"},
		{is(replica.ErrChoose), Conflict, "secr sync --repair --keep-ours or --keep-theirs, after a talk with your team"},
		{as[*vault.MovedError], Conflict, "nothing was changed: look at what is there now, and try again"},
		{as[*local.PinBackError], Integrity, "the remote shows less than before: ask your team before anything else"},
	}
}

func missing() []row {
	return []row{
		{is(project.ErrNone), NotFound, "secr init makes a vault for this project"},
		{is(vault.ErrNoVault), NotFound, "secr init makes a vault for this project"},
		{is(vault.ErrNoSecret), NotFound, "secr ls"},
		{is(vault.ErrNoEnvironment), NotFound, "secr env ls"},
		{is(vault.ErrNoChange), NotFound, "secr log"},
		{is(identity.ErrNone), Identity, "secr login"},
		{is(identity.ErrUnknown), Identity, "secr login makes it"},
		{is(identity.ErrSeveral), Identity, "--profile or SECR_IDENTITY names one"},
		{is(vault.ErrNoIdentity), Identity, "secr login"},
		{is(keyring.ErrNotFound), Identity, "if the identity is lost for good: secr logout, secr login, and a colleague adds the new device"},
		{is(keyring.ErrLocked), Identity, "unlock the system's keyring, or move the identity: secr login --keyring file"},
		{is(keyring.ErrUnavailable), Identity, "log in to the desktop session that has the keyring, or set SECR_TOKEN"},
		{is(keyring.ErrPassphrase), Identity, "set SECR_PASSPHRASE for a person, SECR_TOKEN for a machine"},
		{brokenToken, Identity, "SECR_TOKEN is the whole line that secr token create printed; secr token roll makes a new one"},
		{is(keyring.ErrDamaged), Identity, "restore it from a backup, or make a new one: secr logout, secr login"},
		{is(vault.ErrNotMember), Identity, "secr join asks to be let in; if you were let in just now, secr sync"},
	}
}

// brokenToken matches a token that is none.
func brokenToken(err error) bool {
	e, ok := errors.AsType[*keyring.Error](err)
	return ok && e.Kind == keyring.KindToken && errors.Is(err, keyring.ErrDamaged)
}

// people is what can be wrong with members, devices, roles and those who ask to join.
func people() []row {
	return []row{
		{is(team.ErrProof), Integrity, "somebody altered it, or asks in the invited's place: invite again, by another channel"},
		{is(team.ErrOtherVault), Integrity, "ask them to run secr join with this vault's invite"},
		{is(team.ErrInviteClosed), Denied, "invite them again, secr invite NAME --role ROLE; they run secr join with the new line"},
		{is(team.ErrInviteExpired), Denied, "invite them again, secr invite NAME --role ROLE; they run secr join with the new line"},
		{is(team.ErrNoMember), NotFound, "secr member ls"},
		{is(team.ErrNoDevice), NotFound, "secr device ls"},
		{is(team.ErrNoRole), NotFound, "secr role ls"},
		{is(team.ErrNoEnvironment), NotFound, "secr env ls"},
		{is(team.ErrNoInvite), NotFound, "secr invite ls shows the open ones"},
		{is(team.ErrTaken), Conflict, "names are used once: choose another"},
		{is(team.ErrKnownDevice), Conflict, "secr member ls"},
		{is(team.ErrName), Usage, ""},
		{is(team.ErrLine), Usage, "copy the whole line, from secrinv1_ to its end"},
		{is(team.ErrRequest), Usage, "ask them to run secr join again"},
		{is(paper.ErrCount), Usage, ""},
		{is(paper.ErrWord), Usage, "compare it with the sheet"},
		{is(paper.ErrChecksum), Usage, ""},
	}
}

func refused() []row {
	return []row{
		{is(local.ErrNoLink), Denied, "secr link, if you trust this folder's secr.toml"},
		{as[*clouds.ForbiddenError], Denied, "allow it in the settings file's [clouds] table, or by SECR_CLOUD_ALLOW"},
		{as[*vault.DeniedError], Denied, "somebody who manages the vault can grant it"},
		{is(vault.ErrExpired), Denied, "somebody who manages the vault can extend it"},
		{is(vault.ErrNoReason), Denied, `say why: --reason "..."`},
		{as[*policy.Error], Denied, ""},
		{is(vault.ErrReadOnly), Usage, ""},
		{is(vault.ErrMixed), Usage, ""},
		{as[*vault.NameError], Usage, ""},
		{is(record.ErrMalformed), Usage, ""}, // what was read is an IntegrityError, so this was typed
		{is(settings.ErrInvalid), Usage, "mend or remove the settings file"},
		{is(dotenv.ErrSyntax), Usage, "put values in single quotes when in doubt"},
		{as[*term.NoTerminalError], Usage, ""},
		{is(term.ErrMoreLines), Usage, "give values of several lines by --file or standard input"},
	}
}

// strangers are failures of the machine, not of anybody's.
func strangers() []row {
	return []row{
		{is(replica.ErrNothingToRepair), Failed, ""},
		{as[*remote.URLError], Usage, "an https or ssh address, or for yourself a folder"},
		{network(remote.NoBranch), NotFound, "secr sync from the machine that has it, or another --remote"},
		{network(remote.NoRepository), NotFound, "is the address right, and may you see it?"},
		{network(remote.Authentication), Denied, "git fetch from the same address tells more"},
		{network(remote.UnknownHostKey), Denied, "ssh to the host once, and compare its key"},
		{network(remote.ChangedHostKey), Integrity, "the host shows another key than before: ask who runs it"},
		{network(remote.Certificate), Integrity, "who answers there can't prove to be that host"},
		{network(remote.Rejected), Denied, "allow pushes to the branch secr/vault, or secr remote move ADDRESS"},
		{network(remote.Quota), Offline, "the host has no room, or wants to be asked less often"},
		{network(remote.TooMuch), Integrity, "the host sends more than any vault is; nothing was taken over"},
		{network(remote.Broken), Integrity, "nothing was taken over"},
		{network(remote.Interrupted), Stopped, ""},
		{network(remote.Moved), Offline, "others were faster each time: try again"},
		{network(remote.Locked), Failed, "whoever runs the host can look for a .lock file that a killed git left there"},
		{network(remote.NoGit), Failed, "install git, or take it out of PATH to use the built-in transport"},
		{network(remote.Unsupported), Failed, "install git, which knows this"},
		{as[*remote.Error], Offline, "what is here works offline"},
		{is(cloud.ErrNoHelper), Failed, "go install github.com/secr/secr/cmd/..."},
		{as[*cloud.VersionError], Failed, "go install github.com/secr/secr/cmd/..."},
		// Of several keys that failed, the one counts that another try may help first.
		{cloudClass(cloud.Unreachable), Offline, "secr kms test, when the cloud can be reached"},
		{cloudClass(cloud.Throttled), Offline, "try again in a moment"},
		{cloudClass(cloud.Denied), Denied, "somebody who manages the key in the cloud can allow it"},
		{cloudClass(cloud.NoCredentials), Identity, "log in to that cloud, or give this machine its role"},
		{is(vault.ErrCloud), Failed, "secr kms test"},
		{as[*local.LockedError], Failed, "wait for that process, or end it"},
		{is(cloudlog.ErrFormat), Usage, "logs of AWS CloudTrail, Google Cloud audit logs and Azure Key Vault AuditEvent are known"},
		{as[*child.NameError], Failed, "secr run --except leaves it out"},
		{as[*child.TooLargeError], Failed, ""},
		{is(fs.ErrPermission), Failed, "secr doctor says what is wrong"},
	}
}

// badHead matches one kind of refused head.
func badHead(kind replica.BadKind) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*replica.BadHeadError](err)
		return ok && e.Kind == kind
	}
}

// network matches one kind of failure at a remote.
func network(kind remote.Kind) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*remote.Error](err)
		return ok && e.Kind == kind
	}
}

// cloudClass matches what a cloud key answered, or one of several.
func cloudClass(class cloud.Class) func(error) bool {
	matches := func(err error) bool {
		e, ok := errors.AsType[*cloud.Error](err)
		return ok && e.Class == class
	}
	return func(err error) bool {
		several, ok := errors.AsType[*vault.CloudError](err)
		return matches(err) || ok && slices.ContainsFunc(several.Failed, matches)
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
