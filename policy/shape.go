package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/secr/secr/vault/canonical"
)

// The checks of this file see one file each. They say what is wrong; the caller says
// where.

func (f *formatFile) check() error {
	if f.Format < 1 || f.Format > MaxFormat {
		return errors.New("format is no format number")
	}
	return nil
}

func checkEpochs(epoch uint64, recipient string, earlier []string) error {
	if epoch < 1 || epoch > MaxEpoch {
		return fmt.Errorf("epoch is not in 1 to %d", MaxEpoch)
	}
	if uint64(len(earlier)) != epoch-1 {
		return errors.New("earlier does not hold one sum for each epoch before")
	}
	if !all(earlier, validSum) {
		return errors.New("earlier holds something else than SHA-256 in hex")
	}
	return CheckRecipient(recipient)
}

func (a *Audit) check() error { return checkEpochs(a.Epoch, a.Recipient, a.Earlier) }

func (r *Role) check() error {
	if !ValidName(r.Name) {
		return errors.New("name is no role's name")
	}
	if len(r.Grants) > MaxEnvironments || !all(slices.Collect(maps.Keys(r.Grants)), ValidName) {
		return errors.New("grants names something else than environments")
	}
	return checkEpochs(r.Epoch, r.Recipient, r.Earlier)
}

func (e *Environment) check() error {
	switch n := uint64(len(e.EnvironmentCommitments)); {
	case !ValidName(e.Name):
		return errors.New("name is no environment's name")
	case e.Epoch < 1 || e.Epoch > MaxEpoch:
		return fmt.Errorf("epoch is not in 1 to %d", MaxEpoch)
	case n != e.Epoch || uint64(len(e.NamesCommitments)) != e.Epoch:
		return errors.New("there is not one commitment an epoch")
	case !all(e.EnvironmentCommitments, validSum) || !all(e.NamesCommitments, validSum) || !validSum(e.IDCommitment):
		return errors.New("a commitment is no SHA-256 in hex")
	case len(e.AllowNames) > MaxAllowedNames || !all(e.AllowNames, canonical.ValidSecretName) || !canonical.Ascending(e.AllowNames):
		return errors.New("allow_names is no sorted list of names of secrets")
	case len(e.RequireKMS) > MaxCloudKeys || !all(e.RequireKMS, ValidID) || !canonical.Ascending(e.RequireKMS):
		return errors.New("require_kms is no sorted list of ids of cloud keys")
	case e.Due && len(e.RequireKMS) == 0:
		return errors.New("due without require_kms")
	case e.MaxAge < 0 || e.MaxAge > MaxAge:
		return fmt.Errorf("max_age is not in 0 to %d seconds", MaxAge)
	case !slices.Contains([]Receipts{ReceiptsBest, ReceiptsRequired, ReceiptsOff}, e.Receipts):
		return errors.New("receipts is none of best, required and off")
	}
	return nil
}

func (m *Member) check() error {
	switch {
	case !ValidID(m.ID):
		return errors.New("id is no id")
	case !ValidName(m.Handle):
		return errors.New("handle is no handle")
	case !canonical.ValidText(m.Name, MaxText) || !canonical.ValidText(m.Email, MaxText):
		return fmt.Errorf("name or email is longer than %d bytes or holds control characters", MaxText)
	case m.Kind != Person && m.Kind != Service:
		return errors.New("kind is neither person nor service")
	case len(m.Roles) > MaxRoles || !all(m.Roles, ValidName) || !canonical.Ascending(m.Roles):
		return errors.New("roles is no sorted list of roles")
	case len(m.Devices) < 1 || len(m.Devices) > MaxDevices:
		return fmt.Errorf("there are not 1 to %d devices", MaxDevices)
	case m.Devices[0].ID != m.ID:
		return errors.New("id is not the first device's")
	case !validTime(m.Expires):
		return errors.New("expires is no time")
	}
	for i := range m.Devices {
		if err := m.Devices[i].check(); err != nil {
			return fmt.Errorf("device %d: %w", i+1, err)
		}
	}
	return nil
}

func (d *Device) check() error {
	if err := CheckRecipient(d.Recipient); err != nil {
		return err
	}
	switch {
	case d.ID != DeviceID(d.Sign, d.Recipient):
		return errors.New("id is not the one of its keys")
	case !ValidName(d.Name):
		return errors.New("name is no device's name")
	case d.Kind != Machine && d.Kind != Recovery && d.Kind != Token:
		return errors.New("kind is none of machine, recovery and token")
	case d.Invite != "" && !ValidID(d.Invite):
		return errors.New("invite is no id")
	case !validTime(d.Expires):
		return errors.New("expires is no time")
	}
	return nil
}

func (c *CloudKey) check() error {
	switch {
	case !ValidID(c.ID):
		return errors.New("id is no id")
	case len(c.Roles) > MaxRoles || !all(c.Roles, ValidName) || !canonical.Ascending(c.Roles):
		return errors.New("roles is no sorted list of roles")
	case !canonical.Ascending(c.Waiting) || !all(c.Waiting, func(r string) bool { return slices.Contains(c.Roles, r) }):
		return errors.New("waiting is no sorted part of roles")
	}
	return CheckCloudName(c.Provider, c.Key)
}

func (t *Template) check() error {
	if !ValidName(t.Environment) {
		return errors.New("environment is no environment's name")
	}
	if len(t.Entries) > MaxTemplateEntries {
		return fmt.Errorf("more than %d entries", MaxTemplateEntries)
	}
	types := []TemplateType{TypeString, TypeInteger, TypeURL, TypeBoolean, TypeFile}
	for i, e := range t.Entries {
		switch {
		case !canonical.ValidSecretName(e.Name):
			return fmt.Errorf("entry %d: name is no secret's name", i+1)
		case i > 0 && t.Entries[i-1].Name >= e.Name:
			return fmt.Errorf("entry %d: entries are not sorted by name", i+1)
		case !slices.Contains(types, e.Type):
			return fmt.Errorf("entry %d: type is none of string, integer, url, boolean and file", i+1)
		case !canonical.ValidText(e.Note, MaxTemplateNote):
			return fmt.Errorf("entry %d: note is longer than %d bytes or holds control characters", i+1, MaxTemplateNote)
		}
	}
	return nil
}

func (i *Invite) check() error {
	switch {
	case !ValidID(i.ID) || !ValidID(i.By):
		return errors.New("id or by is no id")
	case !ValidName(i.Handle):
		return errors.New("handle is no handle")
	case len(i.Roles) > MaxRoles || !all(i.Roles, ValidName) || !canonical.Ascending(i.Roles):
		return errors.New("roles is no sorted list of roles")
	case i.Expires < 1 || !validTime(i.Expires):
		return errors.New("expires is no time")
	case i.Verifier == "" || len(i.Verifier)%2 != 0 || len(i.Verifier) > 2*MaxVerifier || !only(i.Verifier, "0123456789abcdef"):
		return fmt.Errorf("verifier is not 1 to %d bytes in hex", MaxVerifier)
	}
	return nil
}

func all[T any](list []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(list, func(t T) bool { return !ok(t) })
}
