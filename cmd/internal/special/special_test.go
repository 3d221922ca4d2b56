package special

import (
	"fmt"
	"testing"
)

func TestSpecialNamesAreKnownAndOrdinaryOnesPass(t *testing.T) {
	special := []string{
		"PATH", "IFS", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "PYTHONSTARTUP", "PYTHONPATH",
		"PERL5OPT", "PERL5LIB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "BASH_ENV", "PROMPT_COMMAND", "PS4", "GIT_SSH",
		"GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_DIR", "SSH_AUTH_SOCK",
		"HTTPS_PROXY", "https_proxy", "SECR_TOKEN", "SECR_", "BASH_FUNC_ls", "_JAVA_OPTIONS", "npm_config_registry",
		"COR_PROFILER", "GLIBC_TUNABLES",
	}
	for _, name := range special {
		if !Name(name, false) {
			t.Errorf("%s passes as ordinary", name)
		}
	}
	ordinary := []string{
		"", "ENV", "GIT_SHA", "GIT_BRANCH", "DATABASE_URL", "path", "Path", "NODE_ENV", "PYTHON_VERSION", "LDAP_URL",
		"COR_ID", "SECRET", "SECR", "PORT", "GOOGLE_API_KEY", "SSL_MODE", "PROXY_URL", "_",
	}
	for _, name := range ordinary {
		if Name(name, false) {
			t.Errorf("%s is taken for special", name)
		}
	}
}

func TestCaseIsFoldedOnlyWhereNamesHaveNone(t *testing.T) {
	if !Name("Path", true) || !Name("ld_preload", true) || Name("Path", false) {
		t.Error("the case of a special name is judged wrongly")
	}
}

func TestValidNamesAreVariablesOfEveryShell(t *testing.T) {
	long := fmt.Sprintf("%0128d", 0)
	for name, want := range map[string]bool{
		"A": true, "_": true, "a1_B": true, "A" + long[1:]: true,
		"": false, "1A": false, "A-B": false, "A.B": false, "A=B": false, "A B": false, "É": false, "A\x00": false,
		"A" + long: false,
	} {
		if Valid(name) != want {
			t.Errorf("Valid(%q) = %v", name, !want)
		}
	}
}
