package receipt

import "strings"

// Origin is what a machine says about itself in a receipt. Nothing of it is
// proof: whoever controls the machine controls it.
type Origin struct {
	Host      string
	Addresses []string // from which this machine reaches others, at most one per family
	SSH       string   // address and port of the ssh client
	CI        string   // the job, as the system that runs it names it
	Agent     string   // the program that acts for a person
}

// NewOrigin gathers what the environment and the system know, in microseconds
// and without sending anything. host is what the system calls itself.
func NewOrigin(getenv func(string) string, host string) Origin {
	return Origin{Host: host, Addresses: addresses(), SSH: sshClient(getenv), CI: ciJob(getenv), Agent: agent(getenv)}
}

// Of copies o into r.
func (o Origin) Of(r Receipt) Receipt {
	r.Host, r.Addresses, r.SSH, r.CI, r.Agent = o.Host, o.Addresses, o.SSH, o.CI, o.Agent
	return r
}

// sshClient is "address port" of the client, from SSH_CONNECTION (client, port,
// server, port) or the older SSH_CLIENT (client, port, server's port).
func sshClient(getenv func(string) string) string {
	for _, name := range []string{"SSH_CONNECTION", "SSH_CLIENT"} {
		if fields := strings.Fields(getenv(name)); len(fields) >= 2 {
			return fields[0] + " " + fields[1]
		}
	}
	return ""
}

// ciJob is the name of the system and what leads to the job there.
func ciJob(getenv func(string) string) string {
	for _, ci := range []struct {
		name, marker string
		job          []string
	}{
		{"github", "GITHUB_ACTIONS", []string{"GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"}},
		{"gitlab", "GITLAB_CI", []string{"CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_ID"}},
		{"circleci", "CIRCLECI", []string{"CIRCLE_PROJECT_REPONAME", "CIRCLE_WORKFLOW_ID", "CIRCLE_JOB"}},
		{"buildkite", "BUILDKITE", []string{"BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_JOB_ID"}},
		{"azure", "TF_BUILD", []string{"BUILD_DEFINITIONNAME", "BUILD_BUILDID", "SYSTEM_JOBID"}},
		{"bitbucket", "BITBUCKET_BUILD_NUMBER", []string{"BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER"}},
		{"travis", "TRAVIS", []string{"TRAVIS_REPO_SLUG", "TRAVIS_JOB_ID"}},
		{"teamcity", "TEAMCITY_VERSION", []string{"TEAMCITY_PROJECT_NAME", "BUILD_NUMBER"}},
		{"jenkins", "JENKINS_URL", []string{"JOB_NAME", "BUILD_NUMBER"}},
		{"ci", "CI", nil},
	} {
		if v := getenv(ci.marker); v == "" || v == "false" || v == "0" {
			continue
		}
		words := []string{ci.name}
		for _, name := range ci.job {
			if v := getenv(name); v != "" {
				words = append(words, v)
			}
		}
		return strings.Join(words, " ")
	}
	return ""
}

// agent names a program that says by its variable that it acts for a person.
func agent(getenv func(string) string) string {
	for _, a := range []struct{ name, marker string }{
		{"", "AI_AGENT"}, // says its own name
		{"", "AGENT"},
		{"claude-code", "CLAUDECODE"},
		{"cursor", "CURSOR_AGENT"},
		{"codex", "CODEX_SANDBOX"},
		{"gemini", "GEMINI_CLI"},
		{"opencode", "OPENCODE"},
	} {
		v := getenv(a.marker)
		switch {
		case v == "" || v == "0" || v == "false":
			continue
		case a.name != "":
			return a.name
		}
		return v
	}
	return ""
}
