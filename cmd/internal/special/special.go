// Package special knows the variable names that run code or redirect traffic
// on the machine of whoever gets them: loaders, interpreters, shells, git and
// ssh, proxies, and secr's own. `set` refuses them, `import` skips them and
// `run` doesn't pass them on, unless the environment's policy allows that
// very name. It imports nothing, because the fast path uses it too.
package special

// Name says whether name is special, in this operating system's spelling.
// fold is true where names of variables have no case (Windows).
func Name(name string, fold bool) bool {
	if fold {
		name = upper(name)
	}
	return exact(name) || family(name)
}

// Valid says whether name can be a variable that secr keeps and injects:
// [A-Za-z_][A-Za-z0-9_]{0,127}.
func Valid(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// family says whether name belongs to a family that grows with every release
// of its owner: dynamic loaders, git's settings, shell functions, npm's
// settings, .NET's profilers, and secr's own.
func family(name string) bool {
	switch name[:min(len(name), 1)] {
	case "L":
		return has(name, "LD_")
	case "D":
		return has(name, "DYLD_") || has(name, "DOTNET_STARTUP_HOOKS")
	case "G":
		return has(name, "GIT_CONFIG")
	case "B":
		return has(name, "BASH_FUNC_")
	case "C":
		return has(name, "CORECLR_")
	case "S":
		return has(name, "SECR_")
	case "N":
		return has(name, "NPM_CONFIG_")
	case "n":
		return has(name, "npm_config_")
	case "_":
		return has(name, "_JAVA_OPTIONS")
	}
	return false
}

func has(name, prefix string) bool {
	return len(name) >= len(prefix) && name[:len(prefix)] == prefix
}

// exact says whether name is one of the single names. A switch, because a
// fast path asks it ten thousand times.
func exact(name string) bool {
	switch name {
	case "PATH", "PATHEXT", "COMSPEC", "IFS", "SHELL", "SHELLOPTS", "BASHOPTS", "BASH_ENV", "CDPATH",
		"GLOBIGNORE", "PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4", "ZDOTDIR", "FPATH", "HISTFILE", "HOME",
		"TMPDIR": // The command search path and the shells.
		return true
	case "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "MALLOC_TRACE", "NIS_PATH",
		"NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TZDIR", "GLIBC_TUNABLES": // The C library.
		return true
	case "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "NODE_EXTRA_CA_CERTS",
		"NODE_TLS_REJECT_UNAUTHORIZED", "BUN_INSPECT", "DENO_DIR", "ELECTRON_RUN_AS_NODE", "PYTHONSTARTUP",
		"PYTHONPATH", "PYTHONHOME", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONEXECUTABLE", "PYTHONWARNINGS",
		"PYTHONBREAKPOINT", "PYTHONPYCACHEPREFIX", "PYTHONPLATLIBDIR", "PERL5OPT", "PERL5LIB", "PERLLIB",
		"PERL5DB", "PERL5SHELL", "PERL_MB_OPT", "RUBYOPT", "RUBYLIB", "RUBYSHELL", "GEM_HOME", "GEM_PATH",
		"BUNDLE_GEMFILE", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTIONS", "CLASSPATH", "MAVEN_OPTS",
		"GRADLE_OPTS", "SBT_OPTS", "PHPRC", "PHP_INI_SCAN_DIR", "LUA_INIT", "LUA_PATH", "LUA_CPATH",
		"R_PROFILE", "R_ENVIRON", "JULIA_LOAD_PATH", "GOFLAGS", "GOTOOLCHAIN", "GOPROXY", "GONOSUMDB",
		"GOENV", "CARGO_HOME", "RUSTC_WRAPPER", "RUSTFLAGS", "DOTNET_ADDITIONAL_DEPS", "DOTNET_SHARED_STORE",
		"ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS", "COR_PROFILER", "COR_PROFILER_PATH", "COR_ENABLE_PROFILING": // Interpreters and their tools.
		return true
	case "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_DIR",
		"GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_TEMPLATE_DIR", "GIT_EXTERNAL_DIFF",
		"GIT_PAGER", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PROXY_COMMAND", "GIT_ALLOW_PROTOCOL",
		"GIT_SSL_NO_VERIFY", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_HTTP_PROXY_AUTHMETHOD",
		"SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER", "SSH_SK_HELPER",
		"RSYNC_RSH", "CVS_RSH": // git and ssh.
		return true
	case "EDITOR", "VISUAL", "PAGER", "MANPAGER", "BROWSER", "LESSOPEN", "LESSCLOSE", "LESS", "LESSKEY",
		"MAKEFLAGS", "TERMINFO", "TERMINFO_DIRS", "TERMCAP", "VIMINIT", "EXINIT", "SUDO_ASKPASS", "DISPLAY",
		"XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "DOCKER_CONFIG", "KUBECONFIG": // Programs that other programs start.
		return true
	case "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY", "RSYNC_PROXY", "http_proxy",
		"https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "rsync_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"CURL_CA_BUNDLE", "CURL_HOME", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "OPENSSL_CONF",
		"OPENSSL_MODULES", "OPENSSL_ENGINES", "SSLKEYLOGFILE", "WGETRC", "NETRC": // Where traffic goes, and whom it trusts.
		return true
	}
	return false
}

// upper is ASCII only: a letter outside it is in no special name.
func upper(name string) string {
	out := []byte(name)
	for i, c := range out {
		if c >= 'a' && c <= 'z' {
			out[i] = c - 'a' + 'A'
		}
	}
	return string(out)
}
