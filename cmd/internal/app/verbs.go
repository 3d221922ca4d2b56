package app

import "github.com/urfave/cli/v2"

// verbs lists every command. Their order is that of a completion list.
func (a *app) verbs() []*cli.Command {
	return []*cli.Command{
		a.loginVerb(),
		a.logoutVerb(),
		a.whoamiVerb(),
		a.initVerb(),
		a.linkVerb(),
		a.cloneVerb(),
		a.setVerb(),
		a.getVerb(),
		a.lsVerb(),
		a.rmVerb(),
		a.editVerb(),
		a.generateVerb(),
		a.runVerb(),
		a.importVerb(),
		a.exportVerb(),
		a.injectVerb(),
		a.promoteVerb(),
		a.statusVerb(),
		a.syncVerb(),
		a.pushVerb(),
		a.pullVerb(),
		a.remoteVerb(),
		a.historyVerb(),
		a.logVerb(),
		a.auditVerb(),
		a.diffVerb(),
		a.rollbackVerb(),
		a.bisectVerb(),
		a.textconvVerb(),
		a.envVerb(),
		a.rotateKeyVerb(),
		a.inviteVerb(),
		a.joinVerb(),
		a.memberVerb(),
		a.deviceVerb(),
		a.recoveryVerb(),
		a.offboardVerb(),
		a.canVerb(),
		a.whoVerb(),
		a.roleVerb(),
		a.kmsVerb(),
		a.tokenVerb(),
		a.gitVerb(),
		a.doctorVerb(),
		a.completionVerb(),
		a.completeVerb(),
		a.backgroundVerb(),
		a.versionVerb(),
	}
}

// The flags that many verbs share.

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON (errors too, on standard error)"}
}

func envFlag() cli.Flag {
	return &cli.StringFlag{Name: "env", Aliases: []string{"e"}, Usage: "the `environment`; SECR_ENV and settings come next"}
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "don't ask"}
}
