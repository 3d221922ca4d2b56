package policy

import (
	"errors"
	"fmt"
	"strings"
)

const upperLowerDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// CheckCloudName says whether key is a full name of a key at the provider, in the
// one form that is taken:
//
//	aws    arn:<partition>:kms:<region>:<account, 12 digits>:key/<UUID or mrk-32 hex>
//	       arn:<partition>:kms:<region>:<account, 12 digits>:alias/<name>
//	gcp    projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>
//	azure  https://<vault>.<suffix>/keys/<name>/<version, 32 hex>
//
// A name never holds an endpoint of the writer's choice: the host of an Azure vault
// ends in one of Microsoft's own suffixes.
func CheckCloudName(p Provider, key string) error {
	if len(key) > 512 {
		return errors.New("name of a cloud key is longer than 512 bytes")
	}
	switch p {
	case AWS:
		return checkARN(key)
	case GCP:
		return checkResource(key)
	case Azure:
		return checkVaultURL(key)
	}
	return errors.New("provider is none of aws, gcp and azure")
}

func checkARN(key string) error {
	parts := strings.SplitN(key, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" {
		return errors.New("not the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/<id>")
	}
	partition, region, account, resource := parts[1], parts[3], parts[4], parts[5]
	if partition != "aws" && !strings.HasPrefix(partition, "aws-") || !dashed(partition, 20) {
		return errors.New("ARN of an unknown partition")
	}
	if !dashed(region, 32) || !isLower(region[0]) || !isDigit(region[len(region)-1]) || strings.Count(region, "-") < 2 {
		return errors.New("ARN without a region such as eu-central-1")
	}
	if len(account) != 12 || !only(account, "0123456789") {
		return errors.New("ARN without an account of twelve digits")
	}
	if id, ok := strings.CutPrefix(resource, "key/"); ok {
		if hex, ok := strings.CutPrefix(id, "mrk-"); isUUID(id) || ok && isHex32(hex) {
			return nil
		}
		return errors.New("ARN without a key id in lower case")
	}
	alias, ok := strings.CutPrefix(resource, "alias/")
	if !ok || alias == "" || len(alias) > 250 || !only(alias, upperLowerDigits+"/_-") {
		return errors.New("ARN names neither a key nor an alias")
	}
	if strings.HasPrefix(alias, "aws/") {
		return errors.New("alias of a key that AWS manages: it can't be used from outside")
	}
	return nil
}

// dashed says whether s is words of lower-case letters and digits joined by single
// dashes.
func dashed(s string, limit int) bool {
	return len(s) > 0 && len(s) <= limit && only(s, "abcdefghijklmnopqrstuvwxyz0123456789-") &&
		s[0] != '-' && s[len(s)-1] != '-' && !strings.Contains(s, "--")
}

func isHex32(s string) bool { return len(s) == 32 && only(s, "0123456789abcdef") }

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		isHex32(strings.ReplaceAll(s, "-", ""))
}

func checkResource(key string) error {
	parts := strings.Split(key, "/")
	if len(parts) != 8 || parts[0] != "projects" || parts[2] != "locations" || parts[4] != "keyRings" || parts[6] != "cryptoKeys" {
		return errors.New("not the resource name of a key: projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>")
	}
	if !isProject(parts[1]) {
		return errors.New("resource name without a project id")
	}
	if !dashed(parts[3], 63) {
		return errors.New("resource name without a location such as europe-west3")
	}
	for _, name := range []string{parts[5], parts[7]} {
		if name == "" || len(name) > 63 || !only(name, upperLowerDigits+"_-") {
			return errors.New("resource name without a key ring and a key")
		}
	}
	return nil
}

// isProject takes project ids, also those of a domain ("example.com:project").
func isProject(s string) bool {
	domain, id, scoped := strings.Cut(s, ":")
	if !scoped {
		id = domain
	} else if !dashed(strings.ReplaceAll(domain, ".", "-"), 63) {
		return false
	}
	return len(id) >= 6 && len(id) <= 30 && isLower(id[0]) && id[len(id)-1] != '-' &&
		only(id, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// AzureSuffixes lists the hosts below which a Key Vault or a managed HSM may live.
func AzureSuffixes() []string {
	return []string{
		"vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net", "vault.microsoftazure.de",
		"managedhsm.azure.net", "managedhsm.azure.cn", "managedhsm.usgovcloudapi.net", "managedhsm.microsoftazure.de",
	}
}

func checkVaultURL(key string) error {
	rest, ok := strings.CutPrefix(key, "https://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 || parts[1] != "keys" {
		return errors.New("not the id of a key version: https://<vault>.vault.azure.net/keys/<name>/<version>")
	}
	host, name, version := parts[0], parts[2], parts[3]
	if err := checkVaultHost(host); err != nil {
		return err
	}
	if name == "" || len(name) > 127 || !only(name, upperLowerDigits+"-") {
		return errors.New("id of a key version without a key's name")
	}
	if !isHex32(version) {
		return errors.New("id of a key version without a version of 32 hex digits")
	}
	return nil
}

func checkVaultHost(host string) error {
	vault, suffix, _ := strings.Cut(host, ".")
	if len(vault) < 3 || !dashed(vault, 24) || !isLower(vault[0]) {
		return errors.New("id of a key version without a vault's name in lower case")
	}
	for _, known := range AzureSuffixes() {
		if suffix == known {
			return nil
		}
	}
	return fmt.Errorf("host of a key version ends in none of %s", strings.Join(AzureSuffixes(), ", "))
}
