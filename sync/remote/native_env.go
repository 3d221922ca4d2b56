package remote

import (
	"slices"
	"strconv"
	"strings"
)

// kept are git's variables that stay: how the user reaches hosts and proves who he is.
// All others would point git at another repository, another index, another config, as
// happens inside a hook, or write traces with passwords in them.
func kept() []string {
	return []string{
		"GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT",
		"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_SSL_CERT_TYPE",
		"GIT_SSL_CERT_PASSWORD_PROTECTED", "GIT_SSL_VERSION", "GIT_SSL_CIPHER_LIST", "GIT_SSL_NO_VERIFY",
		"GIT_PROXY_SSL_CAINFO", "GIT_PROXY_SSL_CERT", "GIT_PROXY_SSL_KEY", "GIT_PROXY_SSL_CERT_PASSWORD_PROTECTED",
		"GIT_HTTP_PROXY_AUTHMETHOD", "GIT_HTTP_USER_AGENT", "GIT_HTTP_LOW_SPEED_LIMIT", "GIT_HTTP_LOW_SPEED_TIME",
		"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH", "GIT_TERMINAL_PROMPT",
	}
}

// pair is one git setting.
type pair struct{ key, value string }

// scrub returns the environment for git: without what redirects it, without anything of
// secr's own, in a language that we can read. Settings that the user gives by
// GIT_CONFIG_COUNT stay; they are his own configuration.
func scrub(environ []string, prompt Prompt) []string {
	names := kept()
	var env []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		switch {
		case strings.HasPrefix(upper, "SECR_"):
		case strings.HasPrefix(upper, "GIT_") && !slices.Contains(names, upper):
		case upper == "LC_ALL" || upper == "LANGUAGE":
		case prompt == PromptNever && slices.Contains([]string{"GIT_ASKPASS", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"}, upper):
		default:
			env = append(env, entry)
		}
	}
	env = append(env, "LC_ALL=C", "GIT_ADVICE=0", "GIT_OPTIONAL_LOCKS=0")
	if prompt != PromptTerminal {
		env = append(env, "GIT_TERMINAL_PROMPT=0")
	}
	if prompt == PromptNever {
		// An empty GIT_ASKPASS also beats core.askPass.
		env = append(env, "GIT_ASKPASS=", "SSH_ASKPASS_REQUIRE=never", "GCM_INTERACTIVE=never")
	}
	return env
}

// given reads the settings that the user's environment carries.
func given(environ []string) []pair {
	values := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, "GIT_CONFIG_") {
			values[name] = value
		}
	}
	count, err := strconv.Atoi(values["GIT_CONFIG_COUNT"])
	if err != nil || count > 1000 {
		return nil
	}
	var out []pair
	for i := range count {
		key := values["GIT_CONFIG_KEY_"+strconv.Itoa(i)]
		if key != "" {
			out = append(out, pair{key, values["GIT_CONFIG_VALUE_"+strconv.Itoa(i)]})
		}
	}
	return out
}

// inEnvironment spells settings for git without showing them in its arguments.
func inEnvironment(pairs []pair) []string {
	if len(pairs) == 0 {
		return nil
	}
	env := []string{"GIT_CONFIG_COUNT=" + strconv.Itoa(len(pairs))}
	for i, p := range pairs {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+p.key, "GIT_CONFIG_VALUE_"+n+"="+p.value)
	}
	return env
}

// protocols is what GIT_ALLOW_PROTOCOL names: the user's own url.<base>.insteadOf may
// turn https into ssh and back, and nothing may become a folder or a helper.
func protocols(u URL) string {
	if u.scheme == File {
		return "file"
	}
	return "https:ssh"
}
