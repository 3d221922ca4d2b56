package chain

import (
	"strconv"
	"strings"
	"testing"
)

// write is the path of a place.
func (p place) write() string {
	epoch := strconv.FormatUint(p.epoch, 10)
	switch p.kind {
	case kindFounding:
		return "vault.json"
	case kindFormat:
		return "policy/format.json"
	case kindAudit:
		return "policy/audit.json"
	case kindEnvironment:
		return "policy/environments/" + p.name + ".json"
	case kindRole:
		return "policy/roles/" + p.name + ".json"
	case kindMember:
		return "policy/members/" + p.name + ".json"
	case kindCloudKey:
		return "policy/cloudkeys/" + p.name + ".json"
	case kindTemplate:
		return "policy/templates/" + p.name + ".json"
	case kindInvite:
		return "policy/invites/" + p.name + ".json"
	case kindRoleWrap:
		return "keys/roles/" + p.name + "/" + epoch + "/" + p.leaf + ".age"
	case kindKeyWrap:
		return "keys/environments/" + p.name + "/" + epoch + "/" + p.leaf + ".age"
	case kindNamesWrap:
		return "keys/environments/" + p.name + "/" + epoch + "/" + p.leaf + ".names"
	case kindCloudWrap:
		return "keys/environments/" + p.name + "/" + epoch + "/cloud/" + p.leaf + ".age"
	case kindIDKey:
		return "keys/environments/" + p.name + "/" + epoch + "/id"
	case kindPrevious:
		return "keys/environments/" + p.name + "/" + epoch + "/previous"
	case kindAuditWrap:
		return "keys/audit/" + epoch + "/" + p.leaf + ".age"
	case kindAuditPrevious:
		return "keys/audit/" + epoch + "/previous"
	case kindSecret:
		return "secrets/" + p.name + "/" + p.leaf[:2] + "/" + p.leaf
	}
	return ""
}

// FuzzPath says that a path is of one place and a place has one path.
func FuzzPath(f *testing.F) {
	id := strings.Repeat("a", 26)
	hex := strings.Repeat("0a", 20)
	for _, path := range []string{
		"vault.json", "policy/format.json", "policy/audit.json", "policy/environments/production.json", "policy/roles/admin.json",
		"policy/members/" + id + ".json", "policy/cloudkeys/" + id + ".json", "policy/templates/qa.json", "policy/invites/" + id + ".json",
		"keys/roles/admin/12/" + id + ".age", "keys/roles/admin/1/@auditor.age", "keys/environments/qa/1/cloud.age", "keys/environments/qa/1/id.names",
		"keys/environments/qa/3/cloud/" + id + ".age", "keys/environments/qa/1/id", "keys/environments/qa/2/previous", "keys/audit/1/previous.age",
		"keys/audit/2/previous", "secrets/production/0a/" + hex,
	} {
		if parsePath(path).kind == kindNone {
			f.Fatalf("%s is no place", path)
		}
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if p := parsePath(path); p.kind != kindNone && p.write() != path {
			t.Fatalf("%q is read as %+v, which is %q", path, p, p.write())
		}
	})
}
