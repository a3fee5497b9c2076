package issuer

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"

	"vidimus/internal/diagnosis"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// unpublished says that lists do not lie where the world reads them, and counts it.
func (a *App) unpublished(err error) {
	a.unlisted()
	a.log.Error("lists of revoked signers and readers, and of who issues here, could not be put among the published ones: what lies there is older", "error", err,
		"remedy", "see that status.directory can be written and has room; the office tries again every hour")
}

// diagnosePublished holds what lies among the published lists against what the office
// serves: whoever reads the files must not read older lists.
func (a *App) diagnosePublished(d *diagnosis.Diagnosis) {
	dir := a.cfg.Status.Directory
	if dir == "" || !exists(a.cfg.Path(dir)) {
		return
	}
	dir = a.cfg.Path(dir)
	const remedy = "see that status.directory can be written and has room; the log says why it failed, the office tries again at its start and every hour"
	look := func(what string, newest []byte, folder string) {
		there, err := readLimited(filepath.Join(dir, folder, what), maxPublished)
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(a.servers) == 0: // after a restore
			d.Add("published", what, diagnosis.Good, "", "is put there when the office starts")
		case errors.Is(err, fs.ErrNotExist):
			d.Add("published", what, diagnosis.Wrong, remedy, "does not lie in %s", filepath.Join(dir, folder))
		case err != nil:
			d.Add("published", what, diagnosis.Wrong, remedy, "%v", err)
		case !bytes.Equal(there, newest):
			d.Add("published", what, diagnosis.Wrong, remedy, "another one lies in %s than the office serves", filepath.Join(dir, folder))
		}
	}
	shelves, err := a.cfg.crlShelves(a.cfg.Path(crlFolder))
	if err != nil {
		d.Add("published", crlPublished, diagnosis.Wrong, "see that the certificates of the roots are there", "%v", err)
		return
	}
	for _, s := range shelves {
		if list, _, err := a.crl.get(s); err == nil && list != nil { // what is wrong with it is said beside it
			look(s.name+crlSuffix, list.Raw, crlPublished)
		}
	}
	for _, kind := range TrustListKinds {
		if data, err := readLimited(filepath.Join(a.cfg.Path(trustListsDir), kind.file), trust.MaxVICAL); err == nil {
			look(kind.file, data, trustListsDir)
		}
	}
}

// maxPublished bounds what is read of a published list, in bytes.
const maxPublished = max(trust.MaxVICAL, trust.MaxEntityList, pki.MaxCRLBytes)
